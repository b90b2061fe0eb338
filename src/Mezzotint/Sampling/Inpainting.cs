using static Mezzotint.Sampling.LinearCombination;
using static TorchSharp.torch;

namespace Mezzotint.Sampling;

/// <summary>
/// A denoiser that knows part of the answer: D' = mask D + (1 - mask) image. Any solver then draws the rest, and ends with the
/// known part as it is.
/// </summary>
/// <remarks>Wang et al. 2023, "Zero-Shot Image Restoration Using Denoising Diffusion Null-Space Model", arXiv 2212.00490,
/// equation 9 for inpainting.</remarks>
/// <param name="inner">Whose estimates.</param>
/// <param name="image">The known image: [1, C, H, W].</param>
/// <param name="mask">True where it is to be drawn anew: bool [1, 1, H, W].</param>
public sealed class InpaintingDenoiser(IDenoiser inner, Tensor image, Tensor mask) : IDenoiser
{
    /// <inheritdoc/>
    public Tensor Denoise(Tensor x, double sigma)
    {
        using var scope = NewDisposeScope();
        return where(mask, inner.Denoise(x, sigma), image).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public Estimates Estimate(Tensor x, double sigma)
    {
        using var scope = NewDisposeScope();
        var (denoised, ofNoise) = inner.Estimate(x, sigma);
        return new(
            where(mask, denoised, image).MoveToOuterDisposeScope(),
            ofNoise is null ? null : where(mask, ofNoise, image).MoveToOuterDisposeScope());
    }
}

/// <summary>Each step walked several times, with the noise that it took away put back in between.</summary>
/// <remarks>
/// Lugmayr et al. 2022, "RePaint", arXiv 2201.09865, algorithm 1 with a jump of one step. A multistep method loses its history at
/// each step, and is then of the order of its first.
/// </remarks>
public static class Resampling
{
    /// <summary>The solver that walks each step of <paramref name="solver"/> but the last <paramref name="times"/>
    /// times.</summary>
    /// <param name="solver">One whose steps depend on the levels alone.</param>
    /// <param name="times">1 or more.</param>
    public static Solver Of(Solver solver, int times)
    {
        ArgumentNullException.ThrowIfNull(solver);
        ArgumentOutOfRangeException.ThrowIfLessThan(times, 1);
        return times == 1 ? solver : solver with
        {
            Stochastic = true,
            FollowsPath = false,
            Evaluations = solver.Evaluations is not { } once ? null : (steps, toZero) =>
                (steps - 1) * times * once(1, false) + once(1, toZero),
            Walk = input => Walk(solver, times, input),
        };
    }

    private static IEnumerable<SamplingStep> Walk(Solver solver, int times, SolverInput input)
    {
        if (input.Noise is null)
            throw new ArgumentException("Resampling draws noise: the input has none.", nameof(input));
        var x = input.X.clone().DetachFromDisposeScope();
        Tensor? denoised = null, started = null;
        int evaluations = 0;
        try
        {
            for (int i = 0; i < input.Levels.Length - 1; i++)
            {
                double from = input.Levels[i], to = input.Levels[i + 1];
                bool last = i == input.Levels.Length - 2;
                for (int time = last || SolverLoop.IsRepeat(from, to) ? times : 1; time <= times; time++)
                {
                    double back = time < times ? Math.Sqrt(from * from - to * to) : 0;
                    var (next, estimate, asked) = Once(solver, input with { Levels = [from, to], X = x }, back);
                    started?.Dispose();
                    denoised?.Dispose();
                    (started, x, denoised) = (x, next, estimate);
                    evaluations += asked;
                }
                yield return new SamplingStep(i, from, x, denoised!) { Evaluations = evaluations, From = started };
            }
        }
        finally
        {
            x.Dispose();
            started?.Dispose();
            denoised?.Dispose();
        }
    }

    /// <summary>One step down, then <paramref name="back"/> z up again.</summary>
    private static (Tensor X, Tensor Denoised, int Evaluations) Once(Solver solver, SolverInput input, double back)
    {
        using var scope = NewDisposeScope();
        foreach (var step in solver.Walk(input))
        {
            var next = back > 0 ? Sum((1, step.X), (back, input.Noise!(input.Levels[1], input.Levels[0]))) : step.X.clone();
            return (next.DetachFromDisposeScope(), step.Denoised.clone().DetachFromDisposeScope(), step.Evaluations);
        }
        throw new InvalidOperationException($"Solver {solver.Name} made no step.");
    }
}
