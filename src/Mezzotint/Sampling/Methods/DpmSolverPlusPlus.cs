using static Mezzotint.Sampling.LinearCombination;
using static Mezzotint.Sampling.PhiFunctions;
using static TorchSharp.torch;

namespace Mezzotint.Sampling.Methods;

/// <summary>
/// DPM-Solver++: exponential integrators of dx/dlambda = D - x, lambda = -ln sigma, h = lambda' - lambda, in which D alone is
/// approximated. x' = e^{-h} x + the integral of h e^{-(1 - u) h} D(lambda + u h) over u from 0 to 1. With eta, its stochastic
/// kin.
/// </summary>
/// <remarks>
/// Lu et al. 2022, "DPM-Solver++", arXiv 2211.01095, with alpha = 1: algorithm 1 (2S), algorithm 2 (2M) and the SDE solvers of
/// its section on them, which are eta = 1 here. Other values of eta, and 2S with noise, are k-diffusion's.
/// </remarks>
internal static class DpmSolverPlusPlus
{
    private const string Paper = "Lu et al. 2022, arXiv 2211.01095";

    /// <summary>2S with r = 1/2: a look at the middle in lambda.</summary>
    public static Solver SecondSinglestep(double eta)
    {
        Check.Range("eta", eta, eta is >= 0 and <= 1, "0 to 1");
        return new Solver
        {
            Name = "dpmpp-2s",
            Order = 2,
            Stochastic = eta > 0,
            FollowsPath = eta > 0,
            Evaluations = TwoLooks,
            Options = new() { Eta = eta },
            Coordinates = DpmSolver.Coordinates,
            OwnCoordinate = SolverCoordinate.Log,
            Source = $"{Paper}, algorithm 1; with eta > 0: k-diffusion",
            Walk = input => SolverLoop.Walk(input, stochastic: eta > 0, step: step =>
            {
                var here = step.Evaluate();
                var (down, up) = Ancestral.Split(step.From, step.To, eta);
                if (down == 0)
                    return (here.Denoised, here);
                double middle = Math.Sqrt(step.From * down);
                var u = First(here.X, here.Denoised, step.From, middle);
                var x = First(here.X, step.Denoise(u, middle), step.From, down); // D' = (1 - 1/2r) D + (1/2r) D(u) = D(u)
                return (Sum((1, x), step.Noise(up, step.From, step.To)), here);
            }),
        };
    }

    /// <summary>
    /// The single-step stochastic solver of k-diffusion (the paper has the multistep ones alone): 2S whose first half draws noise
    /// too.
    /// </summary>
    public static Solver SinglestepSde(double eta)
    {
        Check.Range("eta", eta, eta is >= 0 and <= 1, "0 to 1");
        return new Solver
        {
            Name = "dpmpp-sde",
            Order = 2,
            Stochastic = eta > 0,
            FollowsPath = eta > 0,
            Evaluations = TwoLooks,
            Options = new() { Eta = eta },
            Source = "k-diffusion, sample_dpmpp_sde with r = 1/2",
            Walk = input => SolverLoop.Walk(input, stochastic: eta > 0, step: step =>
            {
                var here = step.Evaluate();
                if (step.To == 0)
                    return (here.Denoised, here);
                double middle = Math.Sqrt(step.From * step.To);
                var (halfDown, halfUp) = Ancestral.Split(step.From, middle, eta);
                var (down, up) = Ancestral.Split(step.From, step.To, eta);

                // One path for both: z of the whole step is made of its halves' (k-diffusion asks its path for two overlapping
                // stretches).
                var (std, z1) = step.Noise(halfUp, step.From, middle);
                var u = Sum((1, First(here.X, here.Denoised, step.From, halfDown)), (std, z1));
                var x = First(here.X, step.Denoise(u, middle), step.From, down);
                double half = BrownianTree.Share(step.From, middle, step.To);
                return (Sum((1, x), (up * Math.Sqrt(half), z1), step.Noise(up * Math.Sqrt(1 - half), middle, step.To)), here);
            }),
        };
    }

    /// <summary>
    /// 2S over the levels themselves: every other step is of first order, and the next one goes from where that began to its own
    /// end, with the level between as its look at the middle. One evaluation a step.
    /// </summary>
    public static Solver SecondAlternating() => new()
    {
        Name = "dpmpp-2s-alternating",
        Order = 2,
        Evaluations = (steps, _) => steps,
        Coordinates = DpmSolver.Coordinates,
        OwnCoordinate = SolverCoordinate.Log,
        Source = $"{Paper}, algorithm 1, as DPMSolverSinglestepScheduler of diffusers walks it",
        Walk = input => SolverLoop.Walk(input, memory: 1, step: step =>
        {
            var here = step.Evaluate();
            if (step.To == 0)
                return (here.Denoised, here);
            if (step.Index % 2 == 0)
                return (First(here.X, here.Denoised, step.From, step.To), here);
            var start = step.Past[0];
            double h = Math.Log(start.Sigma / step.To), r = Math.Log(start.Sigma / step.From) / h, gain = h * Phi(1, -h);
            return (Sum(
                (Math.Exp(-h), start.X), (gain * (1 - 1 / (2 * r)), start.Denoised), (gain / (2 * r), here.Denoised)), here);
        }),
    };

    /// <summary>2M; with eta, SDE-2M. Algorithm 2, line 9: D is a line through its last two values, integrated to second order;
    /// or, as "heun", exactly.</summary>
    public static Solver SecondMultistep(
        string name, double eta, bool takesEta, string source, bool lowerOrderFinal, DpmSolverType type)
    {
        var solver = Multistep(
            name, 2, eta, takesEta, source, lowerOrderFinal, type == DpmSolverType.Heun ? Integrated : Midpoint);
        return solver with
        {
            Options = solver.Options with { SolverType = type == DpmSolverType.Midpoint ? null : type },
            Switches = [.. solver.Switches, "solver_type"],
        };
    }

    /// <summary>
    /// 3M; with eta, SDE-3M: D is a parabola through its last three values, integrated exactly.
    /// </summary>
    /// <remarks>
    /// The authors' program, diffusers and k-diffusion multiply the second divided difference by phi_3, as if it were the second
    /// derivative, which is twice that. We keep the factor 2: without it the method is of second order. Theirs are the published
    /// weights; where steps are long they extrapolate less, and often err less.
    /// </remarks>
    public static Solver ThirdMultistep(
        string name, double eta, bool takesEta, string source, bool lowerOrderFinal, bool published)
    {
        var solver = Multistep(name, 3, eta, takesEta, source, lowerOrderFinal, published ? Published : Integrated);
        return solver with
        {
            Order = published ? 2 : 3,
            Options = solver.Options with { PublishedWeights = published ? true : null },
            Switches = [.. solver.Switches, "published_weights"],
            Coordinates = published ? [SolverCoordinate.Own] : solver.Coordinates,
        };
    }

    /// <summary>Weights of 1 and, of two values, of the midpoint rule.</summary>
    private static double[] Midpoint(double K, double[] u)
    {
        double gain = K * Phi(1, -K); // 1 - e^{-K}
        if (u.Length == 1)
            return [gain];
        double r = -u[1];
        return [gain * (1 + 1 / (2 * r)), -gain / (2 * r)];
    }

    /// <summary>Weights of the polynomial through the values, integrated exactly.</summary>
    private static double[] Integrated(double K, double[] u)
    {
        // integrals of 1, u and u^2 against K e^{-(1 - u) K}
        double i0 = K * Phi(1, -K), i1 = K * Phi(2, -K), i2 = 2 * K * Phi(3, -K);
        return u switch
        {
            [_] => [i0],
            [_, var p] => [i0 - i1 / p, i1 / p],
            [_, var p, var q] =>
                [i0 - i1 * (p + q) / (p * q) + i2 / (p * q), (i2 - q * i1) / (p * (p - q)), (i2 - p * i1) / (q * (q - p))],
            _ => throw new ArgumentException($"{u.Length} points: a parabola has 3.", nameof(u)),
        };
    }

    /// <summary>Of three values D_0 + phi_2 K D' + phi_3 K D'', where D'' is the second divided difference; of two the midpoint
    /// rule.</summary>
    private static double[] Published(double K, double[] u)
    {
        if (u.Length < 3)
            return Midpoint(K, u);
        double i0 = K * Phi(1, -K), i1 = K * Phi(2, -K), half = K * Phi(3, -K), p = u[1], q = u[2];
        return [i0 - i1 * (p + q) / (p * q) + half / (p * q), (half - q * i1) / (p * (p - q)), (half - p * i1) / (q * (q - p))];
    }

    /// <summary>
    /// Weights of estimates in x' = (sigma' / sigma) x + sum_j w_j D_j where D is the polynomial through them in another
    /// variable: w_j = sigma' times the integral of l_j(tau(s)) ds / s^2 from sigma' to sigma.
    /// </summary>
    private static double[] InFlowTime(double[] sigma, double from, double to)
    {
        static double Time(double level) => CoordinateFrame.Flow.Tau(level);
        double[] t = [.. sigma.Select(Time)];
        double last = Math.Log(to), first = Math.Log(from);
        int panels = (int)Math.Ceiling(Math.Abs(first - last) / 0.5);
        return
        [
            .. t.Select((_, j) => to * Lagrange.Integral(
                v => Lagrange.Basis(t, j, Time(Math.Exp(v))) * Math.Exp(-v), last, first, panels)),
        ];
    }

    /// <summary>
    /// x' = e^{-K} x + sum_k w_k D_{-k} + sigma' sqrt(1 - e^{-2 eta h}) z, K = (1 + eta) h. The weights follow from K and from
    /// where in the step's own unit of lambda the values of D lie: u_0 = 0, u_k = (lambda_{-k} - lambda) / h &lt; 0.
    /// </summary>
    private static Solver Multistep(
        string name, int order, double eta, bool takesEta, string source, bool lowerOrderFinal,
        Func<double, double[], double[]> weights, bool inFlowTime = false)
    {
        Check.Range("eta", eta, double.IsFinite(eta) && eta >= 0, "0 or more");
        return new Solver
        {
            Name = name,
            Order = order,
            Stochastic = eta > 0,
            FollowsPath = eta > 0,
            Evaluations = (steps, _) => steps,
            Options = new() { Eta = takesEta ? eta : null, LowerOrderFinal = lowerOrderFinal ? true : null },
            Switches = ["lower_order_final"],
            Coordinates = takesEta ? [SolverCoordinate.Own] : DpmSolver.Coordinates,
            OwnCoordinate = SolverCoordinate.Log,
            Inside = _ => Multistep(name, order, eta, takesEta, source, lowerOrderFinal, weights, inFlowTime: true),
            Source = source,
            Walk = input => SolverLoop.Walk(input, memory: order - 1, stochastic: eta > 0, step: step =>
            {
                var here = step.Evaluate();
                if (step.To == 0) // h is infinite: the paper, too, ends with a first-order step
                    return (here.Denoised, here);
                double h = Math.Log(step.From / step.To), K = (1 + eta) * h;
                var known = step.Past.Take((lowerOrderFinal ? Math.Min(order, step.Left) : order) - 1).ToList();
                double[] w = inFlowTime
                    ? InFlowTime([step.From, .. known.Select(past => past.Sigma)], step.From, step.To)
                    : weights(K, [0, .. known.Select(past => Math.Log(step.From / past.Sigma) / h)]);
                double std = step.To * Math.Sqrt(2 * eta * h * Phi(1, -2 * eta * h));
                (double, Tensor)[] past = [.. known.Select((past, k) => (w[k + 1], past.Denoised))];
                return (Sum([(Math.Exp(-K), here.X), (w[0], here.Denoised), .. past, step.Noise(std, step.From, step.To)]), here);
            }),
        };
    }

    private static int TwoLooks(int steps, bool toZero) => toZero ? 2 * steps - 1 : 2 * steps;

    /// <summary>The first-order step, exact where D is constant: x' = (sigma' / sigma) x + (1 - sigma' / sigma) D.</summary>
    private static Tensor First(Tensor x, Tensor denoised, double from, double to) =>
        Sum((to / from, x), (1 - to / from, denoised));
}
