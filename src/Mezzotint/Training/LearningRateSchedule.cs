using Mezzotint.Settings;

namespace Mezzotint.Training;

/// <summary>The optimiser's step size over a training, as a factor of <see cref="TrainingConfig.LearningRate"/>.</summary>
[SettingsKind("constant", typeof(ConstantRate))]
[SettingsKind("linear", typeof(LinearRate))]
[SettingsKind("cosine", typeof(CosineRate))]
[SettingsKind("one-cycle", typeof(OneCycleRate))]
[SettingsKind("inverse-sqrt", typeof(InverseSquareRootRate))]
public abstract record LearningRateSchedule
{
    /// <summary>Steps over which the factor rises linearly to what it would be; 0 for none.</summary>
    /// <remarks>Goyal et al. 2017, "Accurate, Large Minibatch SGD", arXiv 1706.02677, section 2.2.</remarks>
    public int WarmUp { get; init; }

    /// <summary>Whether the factor depends on how long the training will be: then that cannot change on the way.</summary>
    public virtual bool DependsOnLength => false;

    /// <summary>The factor of a step.</summary>
    /// <param name="n">Which step, counted from 1.</param>
    /// <param name="total">Steps of the whole training.</param>
    public double Factor(long n, long total) => (WarmUp > 0 ? Math.Min(1, (double)n / WarmUp) : 1) * Decay(n, total);

    /// <summary>The factor without warm-up.</summary>
    protected abstract double Decay(long n, long total);

    /// <summary>Checks the ranges of the settings.</summary>
    /// <exception cref="MezzotintException">One is out of its range; the message names it.</exception>
    public virtual void Validate() => Check.Range("training.schedule.warm_up", WarmUp, WarmUp >= 0, "0 or more steps");

    private protected static double Done(long n, long total) => total <= 1 ? 1 : Math.Clamp((n - 1.0) / (total - 1), 0, 1);

    private protected static void CheckFinal(double final) =>
        Check.Range("training.schedule.final", final, final is >= 0 and <= 1, "between 0 and 1");
}

/// <summary>Always the same, as the seed has it.</summary>
public sealed record ConstantRate : LearningRateSchedule
{
    /// <inheritdoc/>
    protected override double Decay(long n, long total) => 1;
}

/// <summary>From 1 at the first step down to <see cref="Final"/> at the last, on a line.</summary>
public sealed record LinearRate : LearningRateSchedule
{
    /// <summary>The factor of the last step, 0 to 1.</summary>
    public double Final { get; init; }

    /// <inheritdoc/>
    public override bool DependsOnLength => true;

    /// <inheritdoc/>
    protected override double Decay(long n, long total) => 1 + (Final - 1) * Done(n, total);

    /// <inheritdoc/>
    public override void Validate()
    {
        base.Validate();
        CheckFinal(Final);
    }
}

/// <summary>From 1 at the first step down to <see cref="Final"/> at the last, on half a wave of the cosine.</summary>
/// <remarks>Loshchilov, Hutter 2017, "SGDR", arXiv 1608.03983, equation 5 without restarts.</remarks>
public sealed record CosineRate : LearningRateSchedule
{
    /// <summary>The factor of the last step, 0 to 1.</summary>
    public double Final { get; init; }

    /// <inheritdoc/>
    public override bool DependsOnLength => true;

    /// <inheritdoc/>
    protected override double Decay(long n, long total) => Final + (1 - Final) * 0.5 * (1 + Math.Cos(Math.PI * Done(n, total)));

    /// <inheritdoc/>
    public override void Validate()
    {
        base.Validate();
        CheckFinal(Final);
    }
}

/// <summary>From near 0 up to 1 on a line over the first <see cref="Rise"/> of the training, then down to <see cref="Final"/> on
/// half a wave of the cosine.</summary>
/// <remarks>Smith, Topin 2017, "Super-Convergence", arXiv 1708.07120, section 3, with a cosine for its second line.</remarks>
public sealed record OneCycleRate : LearningRateSchedule
{
    /// <summary>The part of the training that the rise takes, at least 0 and below 1.</summary>
    public double Rise { get; init; } = 0.05;

    /// <summary>The factor that is led to, 0 to 1.</summary>
    public double Final { get; init; }

    /// <inheritdoc/>
    public override bool DependsOnLength => true;

    /// <inheritdoc/>
    protected override double Decay(long n, long total)
    {
        double rise = Math.Max(1, Math.Floor(Rise * total + 1e-9)), done = n - 1;
        double fallen = Math.Clamp((done - rise) / Math.Max(total - rise, 1), 0, 1);
        return done < rise ? n / rise : Final + (1 - Final) * (1 + Math.Cos(Math.PI * fallen)) / 2;
    }

    /// <inheritdoc/>
    public override void Validate()
    {
        base.Validate();
        Check.Range("training.schedule.rise", Rise, Rise is >= 0 and < 1, "at least 0 and below 1");
        CheckFinal(Final);
    }
}

/// <summary>1 up to a step, then falling with the root of the step: 1 / sqrt(max(step / From, 1)).</summary>
/// <remarks>
/// Karras et al. 2024, "Analyzing and Improving the Training Dynamics of Diffusion Models", arXiv 2312.02696, equation 67.
/// </remarks>
public sealed record InverseSquareRootRate : LearningRateSchedule
{
    /// <summary>Where the fall begins, in steps.</summary>
    public int From { get; init; } = 1000;

    /// <inheritdoc/>
    protected override double Decay(long n, long total) => 1 / Math.Sqrt(Math.Max((double)n / From, 1));

    /// <inheritdoc/>
    public override void Validate()
    {
        base.Validate();
        Check.Range("training.schedule.from", From, From >= 1, "1 or more steps");
    }
}
