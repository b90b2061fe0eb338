namespace Mezzotint.Noise;

/// <summary>
/// A schedule in continuous time that is made to end with no signal: alpha(t) = (a(t) - a(1)) / (1 - a(1)), a being the alpha of
/// another.
/// </summary>
/// <remarks>The limit of many steps of Lin et al. 2023, "Common Diffusion Noise Schedules and Sample Steps Are Flawed", arXiv
/// 2305.08891, algorithm 1.</remarks>
public sealed record ZeroTerminalSchedule : NoiseSchedule
{
    /// <summary>Rescales a schedule.</summary>
    /// <param name="inner">A schedule in continuous time that ends with some signal.</param>
    /// <exception cref="ArgumentException">The schedule is a table or ends with no signal already: call its own
    /// <see cref="NoiseSchedule.WithZeroTerminalSnr"/>.</exception>
    public ZeroTerminalSchedule(NoiseSchedule inner)
    {
        ArgumentNullException.ThrowIfNull(inner);
        if (inner is TableSchedule or ZeroTerminalSchedule || inner.MaximumTime < 1)
            throw new ArgumentException(
                "It is a table or ends with no signal already: call its WithZeroTerminalSnr.", nameof(inner));
        Inner = inner;
    }

    /// <summary>The schedule before.</summary>
    public NoiseSchedule Inner { get; }

    /// <summary>Where the level is <see cref="NoiseProcess.PureNoiseLevel"/>.</summary>
    public override double MaximumTime => Time(LogAlphaAt(NoiseProcess.PureNoiseLevel));

    internal override (NoiseSchedule Schedule, int TableLength, bool ZeroTerminalSnr)? Recipe => (Inner, 0, true);

    /// <summary>1 - a(1): the part of alpha that is stretched to 1.</summary>
    private double Stretch => -Exponentials.ExpMinusOne(Inner.LogAlpha(1));

    /// <inheritdoc/>
    public override double LogAlpha(double t)
    {
        // 1 - alpha = (1 - a(t)) / (1 - a(1)) keeps its digits near t = 0, a(t) - a(1) = a(1) (a(t) / a(1) - 1) keeps them near
        // 1.
        double logA = Inner.LogAlpha(t), last = Inner.LogAlpha(1);
        double lost = -Exponentials.ExpMinusOne(logA) / Stretch;
        return lost < 0.5 ? Exponentials.LogOnePlus(-lost) : last + Math.Log(Exponentials.ExpMinusOne(logA - last) / Stretch);
    }

    /// <inheritdoc/>
    public override double Beta(double t) => Inner.Beta(t) / -Exponentials.ExpMinusOne(Inner.LogAlpha(1) - Inner.LogAlpha(t));

    /// <inheritdoc/>
    public override double Time(double logAlpha) =>
        Inner.Time(Exponentials.LogOnePlus(Exponentials.ExpMinusOne(logAlpha) * Stretch));

    /// <summary>The inner schedule's table, rescaled: T steps of which the last takes all that is left.</summary>
    /// <param name="count">The number T of steps, 2 or more.</param>
    /// <exception cref="MezzotintException">The schedule has no table of that length.</exception>
    public override TableSchedule ToTable(int count) => (TableSchedule)Inner.ToTable(count).WithZeroTerminalSnr();

    /// <inheritdoc/>
    public override NoiseSchedule WithZeroTerminalSnr() => this;

    /// <inheritdoc/>
    public override void Validate() => Inner.Validate();
}
