using Mezzotint.Data;
using Mezzotint.Networks;

namespace Mezzotint.Training;

/// <summary>
/// Whether images of one evaluation drift, beside the consistency that is learned, until what trained and random networks see of
/// them is distributed as it is of real images: the table <c>[distillation.drift]</c>. See <see cref="DriftField"/>.
/// </summary>
public sealed record DriftSettings
{
    /// <summary>How far an image is moved at the beginning: the length of the gradient of its loss with respect to its numbers;
    /// 0 for no drift.</summary>
    public double Weight { get; init; }

    /// <summary>The part of each batch that drifts instead of learning consistency: more than 0, below 1.</summary>
    public double Part { get; init; } = 0.5;

    /// <summary>The folders of networks whose features are compared: classifiers of images of this size, or text-image models.
    /// They should judge nothing later.</summary>
    public IReadOnlyList<string> Features { get; init; } = [];

    /// <summary>How much half the square of ln p of the class that was asked for counts beside the drift, by the mean of those
    /// classifiers; 0 for nothing. It moves what is read badly and hardly anything else.</summary>
    public double Reading { get; init; }

    /// <summary>How many generated images of a class the newest are compared with, 10 to 10000.</summary>
    public int Queue { get; init; } = 300;

    /// <summary>How many real images of a class a step compares with, at most; 10 to 100000.</summary>
    public int Real { get; init; } = 512;

    /// <summary>What the networks see; null until they are opened.</summary>
    internal IReadOnlyList<FeatureMaps>? Maps { get; init; }

    /// <summary>The same, opened.</summary>
    internal IReadOnlyList<FeatureMaps> Opened => Maps ?? throw new InvalidOperationException(
        "The networks of distillation.drift.features have not been opened: ExperimentParts.Open does.");

    internal void Validate()
    {
        Check.Range("distillation.drift.weight", Weight, Weight is >= 0 and < 1e6, "0 or more, and below 1000000");
        Check.Range("distillation.drift.part", Part, Part is > 0 and < 1, "more than 0, and below 1");
        Check.Range("distillation.drift.features", Printable.Quote(string.Join(", ", Features)),
            (Features.Count > 0) == (Weight > 0), Weight > 0
            ? "folders of classifiers or of text-image models, whose features distillation.drift.weight compares"
            : "left out while distillation.drift.weight is 0");
        Check.Range("distillation.drift.reading", Reading, Reading is >= 0 and < 1e6 && (Reading == 0 || Weight > 0),
            "0 or more, below 1000000, and 0 while distillation.drift.weight is 0");
        Check.Range("distillation.drift.queue", Queue, Queue is >= 10 and <= 10_000, "10 to 10000");
        Check.Range("distillation.drift.real", Real, Real is >= 10 and <= 100_000, "10 to 100000");
    }

    /// <summary>Checks that the rest of an experiment fits.</summary>
    internal void CheckFits(ExperimentConfig config)
    {
        if (Weight == 0)
            return;
        Check.Range("distillation.drift.weight", Weight, config.Pixels is PixelScaling,
            "0 where latents are learned: the features are of pixels");
        Check.Range("distillation.drift.weight", Weight, config.Prompts is not Text.TextPrompts,
            "0 where captions are learned: images of a class are compared");
        Check.Range("training.label_dropout", config.Training.LabelDropout, config.Training.LabelDropout == 0,
            "0 where distillation.drift.weight is not: images of a class are compared");
    }

    /// <summary>Makes sure that the networks see such images, and know their classes where they are asked for them.</summary>
    internal void CheckImages(ImageSet images, int classes)
    {
        const string Key = "distillation.drift.features";
        for (int i = 0; i < (Maps?.Count ?? 0); i++)
        {
            FeatureNetwork.Check(Key, Maps![i], Features[i], images, "distillation.drift.weight and distillation.drift.features");
            if (Reading > 0 && Maps[i].Classes != classes)
                throw new MezzotintException(
                    $"The network '{Features[i]}' knows {Maps[i].Classes} classes, and {classes} are learned: train one on them, "
                    + "or leave distillation.drift.reading out.") { Key = Key };
        }
    }
}
