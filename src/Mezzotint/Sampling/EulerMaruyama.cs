using Mezzotint.Noise;
using static Mezzotint.Sampling.LinearCombination;

namespace Mezzotint.Sampling;

/// <summary>
/// The seed's solver: Euler-Maruyama on the reverse-time SDE dx = [f(t) x - g(t)^2 score(x, t)] dt + g(t) dw of a process.
/// </summary>
/// <remarks>
/// Song et al. 2021, "Score-Based Generative Modeling through Stochastic Differential Equations", arXiv 2011.13456, equation 6
/// discretised: mean = x - (f x - g^2 score) dt, x = mean + g sqrt(dt) z. The result is the last mean, without its noise. In the
/// seed's process the last step is as long as the one before it, although less time is left: so the seed has it. In the others it
/// ends where time does: beyond, it would throw the image past its estimate, the further the fewer the steps.
/// </remarks>
public static class EulerMaruyama
{
    /// <summary>As the command and configurations spell it.</summary>
    public const string Name = "euler-maruyama";

    /// <summary>The solver for one process; at that process's own times (<see cref="NoiseLevels.Uniform"/>) it is the
    /// seed's.</summary>
    /// <param name="process">The process that the network was trained in: unlike the other solvers, this one steps in its time
    /// and coordinates.</param>
    public static Solver For(NoiseProcess process)
    {
        ArgumentNullException.ThrowIfNull(process);
        return new Solver
        {
            Name = Name,
            Order = 1,
            Stochastic = true,
            Evaluations = (steps, _) => steps,
            Source = "Song et al. 2021, arXiv 2011.13456, equation 6",
            Walk = input => SolverLoop.Walk(input, () => Stepper(process.Reverse()), stochastic: true),
        };
    }

    private static Func<SolverStep, (TorchSharp.torch.Tensor Next, Evaluation Here)> Stepper(ReverseProcess reverse)
    {
        var process = reverse.Process;
        double dt = 0;
        return step =>
        {
            bool last = step.Index == step.Count - 1;
            double t = process.Time(step.From);
            if (!last || step.Index == 0)
                dt = t - process.Time(step.To);
            else if (process is not VarianceExploding)
                dt = Math.Min(dt, t);

            double alpha = process.Alpha(t), f = reverse.StateCoefficient(t), g = reverse.Diffusion(t);
            double alphaNext = process.Alpha(Math.Max(t - dt, 0));
            // score = (alpha D - x) / std^2, std = From alpha
            double scoreWeight = -reverse.ScoreCoefficient(t) * dt / (step.From * step.From * alpha);
            var here = step.Evaluate();
            var next = Sum(
                ((alpha * (1 - f * dt) - scoreWeight) / alphaNext, here.X),     // here.X is x / alpha, and so is what is returned
                (scoreWeight / alphaNext, here.Denoised),
                last ? (0, here.X) : step.Noise(g * Math.Sqrt(dt) / alphaNext, step.From, step.To));
            return (next, here);
        };
    }
}
