using Mezzotint.Data;
using Mezzotint.Formats;
using Mezzotint.Networks.Classifiers;
using Mezzotint.Runtime;
using Mezzotint.Sampling;
using static TorchSharp.torch;

namespace Mezzotint.Models;

/// <summary>What is known about a classifier beside its weights: what it tells apart, how it was made, how often it is
/// right.</summary>
public sealed record ClassifierInfo
{
    /// <summary>The title: a line of up to 300 characters.</summary>
    public string Name { get; init; } = "";

    /// <summary>The shape of the network.</summary>
    public ClassifierConfig Network { get; init; } = new();

    /// <summary>What the labels stand for, from label 0 on.</summary>
    public IReadOnlyList<string> ClassNames { get; init; } = [];

    /// <summary>The data set that was learned from, as <c>--data</c> names it.</summary>
    public string Dataset { get; init; } = "";

    /// <summary>The colour behind what was transparent in the training images, as <c>--background</c> names it; null where there
    /// was no picture with a background.</summary>
    public string? Background { get; init; }

    /// <summary>Passes over the training images.</summary>
    public int Epochs { get; init; }

    /// <summary>How far training images were bent, as a multiple of what handwriting varies by.</summary>
    [DefaultWhenMissing]
    public double Bending { get; init; } = 1;

    /// <summary>Whether it knows images with noise of any level on them: sqrt(1 - s^2) x + s z, x from 0 to 1 and s from 0 to
    /// 1.</summary>
    [DefaultWhenMissing]
    public bool Noise { get; init; }

    /// <summary>The share of the test images whose class it tells, 0 to 1, with the weights as they stand in the file.</summary>
    public double TestAccuracy { get; init; }

    /// <summary>The time of the training in seconds, tests left out.</summary>
    public double Seconds { get; init; }

    /// <summary>The seed of the training, 0 to 2^32 - 1.</summary>
    public long Seed { get; init; }

    /// <summary>Who or what made the classifier, from what, and under which licence, in one line.</summary>
    public string Provenance { get; init; } = "";

    /// <summary>Checks the ranges of all numbers, and that they fit each other.</summary>
    /// <exception cref="MezzotintException">One is out of its range or does not fit; the message names its key in
    /// <c>config.json</c>.</exception>
    public void Validate()
    {
        Check.Range("name", Printable.Quote(Name), IsLine(Name, 300), "a line of 1 to 300 characters");
        Network.Validate();
        Check.Range(
            "class_names", $"{ClassNames.Count} names", ClassNames.Count == Network.Classes,
            $"as many as network.classes ({Network.Classes})");
        foreach (string name in ClassNames)
            Check.Range("class_names", Printable.Quote(name), IsLine(name, 255), "for each class a line of 1 to 255 characters");
        Check.Range("dataset", Printable.Quote(Dataset), IsLine(Dataset, 4096), "a line of 1 to 4096 characters");
        Check.Range("background", Printable.Quote(Background ?? ""),
            Background is null || Formats.Background.TryParse(Background, out _), Formats.Background.Values);
        Check.Range("epochs", Epochs, Epochs >= 1, "1 or more");
        Check.Range("bending", Bending, Bending is >= 0 and < double.PositiveInfinity, "0 or more");
        Check.Range("test_accuracy", TestAccuracy, TestAccuracy is >= 0 and <= 1, "between 0 and 1");
        Check.Range("seconds", Seconds, Seconds is >= 0 and < double.PositiveInfinity, "0 or more");
        Check.Range("seed", Seed, Seed is >= 0 and <= uint.MaxValue, "between 0 and 4294967295");
        Check.Range("provenance", Printable.Quote(Provenance), IsLine(Provenance, 5000), "a line of 1 to 5000 characters");
    }

    // These texts are printed on terminals, which control characters would command.
    private static bool IsLine(string text, int limit) =>
        !string.IsNullOrWhiteSpace(text) && text.Length <= limit && !text.Any(char.IsControl);
}

/// <summary>A classifier that can be asked: the network with its weights, what is known about it, and its fingerprint.</summary>
/// <param name="Network">The network, on the CPU, in float32.</param>
/// <param name="Info">The description.</param>
/// <param name="Hash">The SHA-256 of the file of the weights, in lower-case hexadecimal digits.</param>
public sealed record LoadedClassifier(Classifier Network, ClassifierInfo Info, string Hash) : IDisposable
{
    /// <summary>s of a pixel from 0 to 1, where the classifier knows clean images alone: half the 0.5 of EDM, whose pixels go
    /// from -1 to 1.</summary>
    private const double CleanStd = 0.25;

    /// <summary>Guidance by this classifier.</summary>
    /// <param name="pixels">How the numbers that are drawn stand for pixels.</param>
    /// <param name="labels">The class of each image among the classifier's; one for all, or one for each.</param>
    /// <param name="scale">As <see cref="ClassifierGuidance.Scale"/>.</param>
    /// <exception cref="MezzotintException">The numbers are no pixels, or the scale is out of its range.</exception>
    public ClassifierGuidance Guide(ImageCodec pixels, IReadOnlyList<int> labels, double scale = 1)
    {
        ArgumentNullException.ThrowIfNull(pixels);
        if (pixels.PixelsPerNumber is not { } step)
            throw new MezzotintException(
                "A classifier sees pixels, and this model draws latents: guide it without a classifier.")
                { Key = "guidance_classifier" };
        var guidance = new ClassifierGuidance
        {
            Scores = (x, sigma) =>
            {
                var seen = pixels.Decode(x); // what training saw of pixel + level z is that over sqrt(1 + level^2)
                double level = sigma * step;
                return Network.call((Info.Noise ? seen.Times(1 / Math.Sqrt(1 + level * level)) : seen).to(float32).cpu());
            },
            Labels = labels,
            Scale = scale,
            CleanStd = Info.Noise ? null : CleanStd / step,
        };
        guidance.Validate();
        return guidance;
    }

    /// <summary>Frees the weights.</summary>
    public void Dispose() => Network.Dispose();
}
