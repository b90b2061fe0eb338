using static Mezzotint.Sampling.LinearCombination;
using static Mezzotint.Sampling.PhiFunctions;
using static TorchSharp.torch;

namespace Mezzotint.Sampling.Methods;

/// <summary>
/// UniPC in data prediction: x' = e^{-h} x + (1 - e^{-h}) D_0 + B(h) sum_k rho_k (D_k - D_0) / r_k, lambda_k = lambda + r_k h,
/// with R(h) rho B(h) = phi(h), the moments n! h phi_{n+1}(-h). The corrector UniC takes one k more: D at the predicted end, r =
/// 1, which costs nothing, since the next step asks for it anyway.
/// </summary>
/// <remarks>
/// Zhao et al. 2023, "UniPC", arXiv 2302.04867, with alpha = 1 and lambda = -ln sigma. With one difference rho is 1/2, as the
/// paper allows. With more, rho is solved for and B(h) cancels. So bh1 and bh2 differ only in the steps with one difference.
/// </remarks>
internal static class UniPc
{
    public static Solver Create(int order, UniPcVariant variant, bool corrector, bool lowerOrderFinal)
    {
        Check.Range("order", order, order is >= 1 and <= 3, "1 to 3");
        return new Solver
        {
            Name = "unipc",
            Order = corrector ? order + 1 : order,
            Evaluations = (steps, _) => steps,
            Options = new()
            {
                Order = order, Variant = variant, Corrector = corrector, LowerOrderFinal = lowerOrderFinal ? true : null,
            },
            Switches = ["lower_order_final"],
            Source = "Zhao et al. 2023, arXiv 2302.04867",
            Walk = input => SolverLoop.Walk(input, memory: order, step: step =>
            {
                var here = step.Evaluate();
                int At(int left) => lowerOrderFinal ? Math.Min(order, left) : order;
                if (corrector && step.Index > 0)
                {
                    // of the order of the step that is corrected
                    Evaluation[] known = [here, .. step.Past.Skip(1).Take(At(step.LeftBefore) - 1)];
                    here = here with { X = Update(step.Past[0], known, step.From, variant) };
                }
                if (step.To == 0) // h is infinite: first order at the end, as the authors' program has it
                    return (here.Denoised, here);
                return (Update(here, [.. step.Past.Take(At(step.Left) - 1)], step.To, variant), here);
            }),
        };
    }

    /// <summary>From the point <paramref name="start"/> to the level <paramref name="to"/> by the evaluations there and at the
    /// other points.</summary>
    private static Tensor Update(Evaluation start, Evaluation[] others, double to, UniPcVariant variant)
    {
        double h = Math.Log(start.Sigma / to);
        double gain = h * Phi(1, -h); // 1 - e^{-h}
        double B = variant == UniPcVariant.Bh1 ? h : gain;
        double[] r = [.. others.Select(point => Math.Log(start.Sigma / point.Sigma) / h)];
        double[] rho = r.Length == 1 ? [0.5]
            : Lagrange.Weights(r, [.. r.Select((_, i) => Factorial(i + 1) * h * Phi(i + 2, -h) / B)]);
        double[] w = [.. rho.Select((value, k) => B * value / r[k])];
        return Sum(
            [(Math.Exp(-h), start.X), (gain - w.Sum(), start.Denoised), .. others.Select((point, k) => (w[k], point.Denoised))]);
    }

    private static int Factorial(int n) => n switch { 1 => 1, 2 => 2, _ => 6 };
}
