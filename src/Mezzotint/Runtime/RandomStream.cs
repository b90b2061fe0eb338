using System.Numerics;

namespace Mezzotint.Runtime;

/// <summary>
/// A stream of random numbers that is a function of (seed, index) alone, the same on every machine. Image i of a set is drawn
/// from stream (seed, i), so it does not depend on the images beside it.
/// </summary>
/// <remarks>
/// The generator is xoshiro256** (D. Blackman, S. Vigna, "Scrambled Linear Pseudorandom Number Generators", 2021):
/// 256 bits of state, period 2^256 - 1. Its state is filled by SplitMix64 (G. Steele, D. Lea, C. Flood, 2014), as its authors
/// advise.
/// </remarks>
[System.Diagnostics.CodeAnalysis.SuppressMessage(
    "Naming", "CA1711", Justification = "A stream of random numbers is what the literature calls it.")]
internal sealed class RandomStream
{
    private const ulong GoldenGamma = 0x9E3779B97F4A7C15; // 2^64 / golden ratio, odd

    private ulong s0, s1, s2, s3;

    /// <summary>Opens stream <paramref name="index"/> of <paramref name="seed"/>.</summary>
    public RandomStream(long seed, long index = 0)
    {
        // Mixed twice, so that neighbouring seeds and neighbouring indices have nothing in common.
        ulong state = Mix(Mix(unchecked((ulong)seed + GoldenGamma)) + unchecked((ulong)index));
        s0 = SplitMix(ref state);
        s1 = SplitMix(ref state);
        s2 = SplitMix(ref state);
        s3 = SplitMix(ref state);
    }

    /// <summary>Starts from a given state, for comparison with the published outputs.</summary>
    internal RandomStream(ulong s0, ulong s1, ulong s2, ulong s3) => (this.s0, this.s1, this.s2, this.s3) = (s0, s1, s2, s3);

    /// <summary>The next 64 random bits.</summary>
    public ulong NextBits()
    {
        ulong result = BitOperations.RotateLeft(s1 * 5, 7) * 9;
        ulong t = s1 << 17;
        s2 ^= s0;
        s3 ^= s1;
        s1 ^= s2;
        s0 ^= s3;
        s2 ^= t;
        s3 = BitOperations.RotateLeft(s3, 45);
        return result;
    }

    /// <summary>A number uniform in [0, 1): a multiple of 2^-53.</summary>
    public double NextDouble() => (NextBits() >> 11) * (1.0 / (1UL << 53));

    /// <summary>A number uniform in [<paramref name="low"/>, <paramref name="high"/>).</summary>
    public double Uniform(double low, double high) => low + (high - low) * NextDouble();

    /// <summary>A standard normal number: sqrt(-2 ln u) cos(2 pi v), u in (0, 1] (G. Box, M. Muller, 1958).</summary>
    /// <remarks>The sine's twin is thrown away, so that the stream has no state besides its bits.</remarks>
    public double Normal()
    {
        double u = 1 - NextDouble();
        double v = NextDouble();
        return Math.Sqrt(-2 * Math.Log(u)) * Math.Cos(2 * Math.PI * v);
    }

    /// <summary>A normal number of the given mean and standard deviation.</summary>
    public double Normal(double mean, double deviation) => mean + deviation * Normal();

    /// <summary>A whole number uniform in [0, <paramref name="count"/>); each is as likely as the others to within
    /// 2^-33.</summary>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="count"/> is not positive.</exception>
    public int Below(int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(count);
        return (int)Math.BigMul(NextBits(), (ulong)count, out _);
    }

    /// <summary>Steps SplitMix64 and gives its output.</summary>
    internal static ulong SplitMix(ref ulong state) => Mix(state += GoldenGamma);

    private static ulong Mix(ulong z)
    {
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }
}
