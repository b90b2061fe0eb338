using Mezzotint.Sampling;

namespace Mezzotint.Training;

/// <summary>How the teacher of a distillation is guided: the table <c>[distillation.teacher]</c>.</summary>
public sealed record TeacherGuidance
{
    /// <summary>The weight, as <see cref="Sampling.Guidance.Weight"/>; 1 is none.</summary>
    public double Guidance { get; init; } = 1;

    /// <summary>The lowest level with guidance.</summary>
    public double Low { get; init; }

    /// <summary>The highest.</summary>
    public double High { get; init; } = 1000;

    /// <summary>The weight at a level.</summary>
    internal double At(double level) => level >= Low && level <= High ? Guidance : 1;

    internal void Validate()
    {
        Check.Range("distillation.teacher.guidance", Guidance, Guidance is >= 0 and <= 1000, "0 to 1000; 1 is none");
        Check.Range("distillation.teacher.low", Low, double.IsFinite(Low) && Low >= 0, "0 or more");
        Check.Range("distillation.teacher.high", High, High > Low, "more than distillation.teacher.low");
    }

    /// <summary>Those of a guidance; null for none.</summary>
    /// <param name="guidance">What a model is drawn with.</param>
    public static TeacherGuidance Of(Guidance? guidance) => guidance is null ? new()
        : new()
        {
            Guidance = guidance.Weight, Low = guidance.Low,
            High = double.IsPositiveInfinity(guidance.High) ? new TeacherGuidance().High : guidance.High,
        };
}
