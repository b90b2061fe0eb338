using Mezzotint.Settings;

namespace Mezzotint.Training;

/// <summary>
/// Distribution matching distillation: a student that draws in few steps learns from its own images. At some level of noise the
/// teacher says how such an image becomes more like its own, and a critic, which learns the student's images as they are, how it
/// becomes more like those. The student follows the difference, until the two say the same.
/// </summary>
/// <remarks>
/// Yin et al. 2024, "One-step Diffusion with Distribution Matching Distillation", arXiv 2311.18828, equations 7 and 8 (the
/// gradient and its scale); Yin et al. 2024, "Improved Distribution Matching Distillation", arXiv 2405.14867, section 4.1 (a
/// critic that learns more often than the student) and 4.4 (later steps begin with the student's own images). Neither pairs of
/// the teacher nor a discriminator is needed here, as the student begins as a model that draws in few steps already. The
/// student's steps are the levels of <c>[sampling]</c>.
/// </remarks>
public sealed record DistributionMatching : Distillation
{
    /// <summary>The critic's steps for one of the student, on average: 1 to 100.</summary>
    public int CriticSteps { get; init; } = 2;

    /// <summary>The part of the training, 0 to below 1, in which the critic learns alone. It begins as the teacher, and says
    /// nothing before it knows the student's images.</summary>
    public double CriticLead { get; init; } = 0.1;

    /// <summary>The probability that an image of the student is one of its first step, 0 to 1: as much is left for the others
    /// alike.</summary>
    public double FirstShare { get; init; } = 0.4;

    /// <summary>How the teacher is guided.</summary>
    public TeacherGuidance Teacher { get; init; } = new();

    /// <inheritdoc/>
    public override bool DependsOnLength => CriticLead > 0;

    /// <summary>Student, critic and teacher.</summary>
    internal override int Networks => 3;

    internal override TeacherGuidance Guidance => Teacher;

    /// <inheritdoc/>
    public override void Validate()
    {
        Mezzotint.Check.Range(
            "distillation.critic_steps", CriticSteps, CriticSteps is >= 1 and <= 100, "between 1 and 100");
        Mezzotint.Check.Range(
            "distillation.critic_lead", CriticLead, CriticLead is >= 0 and < 1, "at least 0 and below 1");
        Mezzotint.Check.Range("distillation.first_share", FirstShare, FirstShare is >= 0 and <= 1, "between 0 and 1");
        Teacher.Validate();
    }

    internal override void Check(ExperimentConfig config)
    {
        base.Check(config);
        Mezzotint.Check.Range("sampling.sampler", config.Sampling.Sampler, config.Sampling.Sampler == "lcm",
            "lcm where a distribution is matched: the student draws an image in each step, and puts new noise on it");
    }
}
