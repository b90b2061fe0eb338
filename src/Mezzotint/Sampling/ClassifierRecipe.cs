using System.Globalization;

namespace Mezzotint.Sampling;

/// <summary>The classifier that guides a model where nothing else is asked for: the table <c>[sampling.classifier]</c>. It knows
/// clean images and is asked about estimates, as <see cref="ClassifierGuidance.CleanStd"/> has it.</summary>
public sealed record ClassifierRecipe
{
    /// <summary>The folder of the classifier; in a model folder, a folder in that.</summary>
    public string Folder { get; init; } = "classifier";

    /// <summary>How much its gradient counts, as <see cref="ClassifierGuidance.Scale"/>.</summary>
    public double Scale { get; init; } = 10;

    /// <summary>The lowest level with guidance, 0 or more.</summary>
    public double Low { get; init; }

    /// <summary>The highest.</summary>
    public double High { get; init; } = 1000;

    /// <summary>The SHA-256 of its weights; null until it is known.</summary>
    public string? Sha256 { get; init; }

    internal void Validate()
    {
        Check.Range("sampling.classifier.folder", Printable.Quote(Folder), Folder.Length > 0, "the folder of a classifier");
        Check.Range("sampling.classifier.scale", Scale, Scale is >= 0 and <= 1000, "0 to 1000; 0 is none");
        Check.Range("sampling.classifier.low, high", string.Create(CultureInfo.InvariantCulture, $"{Low}, {High}"),
            double.IsFinite(High) && Low >= 0 && High > Low, "a low level of 0 or more, then a higher one");
    }
}
