using static TorchSharp.torch;

namespace Mezzotint.Sampling;

/// <summary>Where a solver is after one of its steps. The tensors belong to the solver and live until the next step: copy what is
/// to stay.</summary>
/// <param name="Index">Which step this was, from 0.</param>
/// <param name="Sigma">The standard deviation of the noise that the step started from.</param>
/// <param name="X">The images after the step: [B, C, H, W]; after the last step, the result.</param>
/// <param name="Denoised">The denoiser's estimate in this step: [B, C, H, W].</param>
public sealed record SamplingStep(int Index, double Sigma, Tensor X, Tensor Denoised)
{
    /// <summary>How often the denoiser has been asked since the start, this step included.</summary>
    public int Evaluations { get; init; }

    /// <summary>The images that the step started from, with noise of <see cref="Sigma"/>: [B, C, H, W]; null where the solver
    /// does not tell.</summary>
    public Tensor? From { get; init; }
}
