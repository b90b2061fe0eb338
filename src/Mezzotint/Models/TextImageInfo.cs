using Mezzotint.Networks;
using Mezzotint.Text;

namespace Mezzotint.Models;

/// <summary>What is known about a text-image model beside its shape and weights: how it was made, and how well it does.</summary>
public sealed record TextImageInfo : TrainedPartInfo
{
    /// <summary>The share of test captions whose own picture is first among all test pictures, 0 to 1; null where it is not
    /// known.</summary>
    public double? PictureFirst { get; init; }

    /// <summary>The share of test pictures whose own caption is first among all test captions, 0 to 1; null where it is not
    /// known.</summary>
    public double? CaptionFirst { get; init; }

    /// <inheritdoc/>
    public override void Validate()
    {
        base.Validate();
        foreach (var (key, share) in new[] { ("picture_first", PictureFirst), ("caption_first", CaptionFirst) })
            Check.Range(key, share ?? 0, (share ?? 0) is >= 0 and <= 1, "between 0 and 1");
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
