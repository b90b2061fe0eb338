using Mezzotint.Runtime;

namespace Mezzotint.Tests.Runtime;

public class RandomStreamTests
{
    [Fact]
    public void Bits_are_those_of_xoshiro256_starstar()
    {
        // The state 1, 2, 3, 4 stepped by hand from the generator's definition: rotl(5 * s1, 7) * 9.
        var random = new RandomStream(1, 2, 3, 4);
        Assert.Equal(
            [11520UL, 0UL, 1509978240UL, 1215971899390074240UL],
            [random.NextBits(), random.NextBits(), random.NextBits(), random.NextBits()]);
    }

    [Fact]
    public void SplitMix_gives_its_published_outputs()
    {
        // The usual check of SplitMix64, from seed 1234567.
        ulong state = 1234567;
        ulong[] outputs = [RandomStream.SplitMix(ref state), RandomStream.SplitMix(ref state), RandomStream.SplitMix(ref state)];
        Assert.Equal([6457827717110365317UL, 3203168211198807973UL, 9817491932198370423UL], outputs);
    }

    [Fact]
    public void A_stream_is_a_function_of_seed_and_index()
    {
        var seen = new HashSet<ulong>();
        for (long seed = -3; seed <= 3; seed++)
            for (long index = -3; index <= 300; index++)
            {
                ulong first = new RandomStream(seed, index).NextBits();
                Assert.Equal(first, new RandomStream(seed, index).NextBits());
                Assert.True(seen.Add(first), $"({seed}, {index}) begins as another stream does.");
            }
    }

    [Fact]
    public void Uniform_and_normal_numbers_have_their_moments()
    {
        const int n = 200_000; // the bounds are five standard errors
        var random = new RandomStream(5);
        double u = 0, uu = 0, z = 0, zz = 0, zzzz = 0;
        for (int i = 0; i < n; i++)
        {
            double uniform = random.NextDouble();
            Assert.InRange(uniform, 0, 1 - 1e-16);
            (u, uu) = (u + uniform, uu + uniform * uniform);
            double normal = random.Normal();
            (z, zz, zzzz) = (z + normal, zz + normal * normal, zzzz + Math.Pow(normal, 4));
        }
        Assert.Equal(0.5, u / n, 5 * 0.2887 / Math.Sqrt(n));
        Assert.Equal(1 / 3.0, uu / n, 5 * 0.2981 / Math.Sqrt(n));
        Assert.Equal(0, z / n, 5 / Math.Sqrt(n));
        Assert.Equal(1, zz / n, 5 * Math.Sqrt(2.0 / n));
        Assert.Equal(3, zzzz / n, 5 * Math.Sqrt(96.0 / n));
    }

    [Fact]
    public void Draws_of_neighbouring_streams_are_uncorrelated()
    {
        const int n = 20_000;
        double sum = 0;
        for (int i = 0; i < n; i++)
            sum += (new RandomStream(0, i).NextDouble() - 0.5) * (new RandomStream(0, i + 1).NextDouble() - 0.5);
        Assert.Equal(0, sum / n, 5 / 12.0 / Math.Sqrt(n));
    }

    [Fact]
    public void Below_reaches_every_number_equally_often()
    {
        var random = new RandomStream(8);
        int[] counts = new int[7];
        for (int i = 0; i < 70_000; i++)
            counts[random.Below(7)]++;
        Assert.All(counts, count => Assert.InRange(count, 9_500, 10_500));
        Assert.Throws<ArgumentOutOfRangeException>(() => random.Below(0));
    }
}
