using Mezzotint.Runtime;
using TorchSharp;
using static Mezzotint.Sampling.LinearCombination;
using static TorchSharp.torch;

namespace Mezzotint.Sampling;

/// <summary>
/// A Brownian path for each image, that can be asked anywhere in any order: W is a function of the seed and the level alone. With
/// it, a stochastic solver follows the same path whatever its steps, and more steps converge to that path's image.
/// </summary>
/// <remarks>
/// A virtual Brownian tree (Gaines, Lyons 1997; Li et al. 2020, "Scalable Gradients for Stochastic Differential Equations", arXiv
/// 2001.01328, algorithm 3). The value at the middle of an interval is a Brownian bridge between its ends with a normal draw that
/// is seeded by the interval. The path's time is tau = 1 / sigma^2, in which the reverse equation's noise is exactly sigma'^2
/// (W(tau') - W(tau)) wherever the exponential integrators put theirs: d(x / sigma^2) = -2 D / sigma^3 dsigma + dW(tau).
/// Intervals are halved in ln sigma, since levels are spread like that. Levels are rounded to 2^-24 of the range; two within one
/// such cell get a draw of their own.
/// </remarks>
public sealed class BrownianTree : IDisposable
{
    private const int Depth = 24;

    private readonly long[] _seeds;
    private readonly long[] _shape;
    private readonly Device _device;
    private readonly ScalarType _type;
    private readonly double _high, _range;
    private readonly Generator _generator = new(0, CPU);
    private (long Cell, Tensor Value)? _last; // a solver's next stretch begins where the last one ended

    /// <summary>Plants one tree an image.</summary>
    /// <param name="seeds">One an image, any numbers.</param>
    /// <param name="channels">C.</param>
    /// <param name="height">H.</param>
    /// <param name="width">W.</param>
    /// <param name="low">The lowest level above 0 that will be asked for.</param>
    /// <param name="high">The highest.</param>
    /// <param name="device">Where the noise is wanted; it is drawn on the CPU.</param>
    /// <param name="type">float32 or float64.</param>
    /// <exception cref="ArgumentException">No seeds, or not 0 &lt; low &lt; high.</exception>
    public BrownianTree(
        IEnumerable<long> seeds, long channels, long height, long width, double low, double high, Device? device = null,
        ScalarType type = ScalarType.Float32)
    {
        _seeds = [.. seeds];
        if (_seeds.Length == 0)
            throw new ArgumentException("A tree for no image.", nameof(seeds));
        if (!(low > 0) || !(high > low) || !double.IsFinite(high))
            throw new ArgumentException(
                $"Levels from {low} to {high}: the lowest is above 0, the highest above that.", nameof(low));
        _shape = [_seeds.Length, channels, height, width];
        _high = high;
        _range = Math.Log(high / low);
        _device = device ?? CPU;
        _type = type;
    }

    /// <summary>(W(to) - W(from)) over its standard deviation, z ~ N(0, I): [B, C, H, W]. Draws for stretches that do not overlap
    /// are independent.</summary>
    /// <param name="from">A level of the range.</param>
    /// <param name="to">Another one. At one and the same level there is no path: take fresh draws for Langevin steps.</param>
    /// <exception cref="ArgumentException">A level outside the range, or twice the same.</exception>
    public Tensor Noise(double from, double to)
    {
        if (from == to)
            throw new ArgumentException($"Both levels are {from}: a path has no noise between a level and itself.", nameof(to));
        using var scope = NewDisposeScope();
        long a = Cell(from), b = Cell(to);
        Tensor z;
        if (a == b)
        {
            z = Draw((1L << (Depth + 1)) + a);
        }
        else
        {
            var start = Value(a);
            var end = Value(b);
            double std = Math.Sqrt(Math.Abs(Time(a) - Time(b)));
            z = Sum((1 / std, end), (-1 / std, start));
            _last?.Value.Dispose();
            _last = (b, end.DetachFromDisposeScope());
        }
        return z.to(_device).MoveToOuterDisposeScope();
    }

    /// <summary>What part of the path's time between two levels has passed at one between them: 0 to 1.</summary>
    public static double Share(double from, double middle, double to)
    {
        double m = from / middle, t = from / to;
        return (m - 1) * (m + 1) / ((t - 1) * (t + 1));
    }

    /// <summary>Frees the generator and the last value.</summary>
    public void Dispose()
    {
        _generator.Dispose();
        _last?.Value.Dispose();
        _last = null;
    }

    /// <summary>Cell i lies at ln sigma = ln high - i / 2^Depth range.</summary>
    private long Cell(double sigma)
    {
        double position = Math.Log(_high / sigma) / _range;
        if (!(position > -1e-6 && position < 1 + 1e-6))
            throw new ArgumentException(
                $"Level {sigma} is outside the tree's, {_high * Math.Exp(-_range):g6} to {_high:g6}.", nameof(sigma));
        return (long)Math.Round(Math.Clamp(position, 0, 1) * (1 << Depth));
    }

    /// <summary>tau = 1 / sigma^2 in units of the highest level's.</summary>
    private double Time(long cell) => Math.Exp(2 * _range * cell / (1 << Depth));

    /// <summary>W at a cell, 0 at the highest level: down the tree to where the cell is a node.</summary>
    private Tensor Value(long cell)
    {
        if (_last is { } last && last.Cell == cell)
            return last.Value.alias();
        using var scope = NewDisposeScope();
        long left = 0, right = 1 << Depth, node = 1;
        var atLeft = zeros(_shape, _type);
        if (cell == left)
            return atLeft.MoveToOuterDisposeScope();
        var atRight = Sum((Math.Sqrt(Time(right) - Time(left)), Draw(0)));
        while (cell != right)
        {
            long middle = (left + right) / 2;
            double whole = Time(right) - Time(left), before = Time(middle) - Time(left), after = Time(right) - Time(middle);
            // Brownian bridge: mean linear in time, variance before * after / whole
            var atMiddle =
                Sum((after / whole, atLeft), (before / whole, atRight), (Math.Sqrt(before * after / whole), Draw(node)));
            bool goLeft = cell <= middle;
            (left, right, atLeft, atRight) = goLeft ? (left, middle, atLeft, atMiddle) : (middle, right, atMiddle, atRight);
            node = 2 * node + (goLeft ? 0 : 1);
        }
        return atRight.MoveToOuterDisposeScope();
    }

    /// <summary>The normal draw of one node for each image.</summary>
    private Tensor Draw(long node)
    {
        var z = empty(_shape, _type);
        for (int i = 0; i < _seeds.Length; i++)
        {
            _generator.manual_seed(RandomSeeds.Derive(_seeds[i], RandomPurpose.SamplingPath, node));
            using var image = z[i];
            image.normal_(generator: _generator);
        }
        return z;
    }
}
