using Mezzotint.Noise;
using Mezzotint.Settings;

namespace Mezzotint.Training;

/// <summary>Which times, and so which levels of noise, training draws: a function of a number that is uniform between 0 and
/// 1.</summary>
[SettingsKind("uniform", typeof(UniformTimes))]
[SettingsKind("log-normal", typeof(LogNormalLevels))]
[SettingsKind("logit-normal", typeof(LogitNormalTimes))]
public abstract record TimeDistribution
{
    /// <summary>
    /// Whether a batch of B draws one number in each of B equal parts of (0, 1) instead of B independent ones: the same
    /// distribution, with less noise in the loss. Kingma et al. 2021, "Variational Diffusion Models", arXiv 2107.00630, appendix
    /// I.1, whose numbers also share one draw.
    /// </summary>
    public bool Stratified { get; init; }

    /// <summary>The time of a uniform number.</summary>
    /// <param name="process">Whose times.</param>
    /// <param name="u">Between 0 and 1.</param>
    /// <returns>From <see cref="NoiseProcess.MinimumTime"/> to <see cref="NoiseProcess.MaximumTime"/>.</returns>
    public abstract double Time(NoiseProcess process, double u);

    /// <summary>The times of a batch.</summary>
    /// <param name="process">Whose times.</param>
    /// <param name="uniform">B independent numbers in [0, 1).</param>
    public double[] Times(NoiseProcess process, IReadOnlyList<double> uniform)
    {
        ArgumentNullException.ThrowIfNull(process);
        ArgumentNullException.ThrowIfNull(uniform);
        int count = uniform.Count;
        return [.. uniform.Select((u, i) => Time(process, Stratified ? (i + u) / count : u))];
    }

    /// <summary>Checks the ranges of the settings.</summary>
    /// <exception cref="MezzotintException">One is out of its range; the message names it.</exception>
    public virtual void Validate() { }

    /// <summary>A normal draw; u as it comes may be 0, of which there is none.</summary>
    private protected static double Normal(double mean, double std, double u) =>
        mean + std * NormalDistribution.Quantile(Math.Clamp(u, 1e-9, 1 - 1e-9));

    private protected static void CheckNormal(double mean, double std)
    {
        Check.Range("times.mean", mean, Math.Abs(mean) <= 20, "between -20 and 20");
        Check.Range("times.std", std, std is > 0 and <= 20, "more than 0, at most 20");
    }
}

/// <summary>Every time alike, as the seed draws them.</summary>
public sealed record UniformTimes : TimeDistribution
{
    /// <inheritdoc/>
    public override double Time(NoiseProcess process, double u)
    {
        ArgumentNullException.ThrowIfNull(process);
        return process.MinimumTime + (process.MaximumTime - process.MinimumTime) * u;
    }
}

/// <summary>ln level ~ N(Mean, Std^2), held between the process's least and greatest level.</summary>
/// <remarks>Karras et al. 2022, arXiv 2206.00364, table 1: P_mean and P_std, for images of standard deviation 0.5.</remarks>
public sealed record LogNormalLevels : TimeDistribution
{
    /// <summary>The mean of ln level.</summary>
    public double Mean { get; init; } = -1.2;

    /// <summary>Its standard deviation, more than 0.</summary>
    public double Std { get; init; } = 1.2;

    /// <summary>
    /// The part of the draws that is even in ln level instead, from the process's least level to exp(Mean): 0 to below 1. A
    /// likelihood weighs every logarithm of the level alike (Kingma et al. 2021, arXiv 2107.00630, equation 18), and the normal
    /// distribution hardly reaches the low ones.
    /// </summary>
    public double LowShare { get; init; }

    /// <inheritdoc/>
    public override double Time(NoiseProcess process, double u)
    {
        ArgumentNullException.ThrowIfNull(process);
        double least = Math.Log(process.MinimumLevel);
        double level =
            Math.Exp(u < LowShare ? least + (Mean - least) * (u / LowShare) : Normal(Mean, Std, (u - LowShare) / (1 - LowShare)));
        return level <= process.MinimumLevel
            ? process.MinimumTime : level >= process.MaximumLevel ? process.MaximumTime : process.Time(level);
    }

    /// <inheritdoc/>
    public override void Validate()
    {
        CheckNormal(Mean, Std);
        Check.Range("times.low_share", LowShare, LowShare is >= 0 and < 1, "at least 0 and below 1");
    }
}

/// <summary>ln(s / (1 - s)) ~ N(Mean, Std^2), where s is how far t is between the first time and the last.</summary>
/// <remarks>Esser et al. 2024, arXiv 2403.03206, section 3.1.</remarks>
public sealed record LogitNormalTimes : TimeDistribution
{
    /// <summary>The mean: 0 is the middle, more is noisier.</summary>
    public double Mean { get; init; }

    /// <summary>The standard deviation, more than 0.</summary>
    public double Std { get; init; } = 1;

    /// <inheritdoc/>
    public override double Time(NoiseProcess process, double u)
    {
        ArgumentNullException.ThrowIfNull(process);
        double s = 1 / (1 + Math.Exp(-Normal(Mean, Std, u)));
        return process.MinimumTime + (process.MaximumTime - process.MinimumTime) * s;
    }

    /// <inheritdoc/>
    public override void Validate() => CheckNormal(Mean, Std);
}
