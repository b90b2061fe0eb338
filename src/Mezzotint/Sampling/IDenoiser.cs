using static TorchSharp.torch;

namespace Mezzotint.Sampling;

/// <summary>
/// What a trained network is to everything downstream: D(x, sigma), the expected clean image given a noisy one. What was asked
/// for is bound before (<see cref="NetworkDenoiser.For"/>): solvers do not see it, and guidance makes one denoiser of several.
/// </summary>
public interface IDenoiser
{
    /// <summary>Estimates the clean images.</summary>
    /// <param name="x">Noisy images x_0 + sigma z: [B, C, H, W].</param>
    /// <param name="sigma">The standard deviation of their noise, the same for all.</param>
    /// <returns>[B, C, H, W], in the range of the data where the network is right.</returns>
    Tensor Denoise(Tensor x, double sigma);

    /// <summary>
    /// Estimates the clean images, and says by which estimate the noise in x is predicted where that is another, as in
    /// <see cref="RenoisedGuidance"/>.
    /// </summary>
    /// <param name="x">As for <see cref="Denoise"/>.</param>
    /// <param name="sigma">Likewise.</param>
    /// <remarks>
    /// Solvers whose <see cref="Solver.Renoises"/> is true ask for this, the others for <see cref="Denoise"/>. A denoiser around
    /// another that changes its estimates must change both, so that it overrides this too; one that does not stays right for all
    /// denoisers with a single estimate.
    /// </remarks>
    Estimates Estimate(Tensor x, double sigma) => new(Denoise(x, sigma));

    /// <summary>
    /// Estimates the clean images twice: by this denoiser and by another. Two evaluations, unless this denoiser knows that both
    /// are one network's, which it then evaluates once for twice as many images.
    /// </summary>
    /// <param name="other">The other one, such as the same network without a class.</param>
    /// <param name="x">As for <see cref="Denoise"/>.</param>
    /// <param name="sigma">Likewise.</param>
    /// <returns>What <see cref="Denoise"/> of each gives: twice [B, C, H, W].</returns>
    (Tensor Own, Tensor Others) DenoiseWith(IDenoiser other, Tensor x, double sigma) =>
        (Denoise(x, sigma), other.Denoise(x, sigma));
}

/// <summary>What a denoiser says of x.</summary>
/// <param name="Denoised">D, the clean images: [B, C, H, W].</param>
/// <param name="OfNoise">D_n, by which the noise is (x - D_n) / sigma: [B, C, H, W]; null where it is D itself.</param>
public readonly record struct Estimates(Tensor Denoised, Tensor? OfNoise = null);
