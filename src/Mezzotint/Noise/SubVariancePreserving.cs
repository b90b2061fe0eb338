namespace Mezzotint.Noise;

/// <summary>
/// The sub-variance-preserving process: alpha(t) = exp(-1/2 integral of beta), std(t) = 1 - alpha(t)^2. At each time its noise is
/// less than that of the variance-preserving process with the same schedule.
/// </summary>
/// <remarks>
/// It solves dx = -beta(t) / 2 x dt + sqrt(beta(t) (1 - alpha(t)^4)) dw. Song et al. 2021, "Score-Based Generative Modeling
/// through Stochastic Differential Equations", arXiv 2011.13456, equation 12.
/// </remarks>
public sealed record SubVariancePreserving : NoiseProcess
{
    /// <summary>How fast the signal fades.</summary>
    public NoiseSchedule Schedule { get; init; } = new LinearSchedule();

    /// <summary>The first time; unless set, the schedule's own: 0.001, or the first entry of a table.</summary>
    public override double MinimumTime { get => field == 0 ? Schedule.MinimumTime : field; init; }

    /// <inheritdoc/>
    public override double MaximumTime => Schedule.MaximumTime;

    /// <inheritdoc/>
    public override bool EndsWithoutSignal => Schedule.EndsWithoutSignal;

    /// <inheritdoc/>
    public override TableSchedule? Table => Schedule as TableSchedule;

    /// <inheritdoc/>
    public override double Alpha(double t) => Math.Exp(Schedule.LogAlpha(t));

    /// <inheritdoc/>
    public override double Std(double t) => -Exponentials.ExpMinusOne(2 * Schedule.LogAlpha(t));

    /// <summary>std / alpha = 2 sinh(-ln alpha).</summary>
    /// <param name="t">The time, 0 to <see cref="MaximumTime"/>.</param>
    public override double Level(double t) => 2 * Math.Sinh(-Schedule.LogAlpha(t));

    /// <inheritdoc/>
    public override double Time(double level) => Schedule.Time(-Math.Asinh(level / 2));

    /// <summary>f(t) = -beta(t) / 2.</summary>
    /// <param name="t">The time, 0 to <see cref="MaximumTime"/>.</param>
    public override double Drift(double t) => -0.5 * Schedule.Beta(t);

    /// <summary>g(t) = sqrt(beta(t) (1 - alpha(t)^4)).</summary>
    /// <param name="t">The time, 0 to <see cref="MaximumTime"/>.</param>
    public override double Diffusion(double t) =>
        Math.Sqrt(-Schedule.Beta(t) * Exponentials.ExpMinusOne(4 * Schedule.LogAlpha(t)));

    /// <inheritdoc/>
    public override void Validate()
    {
        Schedule.Validate();
        Check.Range(
            "process.minimum_time", MinimumTime,
            MinimumTime > 0 && MinimumTime < MaximumTime || MinimumTime == Schedule.MinimumTime, "between 0 and the last time");
    }

    /// <summary>Two are equal where their schedules and first times are, whether the time was set or is the schedule's
    /// own.</summary>
    /// <param name="other">Another process.</param>
    public bool Equals(SubVariancePreserving? other) =>
        other is not null && Schedule.Equals(other.Schedule) && MinimumTime == other.MinimumTime;

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Schedule, MinimumTime);
}
