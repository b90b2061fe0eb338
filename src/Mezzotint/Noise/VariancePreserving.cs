using Mezzotint.Settings;

namespace Mezzotint.Noise;

/// <summary>
/// The variance-preserving process: alpha(t) = exp(-1/2 integral of beta), std(t) = sqrt(1 - alpha(t)^2). Images of unit variance
/// keep it.
/// </summary>
/// <remarks>
/// It solves dx = -beta(t) / 2 x dt + sqrt(beta(t)) dw. Song et al. 2021, arXiv 2011.13456, equation 11; with a
/// <see cref="TableSchedule"/> the chain of Ho et al. 2020, "Denoising Diffusion Probabilistic Models", arXiv 2006.11239.
/// </remarks>
public sealed record VariancePreserving : NoiseProcess
{
    /// <summary>How fast the signal fades: linear, scaled-linear, cosine or sigmoid, in continuous time or as a table.</summary>
    public NoiseSchedule Schedule { get; init; } = new LinearSchedule();

    /// <summary>The first time; unless set, the schedule's own: 0.001, or the first entry of a table.</summary>
    public override double MinimumTime { get => field == 0 ? Schedule.MinimumTime : field; init; }

    /// <summary>
    /// Whether the network sees a time as the index of the table's entry, 0 to T - 1 and fractions between, as networks of
    /// discrete time are trained; else as t.
    /// </summary>
    [DefaultWhenMissing]
    public bool Timesteps { get; init; }

    /// <inheritdoc/>
    public override double MaximumTime => Schedule.MaximumTime;

    /// <inheritdoc/>
    public override bool EndsWithoutSignal => Schedule.EndsWithoutSignal;

    /// <inheritdoc/>
    public override TableSchedule? Table => Schedule as TableSchedule;

    /// <inheritdoc/>
    public override double TimeInput(double t) => Timesteps && Table is { } table ? table.IndexAt(t) : t;

    /// <inheritdoc/>
    public override double Alpha(double t) => Math.Exp(Schedule.LogAlpha(t));

    /// <inheritdoc/>
    public override double Std(double t) => Math.Sqrt(-Exponentials.ExpMinusOne(2 * Schedule.LogAlpha(t)));

    /// <inheritdoc/>
    public override double Level(double t) => Math.Sqrt(Exponentials.ExpMinusOne(-2 * Schedule.LogAlpha(t)));

    /// <inheritdoc/>
    public override double Time(double level) => Schedule.Time(NoiseSchedule.LogAlphaAt(level));

    /// <summary>f(t) = -beta(t) / 2.</summary>
    /// <param name="t">The time, 0 to <see cref="MaximumTime"/>.</param>
    public override double Drift(double t) => -0.5 * Schedule.Beta(t);

    /// <summary>g(t) = sqrt(beta(t)).</summary>
    /// <param name="t">The time, 0 to <see cref="MaximumTime"/>.</param>
    public override double Diffusion(double t) => Math.Sqrt(Schedule.Beta(t));

    /// <inheritdoc/>
    public override void Validate()
    {
        Schedule.Validate();
        Check.Range("process.timesteps", Timesteps ? "true" : "false", !Timesteps || Table is not null,
            "false, or the schedule a table (process.schedule.table_length)");
        Check.Range(
            "process.minimum_time", MinimumTime,
            MinimumTime > 0 && MinimumTime < MaximumTime || MinimumTime == Schedule.MinimumTime, "between 0 and the last time");
    }

    /// <summary>Two are equal where their schedules and first times are, whether the time was set or is the schedule's
    /// own.</summary>
    /// <param name="other">Another process.</param>
    public bool Equals(VariancePreserving? other) =>
        other is not null && Schedule.Equals(other.Schedule) && MinimumTime == other.MinimumTime && Timesteps == other.Timesteps;

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Schedule, MinimumTime, Timesteps);
}
