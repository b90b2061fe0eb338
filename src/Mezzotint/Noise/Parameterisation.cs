using Mezzotint.Settings;

namespace Mezzotint.Noise;

/// <summary>
/// How a network F is used at one level: D = Skip xHat + Out F(In xHat, Time), in VE coordinates xHat = x / alpha = x_0 + level
/// z.
/// </summary>
/// <remarks>Karras et al. 2022, "Elucidating the Design Space of Diffusion-Based Generative Models", arXiv 2206.00364, equation
/// 7.</remarks>
/// <param name="Skip">The part of the noisy image in the estimate.</param>
/// <param name="Out">The factor of the network's output; not 0.</param>
/// <param name="In">The factor of the noisy image that the network sees; more than 0.</param>
/// <param name="Time">The level as the network sees it.</param>
public readonly record struct Scalings(double Skip, double Out, double In, double Time)
{
    /// <summary>The output that would be right, as a sum: F* = (x_0 - Skip xHat) / Out = Image x_0 + Noise z.</summary>
    /// <param name="level">The level of the noise in xHat.</param>
    public (double Image, double Noise) Target(double level) => ((1 - Skip) / Out, -Skip * level / Out);
}

/// <summary>
/// What a network's output means, and how it becomes the estimate of the clean image. All coefficients are float64. The network
/// sees x = alpha xHat, in the coordinates of its process, and the time as <see cref="NoiseProcess.TimeInput"/>, unless a
/// parameterisation says otherwise.
/// </summary>
[SettingsKind("score", typeof(ScoreParameterisation))]
[SettingsKind("epsilon", typeof(EpsilonParameterisation))]
[SettingsKind("x0", typeof(ImageParameterisation))]
[SettingsKind("v", typeof(VelocityParameterisation))]
[SettingsKind("flow", typeof(FlowParameterisation))]
[SettingsKind("edm", typeof(EdmPreconditioning))]
public abstract record Parameterisation
{
    /// <summary>How the network is used at a time.</summary>
    /// <param name="process">The process that it is trained in.</param>
    /// <param name="t">The time, more than 0, to <see cref="NoiseProcess.MaximumTime"/>.</param>
    public Scalings At(NoiseProcess process, double t)
    {
        ArgumentNullException.ThrowIfNull(process);
        return At(process, t, process.Level(t));
    }

    /// <summary>The same, where the level at that time is known.</summary>
    protected internal abstract Scalings At(NoiseProcess process, double t, double level);

    /// <summary>Checks the settings, and that the process has what the output is about.</summary>
    /// <param name="process">The process.</param>
    /// <exception cref="MezzotintException">It has not; the message says what to choose instead.</exception>
    public virtual void Validate(NoiseProcess process) => ArgumentNullException.ThrowIfNull(process);

    private protected static Scalings InProcess(NoiseProcess process, double t, double skip, double output) =>
        new(skip, output, process.Alpha(t), process.TimeInput(t));

    private protected static void Require(bool holds, string kind, string why, string instead)
    {
        if (!holds)
            throw new MezzotintException($"parameterisation.kind = {kind}: {why} Take {instead}.");
    }
}

/// <summary>The seed's: F = std score, so that the score is F / std and F learns -z. D = xHat + level F.</summary>
/// <remarks>Tweedie's formula: Efron 2011, "Tweedie's Formula and Selection Bias", equation 1.4; Song et al. 2021, arXiv
/// 2011.13456.</remarks>
public sealed record ScoreParameterisation : Parameterisation
{
    /// <inheritdoc/>
    protected internal override Scalings At(NoiseProcess process, double t, double level) => InProcess(process, t, 1, level);

    /// <inheritdoc/>
    public override void Validate(NoiseProcess process) => EpsilonParameterisation.RequireSignal(process, "score");
}

/// <summary>The noise: F learns z. D = xHat - level F.</summary>
/// <remarks>Ho et al. 2020, "Denoising Diffusion Probabilistic Models", arXiv 2006.11239, equation 11.</remarks>
public sealed record EpsilonParameterisation : Parameterisation
{
    /// <inheritdoc/>
    protected internal override Scalings At(NoiseProcess process, double t, double level) => InProcess(process, t, 1, -level);

    /// <inheritdoc/>
    public override void Validate(NoiseProcess process) => RequireSignal(process, "epsilon");

    internal static void RequireSignal(NoiseProcess process, string kind)
    {
        ArgumentNullException.ThrowIfNull(process);
        Require(
            !process.EndsWithoutSignal, kind,
            "this process ends with no signal, where the noise is known and says nothing about the image.",
            "x0, v (vp) or flow (flow), or edm");
    }
}

/// <summary>The clean image itself: F learns x_0. D = F.</summary>
/// <remarks>Salimans, Ho 2022, "Progressive Distillation for Fast Sampling of Diffusion Models", arXiv 2202.00512, section
/// 4.</remarks>
public sealed record ImageParameterisation : Parameterisation
{
    /// <inheritdoc/>
    protected internal override Scalings At(NoiseProcess process, double t, double level) => InProcess(process, t, 0, 1);
}

/// <summary>The velocity of a variance-preserving process: F learns v = alpha z - std x_0. D = alpha x - std F.</summary>
/// <remarks>Salimans, Ho 2022, arXiv 2202.00512, appendix D.</remarks>
public sealed record VelocityParameterisation : Parameterisation
{
    /// <inheritdoc/>
    protected internal override Scalings At(NoiseProcess process, double t, double level)
    {
        double alpha = process.Alpha(t);
        return InProcess(process, t, alpha * alpha, -process.Std(t));
    }

    /// <inheritdoc/>
    public override void Validate(NoiseProcess process) =>
        Require(
            process is VariancePreserving, "v",
            "v = alpha z - std x_0 is the velocity on a circle, alpha^2 + std^2 = 1, which vp alone has.",
            "edm, which is v of any process once data_std is 1, or flow (flow)");
}

/// <summary>The velocity of flow matching: F learns dx/dt = z - x_0. D = x - t F.</summary>
/// <remarks>Lipman et al. 2023, "Flow Matching for Generative Modeling", arXiv 2210.02747; Liu et al. 2023, arXiv 2209.03003,
/// equation 1.</remarks>
public sealed record FlowParameterisation : Parameterisation
{
    /// <inheritdoc/>
    protected internal override Scalings At(NoiseProcess process, double t, double level) =>
        InProcess(process, t, process.Alpha(t), -process.Std(t));

    /// <inheritdoc/>
    public override void Validate(NoiseProcess process) =>
        Require(
            process is FlowMatching, "flow", "z - x_0 is the velocity of the straight path, which flow alone has.",
            "v (vp), or edm");
}

/// <summary>
/// EDM's preconditioning: the network sees and gives numbers of unit variance at every level, and its errors count as little as
/// they can. Skip = d^2 / (level^2 + d^2), Out = level d / sqrt(level^2 + d^2), In = 1 / sqrt(level^2 + d^2), Time = ln(level) /
/// 4.
/// </summary>
/// <remarks>Karras et al. 2022, arXiv 2206.00364, table 1 and appendix B.6. It is written in the level, so any process will
/// do.</remarks>
public sealed record EdmPreconditioning : Parameterisation
{
    /// <summary>d, sigma_data in the paper: the standard deviation of the scaled pixels; more than 0.</summary>
    public double DataStd { get; init; } = 0.5;

    /// <inheritdoc/>
    protected internal override Scalings At(NoiseProcess process, double t, double level)
    {
        double d = DataStd, total = Math.Sqrt(level * level + d * d);
        double skip = d / total;
        return new Scalings(skip * skip, level * skip, 1 / total, Math.Log(level) / 4);
    }

    /// <inheritdoc/>
    public override void Validate(NoiseProcess process) =>
        Check.Range("parameterisation.data_std", DataStd, DataStd is > 0 and < 1e6, "more than 0 and below 1000000");
}
