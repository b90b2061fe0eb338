using static TorchSharp.torch;

namespace Mezzotint.Sampling;

/// <summary>
/// CFG++: the guided estimate is that of classifier-free guidance, but the noise that a step puts back is predicted without the
/// class. So the path stays where noisy images are: x' = D_guided + (sigma' / sigma) (x - D_0).
/// </summary>
/// <remarks>
/// Chung et al. 2024, "CFG++: Manifold-constrained Classifier Free Guidance for Diffusion Models", arXiv 2406.08070, algorithm 2;
/// W is lambda there, from 0, no class, to 1, and no W is no guidance. Solved for x', such a step is one of
/// <see cref="ClassifierFreeGuidance"/> with the weight W / (1 - sigma' / sigma), the larger the shorter the step. It is defined
/// for the solvers whose <see cref="Solver.Renoises"/> is true; the others refuse it.
/// </remarks>
public sealed record RenoisedGuidance : Guidance
{
    /// <inheritdoc/>
    public override string Name => "cfg++";

    /// <summary>Never: W = 1 already is strong guidance.</summary>
    public override bool IsNone => false;

    /// <inheritdoc/>
    public override void Validate()
    {
        base.Validate();
        Check.Range("guidance", Weight, Weight <= 1, "0 to 1 for the kind cfg++, whose weights are smaller than those of cfg");
    }

    internal override bool Renoises => true;

    internal override void CheckSolver(Solver solver)
    {
        if (!solver.Renoises)
            throw Undefined($"not for '{solver.Name}'");
    }

    /// <summary>The error of a solver that cannot take it.</summary>
    internal static MezzotintException Undefined(string where) => new(
        $"Guidance of the kind cfg++ is defined for the samplers "
        + $"{string.Join(", ", Solvers.All.Where(solver => solver.Renoises).Select(solver => solver.Name))}, {where}. Take one "
        + $"of them, or guidance of another kind.");

    /// <inheritdoc/>
    protected internal override Tensor Combine(Tensor denoised, Tensor reference, ref Tensor? memory) =>
        Extrapolate(denoised, reference);
}
