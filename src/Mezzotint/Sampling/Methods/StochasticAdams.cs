using static Mezzotint.Sampling.LinearCombination;
using static Mezzotint.Sampling.PhiFunctions;

namespace Mezzotint.Sampling.Methods;

/// <summary>
/// SA-Solver: Adams' methods for the reverse equation with noise. In lambda = -ln sigma and with c = 1 + eta,
/// x' = e^{-c h} x + the integral of c e^{-c (lambda' - s)} D(s) over the step + sigma' sqrt(1 - e^{-2 eta h}) z, and D is a
/// polynomial through its last values. The predictor has those that are known; the corrector one more, at the predicted end,
/// with the same z. The next step begins there and asks nothing twice.
/// </summary>
/// <remarks>
/// Xue et al. 2023, "SA-Solver", arXiv 2309.05019, equations 14, 15 and 17, with alpha = 1 and eta = tau^2, which stays the same
/// on the way. Predictor and corrector differ in the weights of D alone, so that a correction is a sum of D.
/// </remarks>
internal static class StochasticAdams
{
    public static Solver Create(int order, double eta, bool corrector, bool lowerOrderFinal)
    {
        Check.Range("order", order, order is >= 1 and <= 3, "1 to 3");
        Check.Range("eta", eta, eta >= 0 && double.IsFinite(eta), "0 or more");
        return new Solver
        {
            Name = "sa-solver",
            Order = corrector ? order + 1 : order,
            Stochastic = eta > 0,
            FollowsPath = eta > 0,
            Evaluations = (steps, _) => steps,
            Options = new()
            {
                Order = order, Eta = eta, Corrector = corrector, LowerOrderFinal = lowerOrderFinal ? true : null,
            },
            Switches = ["lower_order_final"],
            Source = "Xue et al. 2023, arXiv 2309.05019",
            Walk = input => SolverLoop.Walk(input, stochastic: eta > 0, memory: order, step: step =>
            {
                int At(int left) => lowerOrderFinal ? Math.Min(order, left) : order;
                var here = step.Evaluate();
                if (corrector && step.Index > 0)
                {
                    Evaluation[] known = [.. step.Past.Take(At(step.LeftBefore))];
                    double[] predicted = Weights(known, step.From, eta), corrected = Weights([.. known, here], step.From, eta);
                    here = here with
                    {
                        X = Sum([(1, here.X), (corrected[^1], here.Denoised),
                            .. known.Select((point, k) => (corrected[k] - predicted[k], point.Denoised))]),
                    };
                }
                if (step.To == 0) // h is infinite: the last estimate
                    return (here.Denoised, here);
                Evaluation[] points = [here, .. step.Past.Take(At(step.Left) - 1)];
                double h = Math.Log(step.From / step.To);
                double std = eta == 0 ? 0 : step.To * Math.Sqrt(2 * eta * h * Phi(1, -2 * eta * h)); // 1 - e^{-2 eta h}
                return (Sum([(Math.Exp(-(1 + eta) * h), here.X), step.Noise(std, step.From, step.To),
                    .. Weights(points, step.To, eta).Select((weight, k) => (weight, points[k].Denoised))]), here);
            }),
        };
    }

    /// <summary>What each D counts in the integral from the level of the first point to another one.</summary>
    private static double[] Weights(Evaluation[] points, double to, double eta)
    {
        double start = points[0].Sigma, h = Math.Log(start / to), c = (1 + eta) * h, factorial = 1;
        double[] moments = new double[points.Length]; // of u = (lambda - lambda_0) / h: the integral of c e^{-c (1 - u)} u^n
        for (int n = 0; n < moments.Length; n++)
        {
            factorial *= Math.Max(1, n);
            moments[n] = factorial * c * Phi(n + 1, -c);
        }
        return Lagrange.Weights([.. points.Select(point => Math.Log(start / point.Sigma) / h)], moments);
    }
}
