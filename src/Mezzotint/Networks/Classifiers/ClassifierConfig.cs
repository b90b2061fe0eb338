namespace Mezzotint.Networks.Classifiers;

/// <summary>The shape of a classifier: the table <c>network</c> of its <c>config.json</c>.</summary>
public sealed record ClassifierConfig
{
    /// <summary>The most classes: a label is a byte.</summary>
    public const int MostClasses = 256;

    /// <summary>The largest side of an image, in pixels: both architectures are made for small images.</summary>
    public const int MaxSide = 64;

    /// <summary>The smallest side of an image, in pixels: below it nothing is left after the maps were halved three
    /// times.</summary>
    public const int MinSide = 8;

    /// <summary><c>residual</c>, <c>plain</c> or <c>strided</c>: see <see cref="Classifier.Architectures"/>.</summary>
    public string Architecture { get; init; } = ResidualClassifier.Name;

    /// <summary>The number of classes.</summary>
    public int Classes { get; init; } = 10;

    /// <summary>Channels of an image.</summary>
    public int Channels { get; init; } = 1;

    /// <summary>Rows of an image, 8 to 64.</summary>
    public int Height { get; init; } = 28;

    /// <summary>Columns of an image, 8 to 64.</summary>
    public int Width { get; init; } = 28;

    /// <summary>Checks that the numbers make a classifier.</summary>
    /// <exception cref="MezzotintException">A number is out of its range; the message names it.</exception>
    public void Validate()
    {
        Check.Range(
            "network.architecture", Architecture, Classifier.Architectures.Contains(Architecture),
            string.Join(" or ", Classifier.Architectures));
        Check.Range("network.classes", Classes, Classes is >= 2 and <= MostClasses, $"between 2 and {MostClasses}");
        Check.Range("network.channels", Channels, Channels is 1 or 3, "1 or 3");
        Check.Range("network.height", Height, Height is >= MinSide and <= MaxSide, $"between {MinSide} and {MaxSide}");
        Check.Range("network.width", Width, Width is >= MinSide and <= MaxSide, $"between {MinSide} and {MaxSide}");
    }
}
