using Mezzotint.Noise;
using Mezzotint.Runtime;
using static TorchSharp.torch;

namespace Mezzotint.Sampling;

/// <summary>
/// The seed's solver: Euler-Maruyama on the reverse-time SDE dx = -g(t)^2 score(x, t) dt + g(t) dw.
/// </summary>
/// <remarks>
/// Song et al. 2021, "Score-Based Generative Modeling through Stochastic Differential Equations", arXiv 2011.13456, equation 6 discretised:
/// mean = x + g^2 score dt, x = mean + g sqrt(dt) z. The result is the last mean, without its noise. All steps are as long as the first.
/// </remarks>
public static class EulerMaruyama
{
    /// <summary>Walks from pure noise to images, one network evaluation a step.</summary>
    /// <param name="denoiser">The network.</param>
    /// <param name="process">Gives std(t) and g(t).</param>
    /// <param name="times">From 1 down, evenly spaced, two or more: <see cref="VarianceExploding.Times"/>.</param>
    /// <param name="labels">int64 [B, 1].</param>
    /// <param name="noise">Draws z ~ N(0, I), [B, C, H, W]: once for the start and once after each step but the last.</param>
    /// <returns>The steps, computed as they are asked for.</returns>
    public static IEnumerable<SamplingStep> Walk(IDenoiser denoiser, VarianceExploding process, double[] times, Tensor labels, Func<Tensor> noise)
    {
        ArgumentNullException.ThrowIfNull(process);
        ArgumentNullException.ThrowIfNull(times);
        ArgumentNullException.ThrowIfNull(noise);
        double dt = times[0] - times[1];
        var x = Detached(() => noise().Times(process.Std(times[0])));
        Tensor? denoised = null;
        try
        {
            for (int i = 0; i < times.Length; i++)
            {
                var previous = (X: x, Denoised: denoised);
                (x, denoised) = Step(denoiser, process, previous.X, times[i], dt, labels, i < times.Length - 1 ? noise : null);
                previous.X.Dispose();
                previous.Denoised?.Dispose();
                yield return new SamplingStep(i, process.Std(times[i]), x, denoised) { Evaluations = i + 1 };
            }
        }
        finally
        {
            x.Dispose();
            denoised?.Dispose();
        }
    }

    private static (Tensor X, Tensor Denoised) Step(IDenoiser denoiser, VarianceExploding process, Tensor x, double t, double dt, Tensor labels, Func<Tensor>? noise)
    {
        using var scope = NewDisposeScope();
        double std = process.Std(t);
        double g = process.Diffusion(t);
        var denoised = denoiser.Denoise(x, std, labels);
        var score = (denoised - x).Over(std * std);
        var mean = x.Plus(score.Times(g * g * dt));
        var next = noise is null ? mean : mean.Plus(noise().Times(g * Math.Sqrt(dt)));
        return (next.DetachFromDisposeScope(), denoised.DetachFromDisposeScope());
    }

    private static Tensor Detached(Func<Tensor> make)
    {
        using var scope = NewDisposeScope();
        return make().DetachFromDisposeScope();
    }
}
