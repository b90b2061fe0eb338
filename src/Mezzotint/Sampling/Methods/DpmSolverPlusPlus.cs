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

    /// <summary>2M; with eta, SDE-2M. Algorithm 2, line 9: D is a line through its last two values, integrated to second
    /// order.</summary>
    public static Solver SecondMultistep(string name, double eta, bool takesEta, string source) =>
        Multistep(name, 2, eta, takesEta, source, (K, u) =>
    {
        double gain = K * Phi(1, -K); // 1 - e^{-K}
        if (u.Length == 1)
            return [gain];
        double r = -u[1];
        return [gain * (1 + 1 / (2 * r)), -gain / (2 * r)];
    });

    /// <summary>
    /// 3M; with eta, SDE-3M: D is a parabola through its last three values, integrated exactly.
    /// </summary>
    /// <remarks>
    /// The authors' program, diffusers and k-diffusion multiply the second divided difference by phi_3, as if it were the second
    /// derivative, which is twice that. We keep the factor 2: without it the method is of second order.
    /// </remarks>
    public static Solver ThirdMultistep(string name, double eta, bool takesEta, string source) =>
        Multistep(name, 3, eta, takesEta, source, (K, u) =>
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
    });

    /// <summary>
    /// x' = e^{-K} x + sum_k w_k D_{-k} + sigma' sqrt(1 - e^{-2 eta h}) z, K = (1 + eta) h. The weights follow from K and from
    /// where in the step's own unit of lambda the values of D lie: u_0 = 0, u_k = (lambda_{-k} - lambda) / h &lt; 0.
    /// </summary>
    private static Solver Multistep(
        string name, int order, double eta, bool takesEta, string source, Func<double, double[], double[]> weights)
    {
        Check.Range("eta", eta, double.IsFinite(eta) && eta >= 0, "0 or more");
        return new Solver
        {
            Name = name,
            Order = order,
            Stochastic = eta > 0,
            FollowsPath = eta > 0,
            Evaluations = (steps, _) => steps,
            Options = takesEta ? new() { Eta = eta } : new(),
            Source = source,
            Walk = input => SolverLoop.Walk(input, memory: order - 1, stochastic: eta > 0, step: step =>
            {
                var here = step.Evaluate();
                if (step.To == 0) // h is infinite: the paper, too, ends with a first-order step
                    return (here.Denoised, here);
                double h = Math.Log(step.From / step.To), K = (1 + eta) * h;
                double[] u = [0, .. step.Past.Select(past => Math.Log(step.From / past.Sigma) / h)];
                double[] w = weights(K, u);
                double std = step.To * Math.Sqrt(2 * eta * h * Phi(1, -2 * eta * h));
                (double, Tensor)[] past = [.. step.Past.Select((past, k) => (w[k + 1], past.Denoised))];
                return (Sum([(Math.Exp(-K), here.X), (w[0], here.Denoised), .. past, step.Noise(std, step.From, step.To)]), here);
            }),
        };
    }

    private static int TwoLooks(int steps, bool toZero) => toZero ? 2 * steps - 1 : 2 * steps;

    /// <summary>The first-order step, exact where D is constant: x' = (sigma' / sigma) x + (1 - sigma' / sigma) D.</summary>
    private static Tensor First(Tensor x, Tensor denoised, double from, double to) =>
        Sum((to / from, x), (1 - to / from, denoised));
}
