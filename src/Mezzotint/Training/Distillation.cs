using Mezzotint.Settings;

namespace Mezzotint.Training;

/// <summary>Whether a trained model is turned into one that needs fewer steps: the table <c>[distillation]</c>.</summary>
[SettingsKind("none", typeof(NoDistillation))]
[SettingsKind("consistency", typeof(ConsistencyTuning))]
[SettingsKind("distribution-matching", typeof(DistributionMatching))]
public abstract record Distillation
{
    /// <summary>Whether a step depends on how many there will be.</summary>
    public abstract bool DependsOnLength { get; }

    /// <summary>Networks of the model's shape that take part.</summary>
    internal virtual int Networks => 1;

    /// <summary>Checks the ranges of the settings.</summary>
    /// <exception cref="MezzotintException">One is out of its range; the message names it.</exception>
    public virtual void Validate() { }
}

/// <summary>None: the network learns to denoise.</summary>
public sealed record NoDistillation : Distillation
{
    /// <inheritdoc/>
    public override bool DependsOnLength => false;
}

/// <summary>
/// Easy consistency tuning: D becomes the end of the path instead of the mean of all ends. Two noisy versions of an image with
/// the same noise, at a level t and a lower one r, must come to the same end. r begins far below t, even at 0, where that is
/// denoising, and comes nearer with each doubling.
/// </summary>
/// <remarks>
/// Geng et al. 2024, "Consistency Models Made Easy", arXiv 2406.14548, section 3: r / t = 1 - n(t) / 2^a with n(t) = 1 + 8 / (1 +
/// e^t), and the loss of an image (sqrt(|D_t - D_r|^2 + c^2) - c) / (t - r), D_r without gradient. Song, Dhariwal 2024, arXiv
/// 2310.14189, equation 8 (the pseudo-Huber metric, and c).
/// </remarks>
public sealed record ConsistencyTuning : Distillation
{
    /// <summary>How often the gap between the levels is halved over the training, 1 to 30.</summary>
    public int Doublings { get; init; } = 8;

    /// <summary>c, the distance of two estimates from which on it counts as it is and not squared; in the data's units, over all
    /// pixels of an image.</summary>
    public double Huber { get; init; } = 0.03;

    /// <inheritdoc/>
    public override bool DependsOnLength => true;

    /// <inheritdoc/>
    public override void Validate()
    {
        Check.Range("distillation.doublings", Doublings, Doublings is >= 1 and <= 30, "between 1 and 30");
        Check.Range("distillation.huber", Huber, double.IsFinite(Huber) && Huber > 0, "more than 0");
    }

    /// <summary>The lower level of a pair.</summary>
    /// <param name="level">The higher one, t.</param>
    /// <param name="minimum">The least level of the process: below it there is no noise.</param>
    /// <param name="progress">The part of the training that is done, 0 to 1.</param>
    internal double Lower(double level, double minimum, double progress)
    {
        int halvings = 1 + Math.Min((int)(progress * Doublings), Doublings - 1); // a
        double lower = level * (1 - (1 + 8 / (1 + Math.Exp(level))) / (1L << halvings));
        return lower > minimum ? lower : 0;
    }
}
