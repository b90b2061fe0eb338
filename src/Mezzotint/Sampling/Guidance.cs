using System.Globalization;
using Mezzotint.Runtime;
using static TorchSharp.torch;

namespace Mezzotint.Sampling;

/// <summary>
/// How a denoiser is driven further the way it goes: D_guided is made of D, the estimate for the class, and of D_0, which knows
/// less: the same network's estimate without a class, or a weaker network's. A value, of which <see cref="Wrap"/> makes one
/// denoiser of several for one walk.
/// </summary>
/// <remarks>
/// The convention of the weight is D_guided = D_0 + W (D - D_0) (Ho, Salimans 2022, arXiv 2207.12598, equation 6 with W = 1 + w
/// there). So 1 is no guidance, and costs nothing; 0 is D_0. The difference of two estimates is sigma^2 times that of their
/// scores: the score of p(x) p(label | x)^W.
/// </remarks>
public abstract record Guidance
{
    // All kinds, each with its defaults. Replaced, never changed, so that readers need no lock.
    private static Guidance[] s_kinds =
    [
        new ClassifierFreeGuidance(), new RenoisedGuidance(), new ProjectedGuidance(), new Autoguidance(),
    ];

    private static readonly Lock Adding = new();

    /// <summary>The names that <see cref="Named"/> knows.</summary>
    public static IReadOnlyList<string> Names => [.. s_kinds.Select(kind => kind.Name)];

    /// <summary>As the command and configurations spell the kind.</summary>
    public abstract string Name { get; }

    /// <summary>W, 0 to 1000: 1 is none (but see <see cref="RenoisedGuidance"/>), more is more.</summary>
    public double Weight { get; init; } = 1;

    /// <summary>
    /// phi, 0 to 1: how far each guided estimate is brought back to the standard deviation of its image's D,
    /// D_guided (phi std(D) / std(D_guided) + 1 - phi). 0 is not at all. Lin et al. 2023, arXiv 2305.08891, equations 15 and 16,
    /// there of the network's output.
    /// </summary>
    public double Rescale { get; init; }

    /// <summary>The lowest level with guidance, 0 or more, in the data's units; below it D is taken, at no extra evaluation.
    /// Kynkaanniemi et al. 2024, arXiv 2404.07724, equation 5.</summary>
    public double Low { get; init; }

    /// <summary>The highest level with guidance, above <see cref="Low"/>.</summary>
    public double High { get; init; } = double.PositiveInfinity;

    /// <summary>Whether the guided estimate is D at every level.</summary>
    public virtual bool IsNone => Weight == 1;

    /// <summary>Whether D_0 is a weaker model's, instead of the same network's without a class.</summary>
    public virtual bool NeedsWeaker => false;

    /// <summary>Adds a kind of a program's own: from then on its name stands for it in configurations, options and
    /// receipts.</summary>
    /// <param name="kind">One of the kind, with its defaults. Adding an equal one again changes nothing.</param>
    /// <exception cref="MezzotintException">Another kind has the name.</exception>
    public static void Register(Guidance kind)
    {
        ArgumentNullException.ThrowIfNull(kind);
        lock (Adding)
        {
            var known = Array.Find(s_kinds, known => known.Name == kind.Name);
            if (known == kind)
                return;
            if (known is not null)
                throw new MezzotintException($"Guidance of the kind '{kind.Name}' exists already: give this one another name.")
                    { Key = "guidance_kind" };
            s_kinds = [.. s_kinds, kind];
        }
    }

    /// <summary>The guidance of a name.</summary>
    /// <param name="name">One of <see cref="Names"/>.</param>
    /// <param name="weight">W.</param>
    /// <param name="rescale">phi.</param>
    /// <param name="low">The lowest level with guidance.</param>
    /// <param name="high">The highest.</param>
    /// <exception cref="MezzotintException">No kind has this name, or a number is out of its range.</exception>
    public static Guidance Named(
        string name, double weight, double rescale = 0, double low = 0, double high = double.PositiveInfinity)
    {
        ArgumentNullException.ThrowIfNull(name);
        var kind = Array.Find(s_kinds, kind => kind.Name == name) ?? throw new MezzotintException(
            $"Guidance of the kind {Printable.Quote(name)} is not known{Spelling.Remedy(name, Names)}") { Key = "guidance_kind" };
        var guidance = kind with { Weight = weight, Rescale = rescale, Low = low, High = high };
        guidance.Validate();
        return guidance;
    }

    /// <summary>Makes the guided denoiser for one walk: some kinds remember what they were asked, so that the next walk needs
    /// another.</summary>
    /// <param name="denoiser">D.</param>
    /// <param name="unconditional">
    /// The same network's denoiser of no class (<see cref="NetworkDenoiser.Unconditional"/>), which is D_0 for most kinds; null
    /// where it has none.
    /// </param>
    /// <param name="weaker">
    /// The weaker model's denoiser of the same class, which is D_0 for kinds that need one; its numbers are those of the same
    /// data.
    /// </param>
    /// <exception cref="MezzotintException">A number is out of its range, or what D_0 comes from is missing; the message says
    /// what to do.</exception>
    public GuidedDenoiser Wrap(IDenoiser denoiser, IDenoiser? unconditional = null, IDenoiser? weaker = null)
    {
        ArgumentNullException.ThrowIfNull(denoiser);
        Validate();
        CheckReference(unconditional is not null, weaker is not null);
        return new GuidedDenoiser(this, denoiser, NeedsWeaker ? weaker : unconditional);
    }

    /// <summary>Checks the ranges of the numbers.</summary>
    /// <exception cref="MezzotintException">One is out of its range; the message names it.</exception>
    public virtual void Validate()
    {
        Check.Range("guidance", Weight, Weight is >= 0 and <= 1000, "0 to 1000; 1 is none");
        Check.Range("guidance_rescale", Rescale, Rescale is >= 0 and <= 1, "0 to 1");
        Check.Range(
            "guidance_interval", string.Create(CultureInfo.InvariantCulture, $"{Low},{High}"),
            double.IsFinite(Low) && Low >= 0 && High > Low, "a low level of 0 or more, then a higher one");
    }

    /// <summary>The kind with its weight and what differs from the defaults, as "cfg 2, rescale 0.7, levels 0.2 to 5".</summary>
    public sealed override string ToString() => string.Create(CultureInfo.InvariantCulture,
        $"{Name} {Weight}{(Rescale > 0 ? $", rescale {Rescale}" : "")}"
        + $"{(Low > 0 || double.IsFinite(High) ? $", levels {Low} to {High}" : "")}");

    /// <summary>Checks that a solver can take it.</summary>
    internal virtual void CheckSolver(Solver solver)
    {
    }

    /// <summary>Checks that there is what D_0 comes from.</summary>
    internal void CheckReference(bool unconditional, bool weaker)
    {
        if (IsNone)
            return;
        if (NeedsWeaker && !weaker)
            throw new MezzotintException(
                "Guidance of the kind auto goes away from what a weaker model draws: name that model too.")
                { Key = "guidance_kind" };
        if (!NeedsWeaker && !unconditional)
            throw new MezzotintException(
                $"Guidance of the kind {Name} asks the network for no class too, and this one has not learned that: train one "
                + $"with unconditional = true under [model] and label_dropout = 0.1 under [training], or guide it by a weaker "
                + $"model, with the kind auto.") { Key = "guidance" };
    }

    /// <summary>Whether a level is one with guidance.</summary>
    internal bool Covers(double sigma) => Low <= sigma && sigma <= High;

    /// <summary>Whether the noise is predicted by D_0, so that not every solver can take the estimate.</summary>
    internal virtual bool Renoises => false;

    /// <summary>D_guided before it is rescaled.</summary>
    /// <param name="denoised">D: [B, C, H, W].</param>
    /// <param name="reference">D_0: [B, C, H, W].</param>
    /// <param name="memory">What the kind remembers of the walk, null at its start. It may be replaced by a new tensor of the
    /// current dispose scope.</param>
    /// <returns>[B, C, H, W].</returns>
    protected internal abstract Tensor Combine(Tensor denoised, Tensor reference, ref Tensor? memory);

    /// <summary>D_0 + W (D - D_0): where both are the same, that is what it gives, to the bit.</summary>
    private protected Tensor Extrapolate(Tensor denoised, Tensor reference) => reference.Plus(Weight, denoised - reference);
}
