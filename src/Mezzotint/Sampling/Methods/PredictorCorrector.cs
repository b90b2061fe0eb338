using static Mezzotint.Sampling.LinearCombination;
using static TorchSharp.torch;

namespace Mezzotint.Sampling.Methods;

/// <summary>
/// The reverse diffusion predictor, x' = x + (sigma^2 - sigma'^2) s(x, sigma) + sqrt(sigma^2 - sigma'^2) z. Then M Langevin steps
/// at the new level, x' = x' + e s + sqrt(2 e) z with e = 2 (snr |z| / |s|)^2. The score is s = (D - x) / sigma^2. At level 0 the
/// result is D.
/// </summary>
/// <remarks>
/// Song et al. 2021, arXiv 2011.13456, algorithms 2 and 4. The norms are each image's own, as the algorithm reads; the authors'
/// program takes their mean over the batch, which makes an image depend on its neighbours.
/// </remarks>
internal static class PredictorCorrector
{
    private const double Smallest = 1e-12; // of |s|: where there is no slope the step is long, not infinite

    public static Solver Create(double snr, int correctorSteps)
    {
        Check.Range("snr", snr, double.IsFinite(snr) && snr > 0, "above 0");
        Check.Range("corrector_steps", correctorSteps, correctorSteps is >= 0 and <= 1000, "0 to 1000");
        return new Solver
        {
            Name = "predictor-corrector",
            Order = 1,
            Stochastic = true,
            Evaluations = (steps, toZero) => toZero ? (steps - 1) * (1 + correctorSteps) + 1 : steps * (1 + correctorSteps),
            Options = new() { Snr = snr, CorrectorSteps = correctorSteps },
            Source = "Song et al. 2021, arXiv 2011.13456, algorithms 2 and 4",
            Walk = input => SolverLoop.Walk(input, stochastic: true, repeats: true, step: step =>
            {
                var here = step.Evaluate();
                if (step.To == 0)
                    return (here.Denoised, here);
                double ratio = step.To / step.From;
                double variance = (step.From - step.To) * (step.From + step.To);
                double share = (1 - ratio) * (1 + ratio); // variance / sigma^2
                var x = Sum((1 - share, here.X), (share, here.Denoised), step.Noise(Math.Sqrt(variance), step.From, step.To));
                for (int m = 0; m < correctorSteps; m++)
                    x = Langevin(step, x, snr);
                return (x, here);
            }),
        };
    }

    private static Tensor Langevin(SolverStep step, Tensor x, double snr)
    {
        using var scope = NewDisposeScope();
        var at = step.Evaluate(x, step.To);
        var score = Sum((-1 / step.To, at.Slope()));
        var z = step.Noise(step.To, step.To);
        var quotient = Sum((snr, Norm(z).div(Norm(score)))); // [B, 1, 1, 1], the square root of e / 2
        return Sum((1, x), (2, quotient.mul(quotient).mul(score)), (2, quotient.mul(z))).MoveToOuterDisposeScope();
    }

    private static Tensor Norm(Tensor x)
    {
        using var smallest = tensor(Smallest, x.dtype, x.device);
        var flat = x.flatten(1);
        return flat.mul(flat).sum(1).sqrt().maximum(smallest).reshape([x.shape[0], .. Enumerable.Repeat(1L, (int)x.dim() - 1)]);
    }
}
