using CsCheck;
using Mezzotint.Noise;
using Mezzotint.Sampling;
using static TorchSharp.torch;

namespace Mezzotint.Tests.Sampling;

/// <summary>Any process, any levels, any number of steps from 1 to 1000, any solver: no NaN, and exactly the promised number of
/// evaluations.</summary>
public class AnyWalkTests
{
    private static readonly Gen<FinalLevel> Finals = Gen.Bool.Select(zero => zero ? FinalLevel.Zero : FinalLevel.Minimum);
    private static readonly Gen<string> Spreads = Gen.Int[0, NoiseLevels.Names.Count - 1].Select(i => NoiseLevels.Names[i]);

    /// <summary>Few and many alike: half of the draws are below 32.</summary>
    private static readonly Gen<int> Steps = Gen.OneOf(Gen.Int[1, 31], Gen.Int[1, 1000]);

    /// <summary>dopri5 chooses its own steps, and at its default tolerance takes many between levels as far apart as these: it is
    /// told to be content with less.</summary>
    public static TheoryData<string> Names { get; } = [EulerMaruyama.Name, .. SolverCases.All.Keys];

    [Theory, MemberData(nameof(Names))]
    public void Any_process_any_levels_any_steps_run_without_NaN_at_the_promised_price(string name) =>
        Gen.Select(Noise.Processes.Any, Spreads, Finals, Steps, Gen.Bool).Sample((process, spread, final, steps, single) =>
        {
            double[] levels;
            try
            {
                levels = NoiseLevels.Named(spread, process, steps, final);
            }
            catch (MezzotintException refused) // NoiseLevelsTests says when exactly
            {
                Assert.Contains("must be at most", refused.Message, StringComparison.Ordinal);
                Assert.NotNull(process.Table);
                return;
            }
            AssertRuns(SolverOf(name, process), levels, single ? float32 : float64);
        }, iter: 25, threads: 1);

    private static Solver SolverOf(string name, NoiseProcess process) => name switch
    {
        EulerMaruyama.Name => EulerMaruyama.For(process),
        "dopri5" => Solvers.Dopri5(1e-2, 1e-2),
        _ => SolverCases.All[name],
    };

    private static void AssertRuns(Solver solver, double[] levels, ScalarType type)
    {
        using var scope = NewDisposeScope();
        // Images of several channels and both dimensions; black, grey and white ones alike.
        long[] shape = [2, 3, 4, 4];
        var denoiser = new CountingDenoiser(new GaussianMixtureDenoiser([0.5, 0.3, 0.2], [0, 0.5, 1], [0.01, 0.2, 0.05]));
        var fresh = SolverInputs.Noise(shape);
        var input = new SolverInput
        {
            Denoiser = denoiser,
            Levels = levels,
            X = (fresh(0, 0) * levels[0]).to(type),
            Noise = (from, to) => fresh(from, to).to(type),
        };
        int steps = 0, evaluations = 0;
        foreach (var step in solver.Walk(input))
        {
            Assert.Equal((type, type), (step.X.dtype, step.Denoised.dtype));
            Assert.True(
                step.X.isfinite().all().item<bool>() && step.Denoised.isfinite().all().item<bool>(),
                $"step {step.Index} of {levels.Length - 1}, at {step.Sigma:g4}");
            (steps, evaluations) = (steps + 1, step.Evaluations);
        }
        Assert.Equal(levels.Length - 1, steps);
        Assert.Equal(denoiser.Calls, evaluations);
        if (solver.Evaluations is { } promised)
            Assert.Equal(promised(steps, levels[^1] == 0), evaluations);
    }
}
