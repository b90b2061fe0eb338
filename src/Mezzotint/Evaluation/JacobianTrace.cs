using Mezzotint.Runtime;
using Mezzotint.Sampling;
using TorchSharp;
using static TorchSharp.torch;

namespace Mezzotint.Evaluation;

/// <summary>
/// tr(dD/dx) of a denoiser: the sum over the pixels of e^T J e with the unit vectors e. Or it is the mean of v^T J v over probes
/// v with E[v v^T] = I, which has that sum as its expectation. A product v^T J is one walk back through the network.
/// </summary>
/// <remarks>
/// Hutchinson 1990, "A Stochastic Estimator of the Trace of the Influence Matrix"; Grathwohl et al. 2019, "FFJORD", arXiv
/// 1810.01367, equation 7. Derivatives are taken by x alone: libtorch then neither computes nor stores those of the weights, so
/// that threads can share a network.
/// </remarks>
internal static class JacobianTrace
{
    private static readonly Scalar One = 1;

    /// <summary>The denoiser's estimate, and its trace.</summary>
    /// <param name="denoiser">Each image's estimate depends on that image alone, by operations of libtorch.</param>
    /// <param name="x">Noisy images: [B, C, H, W].</param>
    /// <param name="sigma">Their level.</param>
    /// <param name="probes">[K, B, C, H, W], or null for the unit vectors.</param>
    /// <returns>D, without its derivatives: [B, C, H, W]. The trace: float64 [B].</returns>
    /// <exception cref="ArgumentException">The estimate has another shape, or libtorch knows nothing of how it came from
    /// x.</exception>
    public static (Tensor Denoised, Tensor Trace) Of(IDenoiser denoiser, Tensor x, double sigma, Tensor? probes)
    {
        using var scope = NewDisposeScope();
        // Whatever the caller works in: what inference mode makes cannot be differentiated, so the input is copied out of it too.
        using var inference = inference_mode(false);
        using var gradients = enable_grad();
        var input = x.detach().clone().requires_grad_();
        var denoised = denoiser.Denoise(input, sigma);
        // libtorch ends the process where autograd.grad fails, so the mistake is found here.
        if (!denoised.shape.SequenceEqual(input.shape))
            throw new ArgumentException(
                $"The denoiser makes [{string.Join(", ", denoised.shape)}] of [{string.Join(", ", input.shape)}]: an estimate "
                + $"has the shape of its image.",
                nameof(denoiser));
        if (!denoised.requires_grad)
            throw new ArgumentException(
                "The denoiser's estimate has no derivative: it must be computed from x by differentiable tensor operations, not "
                + "in plain numbers or in inference mode.",
                nameof(denoiser));

        long count = probes is null ? input.numel() / input.shape[0] : probes.shape[0];
        var trace = zeros(input.shape[0], float64, input.device); // [B]
        for (long i = 0; i < count; i++)
        {
            using var one = NewDisposeScope();
            var v = (probes is null ? UnitVector(input, i) : probes.select(0, i)).to(denoised.dtype);
            var product = autograd.grad([denoised], [input], [v], retain_graph: i < count - 1)[0]; // J^T v, [B, C, H, W]
            trace.AddInPlace((v * product).to(float64).flatten(1).sum(1));
        }
        return (
            denoised.detach().MoveToOuterDisposeScope(), (probes is null ? trace : trace.Over(count)).MoveToOuterDisposeScope());
    }

    /// <summary>K probes for each image, of +1 and -1 by even chance, from a stream of the image's own: [K, B, C, H,
    /// W].</summary>
    public static Tensor Rademacher(long seed, long first, int count, long[] shape, Device device)
    {
        using var scope = NewDisposeScope();
        var images = new List<Tensor>();
        for (long image = first; image < first + shape[0]; image++)
        {
            using var generator = RandomSeeds.Generator(seed, RandomPurpose.TraceProbes, image);
            images.Add(randint(0, 2, [count, .. shape[1..]], float32, generator: generator).Times(2).Plus(-1));
        }
        return stack(images, 1).to(device).MoveToOuterDisposeScope();
    }

    /// <summary>1 at one place of each image.</summary>
    private static Tensor UnitVector(Tensor like, long place)
    {
        var e = zeros([like.shape[0], like.numel() / like.shape[0]], like.dtype, like.device);
        e.narrow(1, place, 1).fill_(One);
        return e.reshape(like.shape);
    }
}
