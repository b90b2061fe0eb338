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

    /// <summary>How much the gradient of a classifier of clean images counts, as
    /// <see cref="Sampling.ClassifierGuidance.Scale"/>; 0 is none.</summary>
    public double ClassifierGuidance { get; init; }

    /// <summary>The folder of that classifier; empty without one.</summary>
    public string Classifier { get; init; } = "";

    /// <summary>The lowest level with guidance by the classifier.</summary>
    public double ClassifierLow { get; init; }

    /// <summary>The highest.</summary>
    public double ClassifierHigh { get; init; } = 1000;

    /// <summary>The classifier at work; null until it is opened.</summary>
    internal ClassifierGuidance? ByClassifier { get; init; }

    /// <summary>The weight at a level.</summary>
    internal double At(double level) => level >= Low && level <= High ? Guidance : 1;

    internal void Validate()
    {
        Check.Range("distillation.teacher.guidance", Guidance, Guidance is >= 0 and <= 1000, "0 to 1000; 1 is none");
        Check.Range("distillation.teacher.low", Low, double.IsFinite(Low) && Low >= 0, "0 or more");
        Check.Range("distillation.teacher.high", High, High > Low, "more than distillation.teacher.low");
        Check.Range("distillation.teacher.classifier_guidance", ClassifierGuidance, ClassifierGuidance is >= 0 and <= 1000,
            "0 to 1000; 0 is none");
        Check.Range("distillation.teacher.classifier", Printable.Quote(Classifier),
            (Classifier.Length > 0) == (ClassifierGuidance > 0), ClassifierGuidance > 0
            ? "the folder of a classifier, by which distillation.teacher.classifier_guidance guides"
            : "left out while distillation.teacher.classifier_guidance is 0");
        Check.Range("distillation.teacher.classifier_low", ClassifierLow, double.IsFinite(ClassifierLow) && ClassifierLow >= 0,
            "0 or more");
        Check.Range("distillation.teacher.classifier_high", ClassifierHigh, ClassifierHigh > ClassifierLow,
            "more than distillation.teacher.classifier_low");
    }

    /// <summary>The guidance that a model is drawn with.</summary>
    /// <param name="recipe">How it is sampled.</param>
    /// <param name="folder">Its folder.</param>
    public static TeacherGuidance Of(SamplingRecipe recipe, string folder)
    {
        ArgumentNullException.ThrowIfNull(recipe);
        var own = new TeacherGuidance();
        if (recipe.ToGuidance() is { } guidance)
            own = own with
            {
                Guidance = guidance.Weight, Low = guidance.Low,
                High = double.IsPositiveInfinity(guidance.High) ? own.High : guidance.High,
            };
        return recipe.Classifier is not { Scale: > 0 } classifier ? own : own with
        {
            ClassifierGuidance = classifier.Scale, Classifier = Path.Combine(folder, classifier.Folder),
            ClassifierLow = classifier.Low, ClassifierHigh = classifier.High,
        };
    }
}
