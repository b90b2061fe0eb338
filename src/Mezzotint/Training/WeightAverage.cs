using Mezzotint.Settings;

namespace Mezzotint.Training;

/// <summary>
/// Which running averages of the weights a training keeps. The first is what is evaluated, sampled and saved instead of the
/// weights themselves.
/// </summary>
[SettingsKind("none", typeof(NoAverage))]
[SettingsKind("ema", typeof(ExponentialAverage))]
[SettingsKind("power", typeof(PowerAverage))]
public abstract record WeightAverage
{
    /// <summary>How many averages are kept at once.</summary>
    public abstract int Count { get; }

    /// <summary>What the newest weights count in an average: average = (1 - w) average + w weights.</summary>
    /// <param name="index">Which of the averages.</param>
    /// <param name="n">Which step the weights come from, counted from 1.</param>
    public abstract double NewestWeight(int index, long n);

    /// <summary>Checks the ranges of the settings.</summary>
    /// <exception cref="MezzotintException">One is out of its range; the message names it.</exception>
    public virtual void Validate() { }
}

/// <summary>None: the weights as they are, as the seed has it.</summary>
public sealed record NoAverage : WeightAverage
{
    /// <inheritdoc/>
    public override int Count => 0;

    /// <summary>There is no average.</summary>
    public override double NewestWeight(int index, long n) =>
        throw new ArgumentOutOfRangeException(nameof(index), index, "There is no average.");
}

/// <summary>A fixed decay a step, with less memory at first: min(Decay, step / (n + WarmUp)).</summary>
/// <remarks>The warm-up is that of TensorFlow's ExponentialMovingAverage with num_updates, (1 + n) / (10 + n), where WarmUp =
/// 9.</remarks>
public sealed record ExponentialAverage : WeightAverage
{
    /// <summary>What is kept of the average at each step, at least 0 and below 1.</summary>
    public double Decay { get; init; } = 0.999;

    /// <summary>How long the average stays short, in steps; 0 for no warm-up.</summary>
    public int WarmUp { get; init; } = 9;

    /// <inheritdoc/>
    public override int Count => 1;

    /// <inheritdoc/>
    public override double NewestWeight(int index, long n) => Math.Max(1 - Decay, (double)WarmUp / (n + WarmUp));

    /// <inheritdoc/>
    public override void Validate()
    {
        Check.Range("training.average.decay", Decay, Decay is >= 0 and < 1, "at least 0 and below 1");
        Check.Range("training.average.warm_up", WarmUp, WarmUp >= 0, "0 or more steps");
    }
}

/// <summary>
/// Averages with weights that grow as a power of the step, tau^gamma, so that each covers the same part of the training however
/// long it is. Several widths are kept at once, and any other can be made of what the run folder keeps:
/// <see cref="PowerFunctionAverage"/>.
/// </summary>
/// <remarks>Karras et al. 2024, arXiv 2312.02696, section 3.1.</remarks>
public sealed record PowerAverage : WeightAverage
{
    /// <summary>The standard deviation of the weights over the length of the training, each more than 0 and at most 0.28: 0.05
    /// averages over about the last tenth.</summary>
    public IReadOnlyList<double> Widths { get; init; } = [0.05, 0.10];

    /// <summary>Steps between two snapshots of the averages in the run folder, from which other widths are made; 0 for
    /// none.</summary>
    public int SnapshotEvery { get; init; } = 1000;

    /// <inheritdoc/>
    public override int Count => Widths.Count;

    /// <summary>1 - (1 - 1 / step)^(gamma + 1): equation 2 of the paper.</summary>
    public override double NewestWeight(int index, long n) =>
        1 - Math.Pow(1 - 1.0 / n, PowerFunctionAverage.Exponent(Widths[index]) + 1);

    /// <inheritdoc/>
    public override void Validate()
    {
        Check.Range(
            "training.average.widths", $"[{string.Join(", ", Widths)}]",
            Widths.Count is >= 1 and <= 8 && Widths.All(PowerFunctionAverage.IsWidth),
            $"one to eight numbers more than 0 and at most {PowerFunctionAverage.LargestWidth}");
        Check.Range("training.average.snapshot_every", SnapshotEvery, SnapshotEvery >= 0, "0 (none) or more steps");
    }

    /// <summary>Two are equal when their numbers are, those in the list included.</summary>
    public bool Equals(PowerAverage? other) =>
        other is not null && SnapshotEvery == other.SnapshotEvery && Widths.SequenceEqual(other.Widths);

    /// <inheritdoc/>
    public override int GetHashCode() => Widths.Aggregate(SnapshotEvery, HashCode.Combine);
}
