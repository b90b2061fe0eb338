using Mezzotint.Data;
using Mezzotint.Networks;
using Mezzotint.Settings;

namespace Mezzotint.Training;

/// <summary>Whether a trained model is turned into one that needs fewer steps: the table <c>[distillation]</c>.</summary>
[SettingsKind("none", typeof(NoDistillation))]
[SettingsKind("consistency", typeof(ConsistencyTuning))]
[SettingsKind("consistency-distillation", typeof(ConsistencyDistillation))]
public abstract record Distillation
{
    /// <summary>Whether a step depends on how many there will be.</summary>
    public abstract bool DependsOnLength { get; }

    /// <summary>Networks of the model's shape that take part.</summary>
    internal virtual int Networks => 1;

    /// <summary>How the teacher is guided; null where there is none.</summary>
    internal virtual TeacherGuidance? Guidance => null;

    /// <summary>Checks that the rest of an experiment fits.</summary>
    internal virtual void Check(ExperimentConfig config)
    {
        if (Guidance is not { } guidance)
            return;
        Mezzotint.Check.Range("distillation.teacher.guidance", guidance.Guidance,
            guidance.Guidance == 1 || config.Model.CanBeGuided,
            "1 unless model.unconditional is true: the teacher needs a row for no class");
        Mezzotint.Check.Range("prompts.kind", "text", config.Prompts is not Text.TextPrompts,
            "left out where a teacher teaches: classes are asked for");
        Mezzotint.Check.Range("training.label_dropout", config.Training.LabelDropout, config.Training.LabelDropout == 0,
            "0 where a teacher teaches");
        Mezzotint.Check.Range("training.low_rank.rank", config.Training.LowRank.Rank, config.Training.LowRank.Rank == 0,
            "0 where a teacher teaches");
        Mezzotint.Check.Range("training.freeze", config.Training.Freeze, config.Training.Freeze.Length == 0,
            "empty where a teacher teaches");
    }

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
public record ConsistencyTuning : Distillation
{
    /// <summary>How often the gap between the levels is halved over the training, 1 to 30.</summary>
    public int Doublings { get; init; } = 8;

    /// <summary>c, the distance of two estimates from which on it counts as it is and not squared; in the data's units, over all
    /// pixels of an image.</summary>
    public double Huber { get; init; } = 0.03;

    /// <summary>Whether the images of one evaluation drift to the distribution of real ones beside.</summary>
    public DriftSettings Drift { get; init; } = new();

    /// <inheritdoc/>
    public override bool DependsOnLength => true;

    internal override void Check(ExperimentConfig config)
    {
        base.Check(config);
        Drift.CheckFits(config);
    }

    /// <inheritdoc/>
    public override void Validate()
    {
        Drift.Validate();
        Mezzotint.Check.Range("distillation.doublings", Doublings, Doublings is >= 1 and <= 30, "between 1 and 30");
        Mezzotint.Check.Range("distillation.huber", Huber, double.IsFinite(Huber) && Huber > 0, "more than 0");
    }

    /// <summary>The halvings that the training begins with.</summary>
    private protected virtual int First => 0;

    /// <summary>The lower level of a pair.</summary>
    /// <param name="level">The higher one, t.</param>
    /// <param name="minimum">The least level of the process: below it there is no noise.</param>
    /// <param name="progress">The part of the training that is done, 0 to 1.</param>
    internal double Lower(double level, double minimum, double progress)
    {
        int halvings = 1 + First + Math.Min((int)(progress * (Doublings - First)), Doublings - First - 1); // a
        double lower = level * (1 - (1 + 8 / (1 + Math.Exp(level))) / (1L << halvings));
        return lower > minimum ? lower : 0;
    }
}

/// <summary>
/// Consistency distillation: the same, but the lower point of a pair lies where a teacher's path from the higher one goes, not on
/// the line to the image. So the student learns the paths of a guided teacher too. Its gap should be small from the beginning,
/// as the path is followed in one step of Euler's method: begin with a model that is tuned to consistency already.
/// </summary>
/// <remarks>Song et al. 2023, "Consistency Models", arXiv 2303.01469, equations 6 and 7; Luo et al. 2023, arXiv 2310.04378,
/// section 4.2 (a guided teacher).</remarks>
public sealed record ConsistencyDistillation : ConsistencyTuning
{
    /// <summary>The halvings of the gap that are done when the training begins: 0 to 29.</summary>
    public int DoublingsBefore { get; init; } = 4;

    /// <summary>How the teacher is guided.</summary>
    public TeacherGuidance Teacher { get; init; } = new();

    /// <inheritdoc/>
    public override void Validate()
    {
        base.Validate();
        Mezzotint.Check.Range("distillation.doublings_before", DoublingsBefore,
            DoublingsBefore >= 0 && DoublingsBefore < Doublings, "0 or more, and less than distillation.doublings");
        Teacher.Validate();
    }

    /// <summary>Student and teacher.</summary>
    internal override int Networks => 2;

    internal override TeacherGuidance Guidance => Teacher;

    private protected override int First => DoublingsBefore;
}
