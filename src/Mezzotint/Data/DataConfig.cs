using Mezzotint.Formats;

namespace Mezzotint.Data;

/// <summary>What is learned from: the table <c>[data]</c> of a configuration.</summary>
public sealed record DataConfig
{
    private const string Fits = "crop, pad or stretch";

    /// <summary><c>mnist</c>, <c>strokes</c> (drawn by the program, no files), or the path of a folder or file
    /// (<see cref="DataSource"/>).</summary>
    public string Name { get; init; } = DataSource.MnistName;

    /// <summary>How many training images are used, from the first on; 0 for all (for <c>strokes</c>: 60,000).</summary>
    public int TrainCount { get; init; }

    /// <summary>How many test images are used, from the first on; 0 for all (for <c>strokes</c>: 10,000).</summary>
    public int TestCount { get; init; }

    /// <summary>The colour behind what is transparent in pictures, and beside those that are padded: <c>black</c>, <c>white</c>
    /// or a colour as <c>#RRGGBB</c>.</summary>
    public string Background { get; init; } = "black";

    /// <summary>
    /// The side in pixels that pictures are brought to, as <see cref="Fit"/> says. Null where all have one size already.
    /// <c>strokes</c> are drawn in this size; idx, CIFAR and npz files keep theirs.
    /// </summary>
    public int? Size { get; init; }

    /// <summary>The width in pixels that pictures are brought to, together with <see cref="Height"/>; both in place of
    /// <see cref="Size"/>.</summary>
    public int? Width { get; init; }

    /// <summary>The height, as <see cref="Width"/>.</summary>
    public int? Height { get; init; }

    /// <summary>What happens to pictures of other proportions: <c>crop</c> (the default) cuts off what is too much, <c>pad</c>
    /// puts the background beside them, <c>stretch</c> changes their proportions.</summary>
    public string? Fit { get; init; }

    /// <summary>1 to make pictures grey, 3 to have them in colour; null for what they are, colour where any of them has some. A
    /// model that has learned already takes its own.</summary>
    public int? Channels { get; init; }

    /// <summary>Whether a training image may be learned as in a mirror, left and right exchanged: each time it is one of the two,
    /// by lot.</summary>
    public bool Flip { get; init; }

    /// <summary>How training and test images are divided: a share of test images such as 0.2, <c>folders</c> for the folders
    /// train and test, or the column of the metadata that says <c>train</c> and <c>test</c>. Null for what the data have, else a
    /// tenth.</summary>
    [NumberAsText]
    public string? Split { get; init; }

    /// <summary>Whether the classes of the data are learned; false for a model without classes.</summary>
    [DefaultWhenMissing]
    public bool Classes { get; init; } = true;

    /// <summary>Names for classes that the data only number, such as those of idx and npz files, in the order of their numbers;
    /// null for the numbers themselves.</summary>
    public IReadOnlyList<string>? ClassNames { get; init; }

    /// <summary>The column of the metadata that has the classes; null for <c>label</c>, where there is one. Several, with commas
    /// between them, make a class of each combination of their values: see <c>model.attributes</c>.</summary>
    public string? Label { get; init; }

    /// <summary>The column of the metadata that has the captions, or a pattern such as <c>{name}, {style} style</c>; several,
    /// with <c>|</c> between them, are variants. <c>{tones: and }</c> joins a list; what stands in square brackets is left out
    /// where its column is empty. Null for <c>text</c>, where there is such a column.</summary>
    public string? Caption { get; init; }

    /// <summary>Whether damaged pictures are left out and counted; else reading stops at the first.</summary>
    public bool SkipDamaged { get; init; }

    /// <summary>The options of a reading.</summary>
    /// <param name="part">Which images to take.</param>
    /// <param name="channels">The channels of a model that has learned already; null to leave them to the data.</param>
    public ReadingOptions Reading(ImageSplit part, int? channels = null) => new()
    {
        Channels = Channels ?? channels,
        Frame = (Height ?? Size) is { } rows
            ? new PictureFrame(rows, Width ?? rows, Enum.Parse<PictureFit>(Fit ?? "crop", ignoreCase: true)) : null,
        // A configuration that says nothing is written with black.
        Background = Formats.Background.Parse(Background) is var colour && colour == Formats.Background.Black ? null : colour,
        SkipDamaged = SkipDamaged,
        Classes = Classes,
        ClassNames = ClassNames ?? [],
        Label = Label,
        Caption = Caption,
        Split = Split,
        Part = part,
    };

    internal void Validate()
    {
        foreach (var (key, side) in new[] { ("size", Size), ("width", Width), ("height", Height) })
            Check.Range(
                $"data.{key}", side ?? 1, side is null or (>= 1 and <= ImageSet.MaxSide), $"between 1 and {ImageSet.MaxSide}");
        Check.Range("data.width", Width ?? 0, Size is null || Width is null && Height is null,
            "left out where data.size is given, as must data.height: size is both");
        Check.Range("data.width", Width ?? 0, (Width is null) == (Height is null), "given together with data.height");
        Check.Range("data.fit", Printable.Quote(Fit ?? ""), Fit is null or "crop" or "pad" or "stretch", Fits);
        Check.Range("data.fit", Printable.Quote(Fit ?? ""), Fit is null || Size is not null || Width is not null,
            "left out where neither data.size nor data.width and data.height say what to fit");
        Check.Range("data.channels", Channels ?? 1, Channels is null or 1 or 3, "1 (grey) or 3 (colour)");
        Check.Range("data.background", Printable.Quote(Background), Formats.Background.TryParse(Background, out _),
            Formats.Background.Values);
        Check.Range("data.name", Name, !string.IsNullOrWhiteSpace(Name), "mnist, strokes, a folder or a file");
        Check.Range("data.class_names", $"[{string.Join(", ", (ClassNames ?? []).Select(Printable.Quote))}]",
            ClassNames is null || ClassNames.Count > 0 && ClassNames.All(name => !string.IsNullOrWhiteSpace(name))
            && ClassNames.Distinct().Count() == ClassNames.Count, "a list of different names");
        Check.Range("data.train_count", TrainCount, TrainCount >= 0, "0 (all) or more");
        Check.Range("data.test_count", TestCount, TestCount >= 0, "0 (all) or more");
        Check.Range("data.split", Split ?? "", SplitRule.ShareOf(Split) is null or (> 0 and < 1),
            "a share between 0 and 1, folders, or the name of a column");
        foreach (var (key, text) in new[] { ("split", Split), ("label", Label), ("caption", Caption) })
            Check.Range($"data.{key}", Printable.Quote(text ?? ""), text is null || !string.IsNullOrWhiteSpace(text),
                "left out or name a column");
        if (Caption is not null)
            _ = new CaptionPattern(Caption);
    }
}
