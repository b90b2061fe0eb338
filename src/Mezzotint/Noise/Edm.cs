namespace Mezzotint.Noise;

/// <summary>The process whose time is the noise itself: alpha = 1, std(t) = t. It lives in VE coordinates already.</summary>
/// <remarks>
/// It solves dx = sqrt(2 t) dw. Karras et al. 2022, "Elucidating the Design Space of Diffusion-Based Generative Models", arXiv
/// 2206.00364, table 1; the range is theirs, for images of a standard deviation of 0.5.
/// </remarks>
public sealed record Edm : NoiseProcess
{
    /// <summary>The first time and least noise, sigma_min in the paper; more than 0.</summary>
    public override double MinimumTime { get; init; } = 0.002;

    /// <summary>The last time and most noise, sigma_max in the paper; more than <see cref="MinimumTime"/>.</summary>
    public double MaximumSigma { get; init; } = 80;

    /// <inheritdoc/>
    public override double MaximumTime => MaximumSigma;

    /// <summary>ln(t) / 4, as in the paper: t runs over five orders of magnitude.</summary>
    /// <param name="t">The time.</param>
    public override double TimeInput(double t) => Math.Log(t) / 4;

    /// <summary>1: the image stays as it is.</summary>
    /// <param name="t">The time.</param>
    public override double Alpha(double t) => 1;

    /// <summary>t.</summary>
    /// <param name="t">The time.</param>
    public override double Std(double t) => t;

    /// <summary>The level itself.</summary>
    /// <param name="level">A level, 0 or more.</param>
    public override double Time(double level) => level;

    /// <summary>0: nothing pulls at the image.</summary>
    /// <param name="t">The time.</param>
    public override double Drift(double t) => 0;

    /// <summary>g(t) = sqrt(2 t).</summary>
    /// <param name="t">The time.</param>
    public override double Diffusion(double t) => Math.Sqrt(2 * t);

    /// <inheritdoc/>
    public override void Validate()
    {
        Check.Range("process.minimum_time", MinimumTime, double.IsFinite(MinimumTime) && MinimumTime > 0, "more than 0");
        Check.Range(
            "process.maximum_sigma", MaximumSigma, double.IsFinite(MaximumSigma) && MaximumSigma > MinimumTime,
            "more than process.minimum_time");
    }
}
