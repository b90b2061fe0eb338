using Mezzotint.Settings;

namespace Mezzotint.Noise;

/// <summary>
/// How fast the signal fades in a variance-preserving process: alpha(t) = exp(-1/2 integral of beta from 0 to t), for t in [0,
/// 1].
/// </summary>
/// <remarks>
/// A schedule in continuous time can be cut into a <see cref="TableSchedule"/> of T steps, as networks with discrete time are
/// trained on. In all of them alpha(0) = 1. alpha^2 is the alpha-bar of Ho et al. 2020, "Denoising Diffusion Probabilistic
/// Models", arXiv 2006.11239.
/// </remarks>
[SettingsKind("linear", typeof(LinearSchedule))]
[SettingsKind("scaled-linear", typeof(ScaledLinearSchedule))]
[SettingsKind("cosine", typeof(CosineSchedule))]
[SettingsKind("sigmoid", typeof(SigmoidSchedule))]
[SettingsForm(typeof(ScheduleSettings))]
public abstract record NoiseSchedule
{
    private const double LargestTableBeta = 0.999; // Nichol and Dhariwal 2021, section 3.2

    /// <summary>The first time worth training: 0.001, or the first entry of a table.</summary>
    public virtual double MinimumTime => 1e-3;

    /// <summary>The last time: 1, or a little less where alpha(1) is 0: there the level is
    /// <see cref="NoiseProcess.PureNoiseLevel"/>.</summary>
    public virtual double MaximumTime => 1;

    /// <summary>Whether alpha(1) is 0.</summary>
    public virtual bool EndsWithoutSignal => MaximumTime < 1;

    /// <summary>How the schedule was made of one in continuous time: that one, the steps of the table (0 for continuous time),
    /// and whether it was made to end with no signal.</summary>
    internal virtual (NoiseSchedule Schedule, int TableLength, bool ZeroTerminalSnr)? Recipe => (this, 0, false);

    /// <summary>ln alpha(t), 0 or less.</summary>
    /// <param name="t">The time, 0 to <see cref="MaximumTime"/>.</param>
    public abstract double LogAlpha(double t);

    /// <summary>beta(t) = -2 d ln alpha / dt, the rate at which variance is exchanged for noise; more than 0.</summary>
    /// <param name="t">The time, 0 to <see cref="MaximumTime"/>.</param>
    public abstract double Beta(double t);

    /// <summary>The time at which ln alpha has a value: the inverse of <see cref="LogAlpha"/>.</summary>
    /// <param name="logAlpha">ln alpha, 0 or less.</param>
    public abstract double Time(double logAlpha);

    /// <summary>Cuts the schedule into steps: beta_k = 1 - alpha(k / T)^2 / alpha((k - 1) / T)^2, at most 0.999, for k = 1 ...
    /// T.</summary>
    /// <remarks>Nichol and Dhariwal 2021, "Improved Denoising Diffusion Probabilistic Models", arXiv 2102.09672, section 3.2,
    /// bound included. Schedules that are defined by their betas override it.</remarks>
    /// <param name="count">The number T of steps, 1 or more.</param>
    /// <exception cref="MezzotintException">The schedule has no table of that length; the message says why.</exception>
    public virtual TableSchedule ToTable(int count)
    {
        CheckCount(count);
        var betas = new double[count];
        for (int k = 1; k <= count; k++)
            betas[k - 1] = Math.Min(
                -Exponentials.ExpMinusOne(2 * (LogAlpha((double)k / count) - LogAlpha((double)(k - 1) / count))),
                LargestTableBeta);
        return new TableSchedule(betas, (this, count, false));
    }

    /// <summary>The schedule shifted and scaled in alpha so that it ends with no signal at all: alpha(1) = 0 and alpha(0) as it
    /// was.</summary>
    /// <remarks>Lin et al. 2023, "Common Diffusion Noise Schedules and Sample Steps Are Flawed", arXiv 2305.08891, algorithm 1.
    /// The level at t = 1 has no bound then: see <see cref="NoiseProcess.PureNoiseLevel"/> for where levels start.</remarks>
    public virtual NoiseSchedule WithZeroTerminalSnr() => new ZeroTerminalSchedule(this);

    /// <summary>Checks the ranges of the settings.</summary>
    /// <exception cref="MezzotintException">A setting is out of its range; the message names it.</exception>
    public abstract void Validate();

    /// <summary>ln alpha where a variance-preserving process has a level: alpha^2 = 1 / (1 + level^2).</summary>
    internal static double LogAlphaAt(double level) => -0.5 * Exponentials.LogOnePlus(level * level);

    private protected void CheckCount(int count)
    {
        Check.Range(
            "process.schedule.table_length", count, count is >= 1 and <= TableSchedule.MaximumCount,
            $"between 1 and {TableSchedule.MaximumCount}");
        Validate();
    }
}
