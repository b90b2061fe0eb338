using Mezzotint.Noise;
using Mezzotint.Sampling;
using TorchSharp;
using static TorchSharp.torch;

namespace Mezzotint.Cli.Plots;

/// <summary>Paths to the two modes of a distribution that is known exactly, and how far from their true ends solvers
/// end.</summary>
internal sealed class MixturePaths : IDisposable
{
    private const long Seed = 42;
    private const double Least = 1e-4; // from here to 0 the estimate is right to 1e-8
    private static readonly GaussianMixtureDenoiser Mixture = GaussianMixtureDenoiser.TwoModes;
    private readonly DisposeScope _scope = NewDisposeScope();
    private readonly Tensor _start, _truth;

    /// <summary>Draws the starts, and walks them to their ends by the one solver that watches its own error.</summary>
    /// <param name="process">Gives the first level.</param>
    /// <param name="count">How many.</param>
    /// <param name="final">Where the walks end.</param>
    public MixturePaths(NoiseProcess process, int count, FinalLevel final)
    {
        double least = final == FinalLevel.Zero ? Math.Min(Least, process.MinimumLevel) : process.MinimumLevel;
        _start = Mixture.Draw(process.MaximumLevel, count, 1, Seed); // [B, 1, 1, 1]
        _truth = Walk(Solvers.Dopri5(1e-12, 1e-12), NoiseLevels.Karras(process.MaximumLevel, least, 20, final)).X;
    }

    /// <summary>The RMS error at the ends of a solver's walk, and its evaluations.</summary>
    public (int Evaluations, double Error) Measure(Solver solver, double[] levels)
    {
        using var scope = NewDisposeScope();
        var (x, evaluations) = Walk(solver, levels);
        var off = LinearCombination.Sum((1, x), (-1, _truth));
        return (evaluations, off.mul(off).mean().sqrt().item<double>());
    }

    public void Dispose() => _scope.Dispose();

    private (Tensor X, int Evaluations) Walk(Solver solver, double[] levels)
    {
        int evaluations = 0;
        Tensor? end = null;
        foreach (var step in solver.Walk(new() { Denoiser = Mixture, Levels = levels, X = _start }))
        {
            evaluations = step.Evaluations;
            if (step.Index == levels.Length - 2)
                end = step.X.clone();
        }
        return (end!, evaluations);
    }
}
