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

    /// <summary>The coordinates of solvers that step by their slope alone.</summary>
    internal static SolverCoordinate[] Slopes { get; } =
        [
            SolverCoordinate.Own, SolverCoordinate.Sigma, SolverCoordinate.Log, SolverCoordinate.Time, SolverCoordinate.Flow,
        ];

    private static readonly double[][] EvenWeights =
        [[1], [3 / 2.0, -1 / 2.0], [23 / 12.0, -16 / 12.0, 5 / 12.0], [55 / 24.0, -59 / 24.0, 37 / 24.0, -9 / 24.0]];

    /// <summary>Adams-Bashforth with variable steps, polynomials in sigma; also what DEIS calls rhoAB.</summary>
    public static Solver Lms(int order, bool lowerOrderFinal)
    {
        Check.Range("order", order, order is >= 1 and <= 4, "1 to 4");
        return Create(
            "lms", order, lowerOrderFinal, Slopes,
            "k-diffusion, sample_lms; Hairer, Norsett, Wanner 1993, Solving ODEs I, III.5",
            (step, sigma, j) => Lagrange.Integral(s => Lagrange.Basis(sigma, j, s), step.From, step.To))
            with { OwnCoordinate = SolverCoordinate.Sigma };
    }

    /// <summary>
    /// tAB-DEIS: polynomials in the time t of the VP process, C_ij = the integral of l_j(t(sigma)) over sigma.
    /// A polynomial degree of r in the paper (tABr) is order r + 1 here. In other coordinates t is that one.
    /// </summary>
    public static Solver Deis(int order, bool lowerOrderFinal, SolverCoordinate coordinate = SolverCoordinate.Own)
    {
        Check.Range("order", order, order is >= 1 and <= 3, "1 to 3");
        Func<double, double> time = coordinate switch
        {
            SolverCoordinate.Log => Math.Log,
            SolverCoordinate.Flow => CoordinateFrame.Flow.Tau,
            _ => VpTime,
        };
        return Create(
            "deis", order, lowerOrderFinal, [SolverCoordinate.Own, SolverCoordinate.Log, SolverCoordinate.Flow],
            "Zhang, Chen 2023, arXiv 2204.13902, tAB-DEIS", (step, sigma, j) =>
            {
                if (step.To == 0 && coordinate == SolverCoordinate.Log) // ln 0 is infinite: the step is Euler's
                    return j == 0 ? -step.From : 0;
                double[] t = [.. sigma.Select(time)];
                // t(sigma) bends where beta's two parts are equal, near sigma = 0.016: panels evenly spaced in v, sigma = 0.016
                // sinh v, follow it
                const double bend = 0.016;
                double from = Math.Asinh(step.From / bend), to = Math.Asinh(step.To / bend);
                int panels = (int)Math.Ceiling(Math.Abs(from - to) / 0.5);
                return Lagrange.Integral(
                    v => Lagrange.Basis(t, j, time(bend * Math.Sinh(v))) * bend * Math.Cosh(v), from, to, panels);
            }) with { Inside = inside => Deis(order, lowerOrderFinal, inside) };
    }

    /// <summary>
    /// PLMS: the four-step weights for even steps, applied to the step whatever its length. The start is Heun's step, as in
    /// Latent Diffusion's sampler; or three classical Runge-Kutta steps, as in PNDM's own.
    /// </summary>
    /// <remarks>
    /// Liu et al. 2022, "Pseudo Numerical Methods for Diffusion Models on Manifolds", arXiv 2202.09778, equations 12 and 13: of
    /// second order, as the paper shows, unless the levels are even. The paper's program takes the middle of a Runge-Kutta step
    /// in its time; here it is the middle in the coordinate that is stepped in.
    /// </remarks>
    public static Solver Plms(bool rungeKuttaStart, bool lowerOrderFinal) => new()
    {
        Name = "plms",
        Order = 2,
        Evaluations = (steps, toZero) => rungeKuttaStart ? steps + 3 * Math.Min(3, toZero ? steps - 1 : steps)
            : steps == 1 && toZero ? 1 : steps + 1,
        Options = new()
        {
            LowerOrderFinal = lowerOrderFinal ? true : null, RungeKuttaStart = rungeKuttaStart ? true : null,
        },
        Switches = ["lower_order_final", "runge_kutta_start"],
        Coordinates = Slopes,
        OwnCoordinate = SolverCoordinate.Sigma,
        Source = "Liu et al. 2022, arXiv 2202.09778 (PNDM); start: Rombach et al. 2022",
        Walk = input => SolverLoop.Walk(input, memory: 3, step: step =>
        {
            var here = step.Evaluate();
            if (step.Index >= (rungeKuttaStart ? 3 : 1))
                return (Even(step, here, 4, lowerOrderFinal), here);
            double h = step.To - step.From;
            var e = here.Slope();
            var euler = Sum((1, step.X), (h, e));
            if (step.To == 0)
                return (euler, here);
            if (!rungeKuttaStart)
                return (Sum((1, step.X), (h / 2, e), (h / 2, step.Evaluate(euler, step.To).Slope())), here);
            double middle = step.From + h / 2;
            var second = step.Evaluate(Sum((1, step.X), (h / 2, e)), middle).Slope();
            var third = step.Evaluate(Sum((1, step.X), (h / 2, second)), middle).Slope();
            var fourth = step.Evaluate(Sum((1, step.X), (h, third)), step.To).Slope();
            return (Sum((1, step.X), (h / 6, e), (h / 3, second), (h / 3, third), (h / 6, fourth)), here);
        }),
    };

    /// <summary>Improved PNDM: the weights for even steps from the first step on, each of as high an order as there are slopes.
    /// It needs no evaluation more than there are steps.</summary>
    /// <remarks>Zhang, Chen 2023, arXiv 2204.13902, appendix on iPNDM; with uneven levels and an Euler step at first it is of
    /// second order, as PLMS is.</remarks>
    public static Solver Ipndm(int order, bool lowerOrderFinal)
    {
        Check.Range("order", order, order is >= 1 and <= 4, "1 to 4");
        return new()
        {
            Name = "ipndm",
            Order = Math.Min(order, 2),
            Evaluations = (steps, _) => steps,
            Options = new() { Order = order, LowerOrderFinal = lowerOrderFinal ? true : null },
            Switches = ["lower_order_final"],
            Coordinates = Slopes,
            OwnCoordinate = SolverCoordinate.Sigma,
            Source = "Zhang, Chen 2023, arXiv 2204.13902 (iPNDM)",
            Walk = input => SolverLoop.Walk(input, memory: order - 1, step: step =>
            {
                var here = step.Evaluate();
                return (Even(step, here, order, lowerOrderFinal), here);
            }),
        };
    }

    private static Solver Create(
        string name, int order, bool lowerOrderFinal, IReadOnlyList<SolverCoordinate> coordinates, string source,
        Func<SolverStep, double[], int, double> coefficient) => new()
    {
        Name = name,
        Order = order,
        Evaluations = (steps, _) => steps,
        Options = new() { Order = order, LowerOrderFinal = lowerOrderFinal ? true : null },
        Switches = ["lower_order_final"],
        Coordinates = coordinates,
        Source = source,
        Walk = input => SolverLoop.Walk(input, memory: order - 1, step: step =>
        {
            var here = step.Evaluate();
            var known = Known(step, order, lowerOrderFinal);
            double[] sigma = [step.From, .. known.Select(past => past.Sigma)];
            return (Step(step, here, known, j => coefficient(step, sigma, j)), here);
        }),
    };

    /// <summary>A step by the weights for even steps.</summary>
    private static Tensor Even(SolverStep step, Evaluation here, int order, bool lowerOrderFinal)
    {
        var known = Known(step, order, lowerOrderFinal);
        return Step(step, here, known, j => (step.To - step.From) * EvenWeights[known.Count][j]);
    }

    /// <summary>The evaluations before this one that the step is made of.</summary>
    private static List<Evaluation> Known(SolverStep step, int order, bool lowerOrderFinal) =>
        [.. step.Past.Take((lowerOrderFinal ? Math.Min(order, step.Left) : order) - 1)];

    private static Tensor Step(SolverStep step, Evaluation here, List<Evaluation> known, Func<int, double> weight) => Sum(
    [
        (1, step.X), (weight(0), here.Slope()), .. known.Select((past, k) => (weight(k + 1), past.Slope())),
    ]);

    /// <summary>t where VP's std / alpha is sigma: B(t) = betaMin t + (betaMax - betaMin) t^2 / 2 = ln(1 + sigma^2), solved
    /// without cancellation.</summary>
    internal static double VpTime(double sigma)
    {
        double squared = sigma * sigma;
        double b = squared < 1e-8 ? squared * (1 - squared / 2) : Math.Log(1 + squared);
        return 2 * b / (BetaMin + Math.Sqrt(BetaMin * BetaMin + 2 * (BetaMax - BetaMin) * b));
    }
}
