using Mezzotint.Runtime;
using Mezzotint.Sampling;
using static TorchSharp.torch;

namespace Mezzotint.Evaluation;

/// <summary>
/// A denoiser of images that carry one number more, so that any solver integrates it with them: the state is [x | l] and the
/// estimate [D | l - (tr(dD/dx) - known)]. The solvers' equation d state / d sigma = (state - estimate) / sigma then says dl / d
/// sigma = (tr(dD/dx) - known) / sigma.
/// </summary>
/// <remarks>
/// The divergence of the flow (x - D) / sigma is (n - tr(dD/dx)) / sigma. For Gaussian data of the standard deviation c the trace
/// is known, n c^2 / (c^2 + sigma^2), and the integral too: -n / 2 ln(c^2 + sigma^2) of the divergence. It is not walked but
/// added in the end. The rest vanishes at both ends for every c, where the trace is n (no noise) and 0 (nothing else), so that
/// long steps there do no harm. Without it the walk over 1 / sigma alone is 20 % wrong in 100 steps.
/// </remarks>
/// <param name="inner">Asked in the type of the state.</param>
/// <param name="shape">Of an image: [C, H, W], n pixels and channels.</param>
/// <param name="probes">As <see cref="JacobianTrace"/> takes them.</param>
internal sealed class DensityDenoiser(IDenoiser inner, long[] shape, Tensor? probes) : IDenoiser
{
    /// <summary>c, in the units of the network's data: of the right size for pixels 0 to 1 as for -1 to 1. It bears on the error
    /// of a walk, not on its limit.</summary>
    private const double DataStd = 0.5;

    /// <summary>What is not walked, of ln p at the level <paramref name="from"/> less that at <paramref name="to"/>: n / 2
    /// ln((c^2 + to^2) / (c^2 + from^2)).</summary>
    public static double Known(long pixels, double from, double to) =>
        0.5 * pixels * Math.Log((DataStd * DataStd + to * to) / (DataStd * DataStd + from * from));

    /// <summary>Maps a state [B, n + 1] to its estimate [B, n + 1].</summary>
    public Tensor Denoise(Tensor x, double sigma)
    {
        using var scope = NewDisposeScope();
        long pixels = x.shape[1] - 1;
        var (denoised, trace) = JacobianTrace.Of(inner, x.narrow(1, 0, pixels).reshape([x.shape[0], .. shape]), sigma, probes);
        double known = pixels * DataStd * DataStd / (DataStd * DataStd + sigma * sigma);
        var l = (x.narrow(1, pixels, 1) - trace.unsqueeze(1).to(x.dtype)).Plus(known); // [B, 1]
        return cat([denoised.flatten(1).to(x.dtype), l], 1).MoveToOuterDisposeScope();
    }
}
