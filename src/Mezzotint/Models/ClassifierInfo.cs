using Mezzotint.Formats;
using Mezzotint.Networks.Classifiers;

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
    /// <summary>Frees the weights.</summary>
    public void Dispose() => Network.Dispose();
}
