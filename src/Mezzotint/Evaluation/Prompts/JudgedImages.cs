namespace Mezzotint.Evaluation.Prompts;

/// <summary>What was drawn for captions, and the real pictures of the captions, as a judge and pixels see them.</summary>
internal sealed record JudgedImages
{
    /// <summary>All pictures of the set: [M, D].</summary>
    public required Points All { get; init; }

    /// <summary>The captions: [N, D].</summary>
    public required Points Captions { get; init; }

    /// <summary>What was drawn: for each caption an image, then those of <see cref="AskedCaptions.Repeats"/>.</summary>
    public required Points Drawn { get; init; }

    /// <summary>The real pictures of the captions, through the model's codec: [N, D].</summary>
    public required Points Real { get; init; }

    /// <summary>The measures by which the nearest pictures were found.</summary>
    public required IReadOnlyList<NearnessMeasure> Measures { get; init; }
}

/// <summary>A measure of nearness, and what it found.</summary>
/// <param name="Key">Its part of the keys of figures.</param>
/// <param name="Name">Its name for people.</param>
/// <param name="Drawn">Of the N images of the captions.</param>
/// <param name="Real">Of the real pictures, which are among the set themselves.</param>
internal sealed record NearnessMeasure(string Key, string Name, NearestPictures Drawn, NearestPictures Real);
