using static TorchSharp.torch;

namespace Mezzotint.Sampling;

/// <summary>Classifier-free guidance: D_guided = D_0 + W (D - D_0), where D_0 is the same network's estimate without a
/// class.</summary>
/// <remarks>Ho, Salimans 2022, "Classifier-Free Diffusion Guidance", arXiv 2207.12598, equation 6, whose w is W - 1.</remarks>
public sealed record ClassifierFreeGuidance : Guidance
{
    /// <inheritdoc/>
    public override string Name => "cfg";

    /// <inheritdoc/>
    protected internal override Tensor Combine(Tensor denoised, Tensor reference, ref Tensor? memory) =>
        Extrapolate(denoised, reference);
}
