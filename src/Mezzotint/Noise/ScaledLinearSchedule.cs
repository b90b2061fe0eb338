namespace Mezzotint.Noise;

/// <summary>The scaled-linear schedule of latent diffusion: beta(t) = (r + t (s - r))^2 with r = sqrt(beta_min), s =
/// sqrt(beta_max).</summary>
/// <remarks>
/// As a table: T betas whose roots are evenly spaced from sqrt(beta_min / T) to sqrt(beta_max / T). With T = 1000 they are the
/// 0.00085 ... 0.012 of Rombach et al. 2022, "High-Resolution Image Synthesis with Latent Diffusion Models", arXiv 2112.10752, as
/// their models were released.
/// </remarks>
public sealed record ScaledLinearSchedule : NoiseSchedule
{
    /// <summary>beta at t = 0; more than 0.</summary>
    public double BetaMin { get; init; } = 0.85;

    /// <summary>beta at t = 1; at least <see cref="BetaMin"/>.</summary>
    public double BetaMax { get; init; } = 12;

    private double Root => Math.Sqrt(BetaMin);

    private double RootGrowth => Math.Sqrt(BetaMax) - Math.Sqrt(BetaMin);

    /// <inheritdoc/>
    public override double LogAlpha(double t)
    {
        double r = Root, growth = RootGrowth * t;
        return -0.5 * t * (r * r + r * growth + growth * growth / 3);
    }

    /// <inheritdoc/>
    public override double Beta(double t)
    {
        double root = Root + t * RootGrowth;
        return root * root;
    }

    /// <inheritdoc/>
    public override double Time(double logAlpha)
    {
        // The integral of beta is ((r + t d)^3 - r^3) / (3 d); the difference of cubes is divided out, which keeps small times
        // exact.
        double integral = -2 * logAlpha, r = Root;
        double root = Math.Cbrt(r * r * r + 3 * RootGrowth * integral);
        return 3 * integral / (root * root + root * r + r * r);
    }

    /// <summary>T betas whose roots are evenly spaced from sqrt(beta_min / T) to sqrt(beta_max / T).</summary>
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
