using static Mezzotint.Sampling.LinearCombination;
using static TorchSharp.torch;

namespace Mezzotint.Sampling.Methods;

/// <summary>
/// Methods of Adams and Bashforth: x' = x + sum_j c_j d_j over the last slopes d_j = (x_j - D_j) / sigma_j, one evaluation a
/// step. They differ in the variable in which the slope is taken for a polynomial.
/// </summary>
internal static class LinearMultistep
{
    // VP with linear beta, the process whose time tAB-DEIS is about: beta from 0.1 to 20 (Song et al. 2021, arXiv 2011.13456,
    // appendix C).
    private const double BetaMin = 0.1, BetaMax = 20;

    /// <summary>Adams-Bashforth with variable steps, polynomials in sigma; also what DEIS calls rhoAB.</summary>
    public static Solver Lms(int order)
    {
        Check.Range("order", order, order is >= 1 and <= 4, "1 to 4");
        return Create(
            "lms", order, new() { Order = order }, "k-diffusion, sample_lms; Hairer, Norsett, Wanner 1993, Solving ODEs I, III.5",
            (step, sigma, j) =>
            Lagrange.Integral(s => Lagrange.Basis(sigma, j, s), step.From, step.To));
    }

    /// <summary>
    /// tAB-DEIS: polynomials in the time t of the VP process, C_ij = the integral of l_j(t(sigma)) over sigma.
    /// A polynomial degree of r in the paper (tABr) is order r + 1 here.
    /// </summary>
    public static Solver Deis(int order)
    {
        Check.Range("order", order, order is >= 1 and <= 3, "1 to 3");
        return Create("deis", order, new() { Order = order }, "Zhang, Chen 2023, arXiv 2204.13902, tAB-DEIS", (step, sigma, j) =>
        {
            double[] t = [.. sigma.Select(VpTime)];
            // t(sigma) bends where beta's two parts are equal, near sigma = 0.016: panels evenly spaced in v, sigma = 0.016 sinh
            // v, follow it
            const double bend = 0.016;
            double from = Math.Asinh(step.From / bend), to = Math.Asinh(step.To / bend);
            int panels = (int)Math.Ceiling(Math.Abs(from - to) / 0.5);
            return Lagrange.Integral(
                v => Lagrange.Basis(t, j, VpTime(bend * Math.Sinh(v))) * bend * Math.Cosh(v), from, to, panels);
        });
    }

    /// <summary>
    /// PLMS: the four-step weights for even steps, applied to the step whatever its length. The start is Heun's step, as in
    /// Latent Diffusion's sampler.
    /// </summary>
    /// <remarks>
    /// Liu et al. 2022, "Pseudo Numerical Methods for Diffusion Models on Manifolds", arXiv 2202.09778: of second order, as the
    /// paper shows, unless the levels are even. The paper's own program starts with three Runge-Kutta steps instead, nine
    /// evaluations more.
    /// </remarks>
    public static Solver Plms() => new()
    {
        Name = "plms",
        Order = 2,
        Evaluations = (steps, toZero) => steps == 1 && toZero ? 1 : steps + 1,
        Source = "Liu et al. 2022, arXiv 2202.09778 (PNDM); start: Rombach et al. 2022",
        Walk = input => SolverLoop.Walk(input, memory: 3, step: step =>
        {
            var here = step.Evaluate();
            double h = step.To - step.From;
            var e = here.Slope();
            if (step.Index == 0)
            {
                var euler = Sum((1, step.X), (h, e));
                return (
                    step.To == 0 ? euler : Sum((1, step.X), (h / 2, e), (h / 2, step.Evaluate(euler, step.To).Slope())), here);
            }
            double[] w = step.Past.Count switch
            {
                1 => [3 / 2.0, -1 / 2.0],
                2 => [23 / 12.0, -16 / 12.0, 5 / 12.0],
                _ => [55 / 24.0, -59 / 24.0, 37 / 24.0, -9 / 24.0],
            };
            return (Sum([(1, step.X), (h * w[0], e), .. Earlier(step, k => h * w[k])]), here);
        }),
    };

    private static Solver Create(
        string name, int order, SolverOptions options, string source,
        Func<SolverStep, double[], int, double> coefficient) => new()
    {
        Name = name,
        Order = order,
        Evaluations = (steps, _) => steps,
        Options = options,
        Source = source,
        Walk = input => SolverLoop.Walk(input, memory: order - 1, step: step =>
        {
            var here = step.Evaluate();
            double[] sigma = [step.From, .. step.Past.Select(past => past.Sigma)];
            return (
                Sum(
                    [
                        (1, step.X), (coefficient(step, sigma, 0), here.Slope()),
                        .. Earlier(step, j => coefficient(step, sigma, j)),
                    ]),
                here);
        }),
    };

    private static (double, Tensor)[] Earlier(SolverStep step, Func<int, double> weight) =>
        [.. step.Past.Select((past, k) => (weight(k + 1), past.Slope()))];

    /// <summary>t where VP's std / alpha is sigma: B(t) = betaMin t + (betaMax - betaMin) t^2 / 2 = ln(1 + sigma^2), solved
    /// without cancellation.</summary>
    internal static double VpTime(double sigma)
    {
        double squared = sigma * sigma;
        double b = squared < 1e-8 ? squared * (1 - squared / 2) : Math.Log(1 + squared);
        return 2 * b / (BetaMin + Math.Sqrt(BetaMin * BetaMin + 2 * (BetaMax - BetaMin) * b));
    }
}
