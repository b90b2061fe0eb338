using static TorchSharp.torch;

namespace Mezzotint.Sampling;

/// <summary>
/// Autoguidance: D_guided = D_0 + W (D - D_0), where D_0 is the estimate of a weaker model for the same class, smaller or less
/// trained. Where both err alike, it errs more; away from there. It neither needs a network that knows of no class, nor narrows
/// what is drawn as much.
/// </summary>
/// <remarks>Karras et al. 2024, "Guiding a Diffusion Model with a Bad Version of Itself", arXiv 2406.02507, equation 3.</remarks>
public sealed record Autoguidance : Guidance
{
    /// <inheritdoc/>
    public override string Name => "auto";

    /// <inheritdoc/>
    public override bool NeedsWeaker => true;

    /// <inheritdoc/>
    protected internal override Tensor Combine(Tensor denoised, Tensor reference, ref Tensor? memory) =>
        Extrapolate(denoised, reference);
}
