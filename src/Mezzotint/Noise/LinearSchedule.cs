namespace Mezzotint.Noise;

/// <summary>The linear schedule: beta(t) = beta_min + t (beta_max - beta_min).</summary>
/// <remarks>
/// As a table: T betas evenly spaced from beta_min / T to beta_max / T; with T = 1000 the 1e-4 ... 0.02 of Ho et al. 2020,
/// "Denoising Diffusion Probabilistic Models", arXiv 2006.11239, section 4. In continuous time: Song et al. 2021, arXiv
/// 2011.13456, equation 32.
/// </remarks>
public sealed record LinearSchedule : NoiseSchedule
{
    /// <summary>beta at t = 0; more than 0.</summary>
    public double BetaMin { get; init; } = 0.1;

    /// <summary>beta at t = 1; at least <see cref="BetaMin"/>.</summary>
    public double BetaMax { get; init; } = 20;

    /// <inheritdoc/>
    public override double LogAlpha(double t) => -0.5 * t * (BetaMin + 0.5 * t * (BetaMax - BetaMin));

    /// <inheritdoc/>
    public override double Beta(double t) => BetaMin + t * (BetaMax - BetaMin);

    /// <inheritdoc/>
    public override double Time(double logAlpha)
    {
        double integral = -2 * logAlpha; // of beta
        return 2 * integral / (BetaMin + Math.Sqrt(BetaMin * BetaMin + 2 * (BetaMax - BetaMin) * integral));
    }

    /// <summary>T betas, evenly spaced from beta_min / T to beta_max / T.</summary>
    /// <param name="count">The number T of steps, more than beta_max.</param>
    /// <exception cref="MezzotintException">The table is too short for beta_max, or a setting is out of its range.</exception>
    public override TableSchedule ToTable(int count)
    {
        CheckCount(count);
        Check.Range(
            "process.schedule.table_length", count, count > BetaMax,
            "more than process.schedule.beta_max: no step may lose more than all of the signal");
        return new TableSchedule(
            [.. Enumerable.Range(0, count).Select(k => Beta(count == 1 ? 0 : k / (count - 1.0)) / count)], (this, count, false));
    }

    /// <inheritdoc/>
    public override void Validate()
    {
        Check.Range("process.schedule.beta_min", BetaMin, double.IsFinite(BetaMin) && BetaMin > 0, "more than 0");
        Check.Range(
            "process.schedule.beta_max", BetaMax, double.IsFinite(BetaMax) && BetaMax >= BetaMin,
            "process.schedule.beta_min or more");
    }
}
