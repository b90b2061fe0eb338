using Mezzotint.Noise;
using Mezzotint.Runtime;
using Mezzotint.Sampling;
using static TorchSharp.torch;
using EdmProcess = Mezzotint.Noise.Edm;

namespace Mezzotint.AspNetCore.Plane;

/// <summary>Walks of the library's samplers through a mixture in the plane, whose denoiser is exact: what is wrong with where
/// they end is the sampler's.</summary>
internal sealed class PlaneWalks(PlaneMixture mixture)
{
    /// <summary>The process of the plane: the data have a standard deviation near 1, and vanish in the most noise.</summary>
    public static NoiseProcess Process { get; } = From(10);

    /// <summary>The same from a lower level on.</summary>
    public static NoiseProcess From(double level) => new EdmProcess { MinimumTime = 0.01, MaximumSigma = level };

    /// <summary>The error of the exact solution: below what a picture of the plane shows by far.</summary>
    private const double Tolerance = 1e-9;

    private const double AlmostNothing = 1e-6;

    /// <summary>Points after each step of a sampler.</summary>
    /// <param name="sampler">The sampler.</param>
    /// <param name="levels">The levels that it walks over.</param>
    /// <param name="starts">Points at the first level.</param>
    /// <param name="seed">Of the noise that stochastic samplers draw.</param>
    /// <param name="stop">Stops after a step.</param>
    public PlaneWalk Walk(
        Solver sampler, double[] levels, IReadOnlyList<(double X, double Y)> starts, long seed, CancellationToken stop)
    {
        using var scope = NewDisposeScope();
        using var inference = inference_mode();
        var x = tensor(Flat(starts), [starts.Count, 1, 1, 2]); // float64
        long[] seeds = [.. Enumerable.Range(0, starts.Count).Select(i => (seed + i) % uint.MaxValue)];
        using var fresh = new ImageNoise(seeds, 1, 1, 2, CPU);
        using var path = sampler is { Stochastic: true, FollowsPath: true } && levels.Length > 2
            ? new BrownianTree(seeds, 1, 1, 2, levels.Last(level => level > 0), levels[0], CPU) : null;
        var counted = new Counted(mixture);
        var points = new List<(double X, double Y)[]> { starts.ToArray() };
        foreach (var step in sampler.Walk(new SolverInput
        {
            Denoiser = counted, Levels = levels, X = x,
            Noise = (from, to) => (path is null ? fresh.Next() : path.Noise(from, to)).to(float64),
        }))
        {
            stop.ThrowIfCancellationRequested();
            points.Add(Pairs(step.X));
        }
        return new(sampler, points, counted.Calls);
    }

    /// <summary>The exact solution of the probability flow from the same starts, at each level; the last is 0.</summary>
    public PlaneWalk Exact(double[] levels, IReadOnlyList<(double X, double Y)> starts, CancellationToken stop)
    {
        // A step to 0 is one of Euler's, whatever the solver: from so little noise it is exact too.
        double[] finer = [.. levels[..^1], AlmostNothing, 0];
        var walk = Walk(
            Solvers.Named("dopri5", new SolverOptions { Rtol = Tolerance, Atol = Tolerance }), finer, starts, 0, stop);
        return walk with { Points = [.. walk.Points.Where((_, i) => i != finer.Length - 2)] };
    }

    /// <summary>The distances of the ends of two walks: their root mean square.</summary>
    public static double Distance(PlaneWalk walk, PlaneWalk exact) => Math.Sqrt(
        walk.Points[^1].Zip(exact.Points[^1], (a, b) => (a.X - b.X) * (a.X - b.X) + (a.Y - b.Y) * (a.Y - b.Y)).Average());

    /// <summary>Starts of noise: sigma z of each seed.</summary>
    public static IReadOnlyList<(double X, double Y)> Starts(double sigma, long seed, int count)
    {
        using var scope = NewDisposeScope();
        using var noise = new ImageNoise(Enumerable.Range(0, count).Select(i => seed + i), 1, 1, 2, CPU);
        return [.. Pairs(noise.Next().to(float64)).Select(z => (sigma * z.X, sigma * z.Y))];
    }

    private static double[] Flat(IReadOnlyList<(double X, double Y)> points) =>
        [.. points.SelectMany(point => (double[])[point.X, point.Y])];

    private static (double X, double Y)[] Pairs(Tensor x) =>
        [.. x.contiguous().data<double>().ToArray().Chunk(2).Select(pair => (pair[0], pair[1]))];

    private sealed class Counted(IDenoiser inner) : IDenoiser
    {
        public int Calls { get; private set; }

        public Tensor Denoise(Tensor x, double sigma)
        {
            Calls++;
            return inner.Denoise(x, sigma);
        }
    }
}

/// <summary>Where points were after each step of a walk.</summary>
/// <param name="Sampler">Who walked.</param>
/// <param name="Points">At each level, all points.</param>
/// <param name="Evaluations">How often each asked the denoiser.</param>
internal sealed record PlaneWalk(Solver Sampler, IReadOnlyList<(double X, double Y)[]> Points, int Evaluations);
