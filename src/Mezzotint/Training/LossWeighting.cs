using Mezzotint.Noise;
using Mezzotint.Settings;

namespace Mezzotint.Training;

/// <summary>
/// How much the levels of noise count in the loss: the error of an image is weight |D - x_0|^2, summed over its pixels. With the
/// signal-to-noise ratio 1 / level^2 as the weight it is the error of the predicted noise.
/// </summary>
[SettingsKind("seed", typeof(SeedWeighting))]
[SettingsKind("simple", typeof(SimpleWeighting))]
[SettingsKind("edm", typeof(EdmWeighting))]
[SettingsKind("min-snr", typeof(MinSnrWeighting))]
[SettingsKind("soft-min-snr", typeof(SoftMinSnrWeighting))]
[SettingsKind("p2", typeof(P2Weighting))]
public abstract record LossWeighting
{
    /// <summary>The weight of |F - F*|^2, the error of the network's own output, which is Out^2 times that of |D -
    /// x_0|^2.</summary>
    /// <param name="level">The level of the noise, more than 0.</param>
    /// <param name="scalings">How the network is used there.</param>
    public virtual double OfOutput(double level, Scalings scalings) => OfImage(level) * scalings.Out * scalings.Out;

    /// <summary>The weight of |D - x_0|^2.</summary>
    /// <param name="level">The level of the noise, more than 0.</param>
    protected abstract double OfImage(double level);

    /// <summary>Checks the ranges of the settings.</summary>
    /// <exception cref="MezzotintException">One is out of its range; the message names it.</exception>
    public virtual void Validate() { }
}

/// <summary>The seed's: the error of the predicted noise, 1 / level^2.</summary>
/// <remarks>Song et al. 2021, arXiv 2011.13456, equation 7 with lambda = std^2; Ho et al. 2020, arXiv 2006.11239, equation
/// 14.</remarks>
public sealed record SeedWeighting : LossWeighting
{
    /// <inheritdoc/>
    protected override double OfImage(double level) => 1 / (level * level);
}

/// <summary>The plain error of whatever the network predicts: 1 / Out^2. For predicted noise that is the seed's.</summary>
/// <remarks>Ho et al. 2020, arXiv 2006.11239, L_simple, in the parameterisation at hand.</remarks>
public sealed record SimpleWeighting : LossWeighting
{
    /// <inheritdoc/>
    public override double OfOutput(double level, Scalings scalings) => 1;

    /// <summary>Not asked for.</summary>
    protected override double OfImage(double level) => double.NaN;
}

/// <summary>EDM's: (level^2 + d^2) / (level d)^2, with which the preconditioned network's output is learned evenly.</summary>
/// <remarks>Karras et al. 2022, arXiv 2206.00364, table 1.</remarks>
public sealed record EdmWeighting : LossWeighting
{
    /// <summary>d: the standard deviation of the scaled pixels, more than 0.</summary>
    public double DataStd { get; init; } = 0.5;

    /// <inheritdoc/>
    protected override double OfImage(double level) => 1 / (level * level) + 1 / (DataStd * DataStd);

    /// <inheritdoc/>
    public override void Validate() =>
        Check.Range("loss.data_std", DataStd, DataStd is > 0 and < 1e6, "more than 0 and below 1000000");
}

/// <summary>min(1 / level^2, gamma): no more than gamma for what is nearly clean.</summary>
/// <remarks>Hang et al. 2023, "Efficient Diffusion Training via Min-SNR Weighting Strategy", arXiv 2303.09556, section
/// 3.4.</remarks>
public sealed record MinSnrWeighting : LossWeighting
{
    /// <summary>gamma, more than 0; the paper's is 5.</summary>
    public double Gamma { get; init; } = 5;

    /// <inheritdoc/>
    protected override double OfImage(double level) => Math.Min(1 / (level * level), Gamma);

    /// <inheritdoc/>
    public override void Validate() => Check.Range("loss.gamma", Gamma, double.IsFinite(Gamma) && Gamma > 0, "more than 0");
}

/// <summary>gamma / (gamma level^2 + 1): min-SNR without its corner, half of gamma where the ratio is gamma.</summary>
/// <remarks>Crowson et al. 2024, "Scalable High-Resolution Pixel-Space Image Synthesis with Hourglass Diffusion Transformers",
/// arXiv 2401.11605, section 4.5.</remarks>
public sealed record SoftMinSnrWeighting : LossWeighting
{
    /// <summary>gamma, more than 0.</summary>
    public double Gamma { get; init; } = 4;

    /// <inheritdoc/>
    protected override double OfImage(double level) => Gamma / (Gamma * level * level + 1);

    /// <inheritdoc/>
    public override void Validate() => Check.Range("loss.gamma", Gamma, double.IsFinite(Gamma) && Gamma > 0, "more than 0");
}

/// <summary>1 / level^2 / (k + 1 / level^2)^gamma: less for levels where only imperceptible detail is left to learn.</summary>
/// <remarks>Choi et al. 2022, "Perception Prioritized Training of Diffusion Models", arXiv 2204.00227, equation 8.</remarks>
public sealed record P2Weighting : LossWeighting
{
    /// <summary>k, more than 0; the paper's is 1.</summary>
    public double K { get; init; } = 1;

    /// <summary>gamma, 0 or more; the paper's are 0.5 and 1. 0 is the seed's weighting.</summary>
    public double Gamma { get; init; } = 1;

    /// <inheritdoc/>
    protected override double OfImage(double level)
    {
        double snr = 1 / (level * level);
        return snr / Math.Pow(K + snr, Gamma);
    }

    /// <inheritdoc/>
    public override void Validate()
    {
        Check.Range("loss.k", K, double.IsFinite(K) && K > 0, "more than 0");
        Check.Range("loss.gamma", Gamma, Gamma is >= 0 and <= 10, "between 0 and 10");
    }
}
