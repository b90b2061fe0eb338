using Mezzotint.Networks;
using Mezzotint.Noise;
using Mezzotint.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Mezzotint.Sampling;

/// <summary>
/// What a trained network is to everything downstream: D(x, sigma, labels), the expected clean image given a noisy one.
/// Solvers need no more; guidance wraps one denoiser into another.
/// </summary>
public interface IDenoiser
{
    /// <summary>Estimates the clean images.</summary>
    /// <param name="x">Noisy images x_0 + sigma z: [B, C, H, W].</param>
    /// <param name="sigma">The standard deviation of their noise, the same for all.</param>
    /// <param name="labels">The asked classes, int64: [B, 1].</param>
    /// <returns>[B, C, H, W], in the range of the data where the network is right.</returns>
    Tensor Denoise(Tensor x, double sigma, Tensor labels);
}

/// <summary>
/// The denoiser of a score network h = std(t) score: by Tweedie's formula D(x, sigma) = x + sigma^2 score = x + sigma h(x, t(sigma)).
/// Efron 2011, "Tweedie's Formula and Selection Bias", equation 1.4.
/// </summary>
/// <param name="network">The network.</param>
/// <param name="process">Its process, which says at what time the noise is sigma.</param>
public sealed class ScoreDenoiser(UNet network, VarianceExploding process) : IDenoiser
{
    /// <inheritdoc/>
    public Tensor Denoise(Tensor x, double sigma, Tensor labels)
    {
        ArgumentNullException.ThrowIfNull(x);
        using var scope = NewDisposeScope();
        using Scalar time = (float)process.Time(sigma); // held while libtorch reads it: see TensorArithmetic
        var t = full(x.shape[0], time, device: x.device);  // [B]
        var h = network.call(x, t, labels);
        return x.Plus(sigma, h).MoveToOuterDisposeScope();
    }
}
