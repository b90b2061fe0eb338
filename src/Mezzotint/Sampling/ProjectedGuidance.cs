using Mezzotint.Runtime;
using static TorchSharp.torch;

namespace Mezzotint.Sampling;

/// <summary>
/// Adaptive projected guidance, classifier-free guidance that does not oversaturate. u = D - D_0 + Momentum u_before is shortened
/// to <see cref="NormThreshold"/> where it is longer, and split into its parts along D and across it, D_guided = D + (W
/// - 1) (u_across + Eta u_along).
/// </summary>
/// <remarks>
/// Sadat et al. 2024, "Eliminating Oversaturation and Artifacts of High Guidance Scales in Diffusion Models", arXiv 2410.02416,
/// algorithm 1. Norms and parts are those of each image. u_before is that of the evaluation before, of which some solvers have
/// several a step.
/// </remarks>
public sealed record ProjectedGuidance : Guidance
{
    /// <inheritdoc/>
    public override string Name => "apg";

    /// <summary>eta, 0 to 1: how much is kept of the part along D, which makes an image brighter and more saturated rather than
    /// clearer.</summary>
    public double Eta { get; init; }

    /// <summary>r, above 0, in the data's units: the longest u, as the norm over all pixels of an image. None by default: what is
    /// long depends on the images.</summary>
    public double NormThreshold { get; init; } = double.PositiveInfinity;

    /// <summary>beta, above -1 and below 1: how much u remembers. Below 0 it looks away from where it has gone.</summary>
    public double Momentum { get; init; } = -0.5;

    /// <inheritdoc/>
    public override void Validate()
    {
        base.Validate();
        Check.Range("eta", Eta, Eta is >= 0 and <= 1, "0 to 1");
        Check.Range("norm_threshold", NormThreshold, NormThreshold > 0, "above 0");
        Check.Range("momentum", Momentum, Momentum is > -1 and < 1, "above -1 and below 1");
    }

    internal override void CheckSolver(Solver solver)
    {
        // An embedded method compares estimates of one path: a D that depends on what was asked before it takes for an error, and
        // steps ever shorter.
        if (Momentum != 0 && solver.Evaluations is null)
            throw new MezzotintException(
                $"Guidance of the kind apg remembers the estimates before, but '{solver.Name}' chooses its steps by comparing "
                + $"estimates. Take a sampler with a fixed number of steps, or another kind.") { Key = "guidance_kind" };
    }

    /// <inheritdoc/>
    protected internal override Tensor Combine(Tensor denoised, Tensor reference, ref Tensor? memory)
    {
        var u = denoised - reference;
        if (Momentum != 0)
            memory = u = memory is null ? u : u.Plus(Momentum, memory);
        if (double.IsFinite(NormThreshold))
            u *= Shortening(u);
        var along = denoised * Share(u, denoised);
        return denoised.Plus(Weight - 1, u.Plus(Eta - 1, along));
    }

    /// <summary>min(1, r / |u|): [B, 1, 1, 1].</summary>
    private Tensor Shortening(Tensor u)
    {
        using var threshold = tensor(NormThreshold, u.dtype, u.device);
        using var one = tensor(1.0, u.dtype, u.device);
        return (threshold / PerImage.Sum(u * u).sqrt()).minimum(one);
    }

    /// <summary>u.D / D.D, 0 where D is: [B, 1, 1, 1].</summary>
    private static Tensor Share(Tensor u, Tensor denoised)
    {
        var square = PerImage.Sum(denoised * denoised);
        var share = PerImage.Sum(u * denoised) / square;
        return where(square.eq(zeros_like(square)), zeros_like(share), share);
    }
}
