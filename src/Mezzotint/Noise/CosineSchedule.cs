namespace Mezzotint.Noise;

/// <summary>The cosine schedule: alpha(t) = cos(phi(t)) / cos(phi(0)) with phi(t) = (t + s) / (1 + s) pi / 2.</summary>
/// <remarks>
/// Nichol and Dhariwal 2021, "Improved Denoising Diffusion Probabilistic Models", arXiv 2102.09672, equation 17. alpha(1) is 0.
/// As a table, no beta is above 0.999.
/// </remarks>
public sealed record CosineSchedule : NoiseSchedule
{
    /// <summary>s, which keeps beta from being too small near t = 0; 0 or more, at most 1.</summary>
    public double Offset { get; init; } = 0.008;

    /// <summary>Where the level is <see cref="NoiseProcess.PureNoiseLevel"/>: 0.99984 with the paper's offset.</summary>
    public override double MaximumTime => Time(LogAlphaAt(NoiseProcess.PureNoiseLevel));

    private double PhaseRate => Math.PI / (2 * (1 + Offset));

    /// <inheritdoc/>
    public override double LogAlpha(double t)
    {
        // 1 - cos a / cos b as a product of sines is exact where both angles are close. Near t = 1, cos a is the sine of what is
        // left to pi / 2.
        double start = Offset * PhaseRate, gone = t * PhaseRate;
        double lost = 2 * Math.Sin(start + gone / 2) * Math.Sin(gone / 2) / Math.Cos(start);
        return lost < 0.5 ? Exponentials.LogOnePlus(-lost) : Math.Log(Math.Sin((1 - t) * PhaseRate) / Math.Cos(start));
    }

    /// <inheritdoc/>
    public override double Beta(double t) => 2 * PhaseRate / Math.Tan((1 - t) * PhaseRate);

    /// <inheritdoc/>
    public override double Time(double logAlpha)
    {
        double start = Offset * PhaseRate, cosine = Math.Cos(start), sine = Math.Sin(start);
        double variance = -Exponentials.ExpMinusOne(2 * logAlpha); // 1 - alpha^2
        double phase = Math.Atan2(Math.Sqrt(sine * sine + variance * cosine * cosine), Math.Exp(logAlpha) * cosine);
        return (phase - start) / PhaseRate;
    }

    /// <inheritdoc/>
    public override NoiseSchedule WithZeroTerminalSnr() => this;

    /// <inheritdoc/>
    public override void Validate() => Check.Range("process.schedule.offset", Offset, Offset is >= 0 and <= 1, "between 0 and 1");
}
