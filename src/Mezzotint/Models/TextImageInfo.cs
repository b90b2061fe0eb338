using Mezzotint.Data;
using Mezzotint.Networks;
using Mezzotint.Text;

namespace Mezzotint.Models;

/// <summary>What is known about a text-image model beside its shape and weights: how it was made, and how well it does.</summary>
public sealed record TextImageInfo
{
    /// <summary>The title: a line of up to 300 characters.</summary>
    public string Name { get; init; } = "text-image model";

    /// <summary>The data set that was learned from; empty where it is not known.</summary>
    public string Dataset { get; init; } = "";

    /// <summary>The table <c>[data]</c> that it was trained with; null where it is not known.</summary>
    public DataConfig? Data { get; init; }

    /// <summary>Passes over the training images; 0 where they are not known.</summary>
    public int Epochs { get; init; }

    /// <summary>The share of test captions whose own picture is first among all test pictures, 0 to 1; null where it is not
    /// known.</summary>
    public double? PictureFirst { get; init; }

    /// <summary>The share of test pictures whose own caption is first among all test captions, 0 to 1; null where it is not
    /// known.</summary>
    public double? CaptionFirst { get; init; }

    /// <summary>The time of the training in seconds, tests left out; 0 where it is not known.</summary>
    public double Seconds { get; init; }

    /// <summary>The seed of the training, 0 to 2^32 - 1; null where it is not known.</summary>
    public long? Seed { get; init; }

    /// <summary>Who or what made it, from what, and under which licence, in one line.</summary>
    public string Provenance { get; init; } = "";

    /// <summary>Checks the ranges of all numbers.</summary>
    /// <exception cref="MezzotintException">One is out of its range; the message names its key.</exception>
    public void Validate()
    {
        Check.Range("name", Printable.Quote(Name), ModelInfo.IsLine(Name, 300), "a line of 1 to 300 characters");
        Check.Range("dataset", Printable.Quote(Dataset), Dataset.Length == 0 || ModelInfo.IsLine(Dataset, 4096),
            "a line of up to 4096 characters");
        Data?.Validate();
        Check.Range("epochs", Epochs, Epochs >= 0, "0 or more");
        foreach (var (key, share) in new[] { ("picture_first", PictureFirst), ("caption_first", CaptionFirst) })
            Check.Range(key, share ?? 0, (share ?? 0) is >= 0 and <= 1, "between 0 and 1");
        Check.Range("seconds", Seconds, Seconds is >= 0 and < double.PositiveInfinity, "0 or more");
        Check.Range("seed", Seed ?? 0, (Seed ?? 0) is >= 0 and <= uint.MaxValue, "between 0 and 4294967295");
        Check.Range("provenance", Printable.Quote(Provenance), Provenance.Length == 0 || ModelInfo.IsLine(Provenance, 5000),
            "a line of up to 5000 characters");
    }
}

/// <summary>A text-image model that can be asked.</summary>
/// <param name="Network">The network, in float32; as it is read, on the CPU.</param>
/// <param name="Tokenizer">What texts are cut into.</param>
/// <param name="Info">What is known about it.</param>
public sealed record LoadedTextImageModel(TextImageModel Network, ClipTokenizer Tokenizer, TextImageInfo Info) : IDisposable
{
    /// <summary>Frees the weights.</summary>
    public void Dispose() => Network.Dispose();
}
