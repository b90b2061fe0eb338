using static TorchSharp.torch;

namespace Mezzotint.Sampling;

/// <summary>How often a walk will ask the network, before it is walked.</summary>
internal static class WalkEvaluations
{
    /// <summary>Network evaluations for one image; an estimate where the solver chooses its own steps.</summary>
    /// <param name="guidance">Null for none.</param>
    /// <param name="plan">The solver and its levels.</param>
    public static long Of(Guidance? guidance, (Solver Solver, double[] Levels) plan)
    {
        int steps = plan.Levels.Length - 1;
        long asked = plan.Solver.Evaluations is not { } promised ? 6 * plan.Levels.Length
            : plan.Levels.Zip(plan.Levels.Skip(1), SolverLoop.IsRepeat).Contains(true) ? Counted(plan.Solver, plan.Levels, null)
            : promised(steps, plan.Levels[^1] == 0);
        if (guidance is not { IsNone: false })
            return asked;
        if (guidance.Low <= 0 && double.IsPositiveInfinity(guidance.High))
            return 2 * asked;
        return plan.Solver.Evaluations is null
            ? asked + (long)Math.Round(asked * (double)plan.Levels.Take(steps).Count(guidance.Covers) / steps)
            : Counted(plan.Solver, plan.Levels, guidance);
    }

    /// <summary>
    /// Walks over the levels with an image of one pixel, and counts. A solver may ask at levels between those of its steps, and
    /// guidance may cover some of them.
    /// </summary>
    private static long Counted(Solver solver, double[] levels, Guidance? guidance)
    {
        using var scope = NewDisposeScope();
        using var inference = inference_mode();
        var counter = new CountingDenoiser(guidance);
        var nothing = zeros(1, 1, 1, 1);
        var input = new SolverInput { Denoiser = counter, Levels = levels, X = nothing, Noise = (_, _) => nothing };
        foreach (var _ in solver.Walk(input))
        {
            // What it asks for is counted; where it arrives does not matter.
        }
        return counter.Evaluations;
    }

    /// <summary>Estimates nothing, and counts what a guided network would be asked.</summary>
    private sealed class CountingDenoiser(Guidance? guidance) : IDenoiser
    {
        public long Evaluations { get; private set; }

        public Tensor Denoise(Tensor x, double sigma)
        {
            Evaluations += guidance?.Covers(sigma) == true ? 2 : 1;
            return zeros_like(x);
        }

        public Estimates Estimate(Tensor x, double sigma)
        {
            var estimate = Denoise(x, sigma);
            return new(estimate, guidance is { Renoises: true } && guidance.Covers(sigma) ? estimate : null);
        }
    }
}
