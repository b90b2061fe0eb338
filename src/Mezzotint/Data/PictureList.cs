using System.Globalization;

namespace Mezzotint.Data;

/// <summary>A picture that is to be decoded.</summary>
/// <param name="Name">Its name in the tree.</param>
/// <param name="Label">Its class; 0 where there are none.</param>
/// <param name="Captions">Its captions; none where there are none.</param>
internal readonly record struct ListedPicture(string Name, int Label, IReadOnlyList<string> Captions);

/// <summary>The pictures of a set, and what is said of them: what is found before the first one is decoded.</summary>
internal sealed record PictureList
{
    /// <summary>The column of classes, and that of captions, unless the options name others.</summary>
    public const string LabelColumn = "label", CaptionColumn = "text";

    private const int MostClasses = 256;

    /// <summary>How the pictures lie: a phrase for people.</summary>
    public required string Layout { get; init; }

    /// <summary>The pictures: the first of each class, then the second of each, and so on.</summary>
    public required IReadOnlyList<ListedPicture> Pictures { get; init; }

    /// <summary>The names of the classes; none where the pictures have none.</summary>
    public IReadOnlyList<string> Classes { get; init; } = [];

    /// <summary>Whether pictures of the set have captions.</summary>
    public bool HasCaptions { get; init; }

    /// <summary>The columns of the metadata.</summary>
    public IReadOnlyList<string> Columns { get; init; } = [];

    /// <summary>How many pictures each part has, whatever is taken: folders, or values of the column of the split.</summary>
    public IReadOnlyDictionary<string, int> Parts { get; init; } = new Dictionary<string, int>();

    /// <summary>Finds the pictures of a tree.</summary>
    /// <param name="tree">The folder or archive.</param>
    /// <param name="options">What to take.</param>
    /// <param name="notes">Told what is left out.</param>
    /// <exception cref="MezzotintException">There are none, or what is said of them cannot be read or does not fit.</exception>
    public static PictureList Of(FileTree tree, ReadingOptions options, ReadingNotes notes)
    {
        var files = tree.Files.ToHashSet(StringComparer.Ordinal);
        string root = ClassFolders.Root(tree, files);
        var list = MetadataPictures.List(tree, root, files, options, notes)
            ?? ClassFolders.List(tree, root, files, options, notes);
        if (list.Pictures.Count > 0)
            return list;
        string part = options.PartName is { } name ? Printable.Quote(name) : options.Part == ImageSplit.Test ? "test" : "train";
        throw new MezzotintException(
            $"{tree.Root} has no images for the {part} set: add images, or put the two sets into its subfolders train/CLASS/ and "
            + $"test/CLASS/{notes}.");
    }

    /// <summary>The same pictures, the first of each class, then the second of each, and so on.</summary>
    public static IReadOnlyList<ListedPicture> Interleaved(IReadOnlyList<ListedPicture> pictures, int classes)
    {
        if (classes < 2)
            return pictures;
        int[] counts = new int[classes], ranks = new int[pictures.Count], order = new int[pictures.Count];
        for (int i = 0; i < ranks.Length; i++)
            (ranks[i], order[i]) = (counts[pictures[i].Label]++, i);
        Array.Sort(order, (a, b) => ranks[a] != ranks[b] ? ranks[a].CompareTo(ranks[b]) : pictures[a].Label != pictures[b].Label
            ? pictures[a].Label.CompareTo(pictures[b].Label) : a.CompareTo(b));
        return Array.ConvertAll(order, i => pictures[i]);
    }

    /// <summary>Names of classes in their order: by value where all are whole numbers, else by their characters.</summary>
    /// <param name="names">The names, each once.</param>
    /// <param name="source">What has them, for messages.</param>
    /// <param name="what">What they are, in the plural.</param>
    /// <exception cref="MezzotintException">There are too many.</exception>
    public static string[] Sorted(IEnumerable<string> names, string source, string what)
    {
        string[] sorted = Checked([.. names.Order(StringComparer.Ordinal)], source, what);
        if (sorted.All(name => Number(name) is not null))
            Array.Sort(Array.ConvertAll(sorted, name => Number(name)!.Value), sorted);
        return sorted;
    }

    /// <summary>The same names.</summary>
    /// <exception cref="MezzotintException">There are too many.</exception>
    public static string[] Checked(string[] names, string source, string what) => names.Length <= MostClasses ? names
        : throw new MezzotintException($"{source} has {names.Length} {what}; at most {MostClasses} are supported.");

    private static Int128? Number(string name) =>
        Int128.TryParse(name, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) ? number : null;
}
