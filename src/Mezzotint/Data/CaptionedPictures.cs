namespace Mezzotint.Data;

/// <summary>Pictures of a set that belong together.</summary>
/// <param name="Name">What they are called: <c>train</c>, <c>test</c>, or a value of the column of the split.</param>
/// <param name="Places">Where they are among all pictures of the set.</param>
public sealed record PicturePart(string Name, IReadOnlyList<int> Places);

/// <summary>All pictures of a set that has metadata, and which of them were held out of the training.</summary>
/// <remarks>The metadata are read again and no picture is decoded: whatever is asked of the rows is asked here.</remarks>
public sealed class CaptionedPictures
{
    private readonly string _name;
    private readonly ReadingOptions _options;

    /// <summary>Reads the parts of a set.</summary>
    /// <param name="images">All its images.</param>
    /// <param name="name">Its name or path.</param>
    /// <param name="options">How they were read.</param>
    /// <param name="trainCount">How many of the training pictures were learned from, the first ones; 0 for all.</param>
    /// <exception cref="MezzotintException">The images have no captions or no metadata, or a picture was left out.</exception>
    public CaptionedPictures(ImageSet images, string name, ReadingOptions options, int trainCount = 0)
    {
        ArgumentNullException.ThrowIfNull(images);
        ArgumentException.ThrowIfNullOrEmpty(name);
        ArgumentNullException.ThrowIfNull(options);
        (Images, _name, _options) = (images, name, options with { Part = ImageSplit.All, PartName = null });
        var all = List(_options);
        if (all.Pictures.Count != images.Count)
            throw new MezzotintException(
                $"{images.Name}: {all.Pictures.Count - images.Count} of its {all.Pictures.Count} pictures cannot be read, so "
                + "that its metadata and its pictures do not go together: take them out of the metadata.")
                { Key = "data.skip_damaged" };
        var places = all.Pictures.Index().ToDictionary(at => at.Item.Name, at => at.Index, StringComparer.Ordinal);
        int[] Places(ReadingOptions part) => [.. List(part).Pictures.Select(picture => places[picture.Name])];
        int[] train = Places(_options with { Part = ImageSplit.Train });
        Train = new(SplitRule.TrainName, trainCount > 0 ? [.. train.Take(trainCount)] : train);
        HeldOut = [.. Named(Places(_options with { Part = ImageSplit.Test }), all.Parts.Keys
            .Where(part => part != SplitRule.TrainName)
            .Select(part => new PicturePart(part, Places(_options with { PartName = part }))))];
    }

    /// <summary>All pictures.</summary>
    public ImageSet Images { get; }

    /// <summary>Those that were learned from.</summary>
    public PicturePart Train { get; }

    /// <summary>Those that were not, by the values of the column of the split; where there is none, all as <c>test</c>.</summary>
    public IReadOnlyList<PicturePart> HeldOut { get; }

    /// <summary>What a caption pattern makes of the row of each picture: none where the row has no such value.</summary>
    /// <param name="pattern">A column or a pattern, as <see cref="ReadingOptions.Caption"/> takes it.</param>
    /// <returns>For each picture all values that its row gives.</returns>
    /// <exception cref="MezzotintException">The pattern is damaged, or names a column that there is not; the key is
    /// <c>data.caption</c>.</exception>
    public IReadOnlyList<IReadOnlyList<string>> Values(string pattern)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(pattern);
        return [.. List(_options with { Caption = pattern }).Pictures.Select(picture => picture.Captions)];
    }

    private static IEnumerable<PicturePart> Named(int[] test, IEnumerable<PicturePart> parts)
    {
        var left = test.ToHashSet();
        foreach (var part in parts)
            if (part.Places.Where(left.Remove).ToArray() is { Length: > 0 } places)
                yield return part with { Places = places };
        if (left.Count > 0)
            yield return new PicturePart("test", [.. test.Where(left.Contains)]);
    }

    private PictureList List(ReadingOptions options)
    {
        using var tree = Images.HasCaptions ? DataSource.TreeOf(_name) : null;
        return tree is null
            ? throw new MezzotintException(
                $"{Images.Name} has no captions: name a folder or zip archive of pictures whose metadata have them "
                + "with data.name (--data of a command).") { Key = "data.name" }
            : PictureList.Of(tree, options, new ReadingNotes());
    }
}
