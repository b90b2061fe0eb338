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

    /// <summary>Estimates the clean images, and says by which estimate the noise in x is predicted where that is another, as in <see cref="RenoisedGuidance"/>.</summary>
    /// <param name="x">As for <see cref="Denoise"/>.</param>
    /// <param name="sigma">Likewise.</param>
    /// <param name="labels">Likewise.</param>
    /// <remarks>
    /// Solvers whose <see cref="Solver.Renoises"/> is true ask for this, the others for <see cref="Denoise"/>. A denoiser around another that changes its
    /// estimates must change both, so that it overrides this too; one that does not stays right for all denoisers with a single estimate.
    /// </remarks>
    Estimates Estimate(Tensor x, double sigma, Tensor labels) => new(Denoise(x, sigma, labels));
}

/// <summary>What a denoiser says of x.</summary>
/// <param name="Denoised">D, the clean images: [B, C, H, W].</param>
/// <param name="OfNoise">D_n, by which the noise is (x - D_n) / sigma: [B, C, H, W]; null where it is D itself.</param>
public readonly record struct Estimates(Tensor Denoised, Tensor? OfNoise = null);
