using static Mezzotint.Sampling.LinearCombination;
using static TorchSharp.torch;

namespace Mezzotint.Sampling.Methods;

/// <summary>
/// DPM-Solver-2, the midpoint rule in lambda = -ln sigma on the predicted noise epsilon = (x - D) / sigma, with r = 1/2. u = x +
/// (sigma_m - sigma) epsilon(x), sigma_m = sqrt(sigma sigma'); x' = x + (sigma' - sigma) epsilon(u).
/// </summary>
/// <remarks>Lu et al. 2022, "DPM-Solver", arXiv 2206.00927, algorithm 1, where sigma_t (e^h - 1) is sigma - sigma' in these
/// coordinates.</remarks>
internal static class DpmSolver
{
    private const string Paper = "Lu et al. 2022, arXiv 2206.00927, algorithm 1";

    /// <summary>Its own is ln sigma; in flow time the steps are even in ln t.</summary>
    internal static SolverCoordinate[] Coordinates { get; } = [SolverCoordinate.Own, SolverCoordinate.Log, SolverCoordinate.Flow];

    public static Solver Second(Churn churn)
    {
        churn.Validate();
        return new Solver
        {
            Name = "dpm2",
            Order = 2,
            Stochastic = churn.Amount > 0,
            Evaluations = Evaluations,
            Options = SolverOptions.Of(churn),
            Coordinates = Coordinates,
            OwnCoordinate = SolverCoordinate.Log,
            Source = Paper,
            Walk = input => churn.Walk(input, step =>
            {
                var here = churn.Evaluate(step);
                return (Midpoint(step, here, step.To), here);
            }),
        };
    }

    /// <summary>The same down to sigma_down, then noise back up, as k-diffusion has it; no paper describes it.</summary>
    public static Solver SecondAncestral(double eta)
    {
        Check.Range("eta", eta, eta is >= 0 and <= 1, "0 to 1");
        return new Solver
        {
            Name = "dpm2-ancestral",
            Order = 2,
            Stochastic = eta > 0,
            FollowsPath = eta > 0,
            Evaluations = Evaluations,
            Options = new() { Eta = eta },
            Source = $"{Paper}; ancestral step: k-diffusion",
            Walk = input => SolverLoop.Walk(input, stochastic: eta > 0, step: step =>
            {
                var here = step.Evaluate();
                var (down, up) = Ancestral.Split(step.From, step.To, eta);
                return (Sum((1, Midpoint(step, here, down)), step.Noise(up, step.From, step.To)), here);
            }),
        };
    }

    private static int Evaluations(int steps, bool toZero) => toZero ? 2 * steps - 1 : 2 * steps;

    private static Tensor Midpoint(SolverStep step, Evaluation here, double to)
    {
        if (to == 0) // its midpoint in lambda would be at infinity
            return here.Denoised;
        double middle = Math.Sqrt(here.Sigma * to);
        var u = Sum((1, here.X), (middle - here.Sigma, here.Slope()));
        return Sum((1, here.X), (to - here.Sigma, step.Evaluate(u, middle).Slope()));
    }
}
