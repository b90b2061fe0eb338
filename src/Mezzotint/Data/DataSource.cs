using Mezzotint.Formats;
using Mezzotint.Runtime;
using Mezzotint.Settings;

namespace Mezzotint.Data;

/// <summary>A folder that was looked into for a data set.</summary>
/// <param name="Folder">Its full path.</param>
/// <param name="Finding">What is there, for people to read: <c>found</c>, <c>no such folder</c>, or which files it lacks.</param>
public sealed record DataPlace(string Folder, string Finding);

/// <summary>The outcome of a search for a data set.</summary>
/// <param name="Folder">The first folder that has the whole data set, or null.</param>
/// <param name="Places">The folders that were looked into, in order, up to the one that has it.</param>
public sealed record DataSearch(string? Folder, IReadOnlyList<DataPlace> Places);

/// <summary>
/// Data sets by name: <c>mnist</c>, <c>strokes</c>, or the path of a folder, which holds either MNIST's four files or images by class.
/// </summary>
/// <remarks>
/// MNIST is searched in the folder that <c>--data</c> names, in <c>MEZZOTINT_DATA</c>, in <c>./data</c> and in <c>data</c> of the cache
/// (<see cref="CacheFolder"/>), in this order; each is looked into both directly and in its subfolder <c>mnist</c>.
/// </remarks>
public static class DataSource
{
    /// <summary>The name of MNIST.</summary>
    public const string MnistName = "mnist";

    /// <summary>The name of the drawn digits, which need no file.</summary>
    public const string StrokesName = "strokes";

    /// <summary>As many drawn digits as MNIST has training images.</summary>
    public const int StrokesTrainCount = 60_000;

    /// <summary>As many drawn digits as MNIST has test images.</summary>
    public const int StrokesTestCount = 10_000;

    /// <summary>The seeds of the drawn training and test sets; with different seeds no image is in both.</summary>
    private const long StrokesTrainSeed = 0, StrokesTestSeed = 1;

    /// <summary>Where <c>mezzotint data fetch mnist</c> puts the files.</summary>
    public static string MnistCacheFolder => Path.Combine(CacheFolder.Path, "data", MnistName);

    /// <summary>Searches the files of a data set; reads none of them.</summary>
    /// <param name="name">The data set: <c>mnist</c>, the only one that is searched for.</param>
    /// <param name="explicitFolder">The folder given by <c>--data</c>, or null.</param>
    /// <exception cref="ArgumentException">The name is another.</exception>
    public static DataSearch Find(string name, string? explicitFolder)
    {
        if (name != MnistName)
            throw new ArgumentException($"'{name}' is not searched for: {StrokesName} has no files, and a folder is named by its path.", nameof(name));
        string?[] roots = [explicitFolder, Environment.GetEnvironmentVariable("MEZZOTINT_DATA"), "data", Path.Combine(CacheFolder.Path, "data")];
        var places = new List<DataPlace>();
        foreach (string root in roots.OfType<string>().Where(root => root.Length > 0).Select(Path.GetFullPath).Distinct())
            foreach (string folder in new[] { root, Path.Combine(root, MnistName) })
            {
                var place = LookInto(folder);
                places.Add(place.Place);
                if (place.Complete)
                    return new DataSearch(folder, places);
            }
        return new DataSearch(null, places);
    }

    /// <summary>Reads or draws a data set.</summary>
    /// <param name="name"><c>mnist</c>, <c>strokes</c>, or the path of a folder with MNIST's files or with images by class.</param>
    /// <param name="dataFolder">The folder given by <c>--data</c>, or null; it matters for <c>mnist</c> only.</param>
    /// <param name="train">Whether to take the training set; else the test set.</param>
    /// <param name="limit">At most this many images, the first ones; null for all.</param>
    /// <param name="channels">1 for grey, 3 for colour, which only a folder of images can give; null for what the data
    /// has.</param>
    /// <param name="size">Rows and columns; null for what the data has (28 for <c>strokes</c>). MNIST's files are never resized.</param>
    /// <param name="background">The colour behind what is transparent in a folder's pictures; null for black. <c>mnist</c> and
    /// <c>strokes</c> have nothing transparent and take none.</param>
    /// <exception cref="MezzotintException">There is no such data set, it is not found, or a file of it is damaged; the message says what to do.</exception>
    public static ImageSet Load(
        string name, string? dataFolder = null, bool train = true, int? limit = null, int? channels = null, int? size = null,
        Background? background = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        if (limit is { } most)
            ArgumentOutOfRangeException.ThrowIfNegativeOrZero(most, nameof(limit));
        if (background is not null && HasNumbers(name))
            throw new MezzotintException(
                $"{name} has nothing transparent: data.background = {background} (--background of a command) would change "
                + "nothing, so leave it out.") { Key = "data.background" };
        var set = name switch
        {
            StrokesName => LoadStrokes(train, limit, size),
            MnistName => Mnist.Load(FolderOf(Find(name, dataFolder)), train),
            _ => LoadFolder(name, train, channels, size, background),
        };
        if (set.Channels != (channels ?? set.Channels))
            throw new MezzotintException(
                $"{set.Name} is grey, of 1 channel, and cannot be had in {channels}: take a folder of pictures, or leave "
                + $"data.channels out.") { Key = "data.channels" };
        if (size is { } side && (set.Height != side || set.Width != side))
            throw new MezzotintException(
                $"{set.Name} has images of {set.Height} x {set.Width}, and idx files are not brought to data.size = {side} "
                + "(--size of a command): leave it out.") { Key = "data.size" };
        return limit < set.Count ? set.Take(limit.Value) : set;
    }

    /// <summary>Whether a data set is a folder of pictures, which can be brought to a size and onto a background.</summary>
    /// <param name="name">As <see cref="Load"/> takes it.</param>
    public static bool IsPictures(string name) => !HasNumbers(name) && Directory.Exists(name);

    // The numbers of the pixels themselves, in idx files or drawn.
    private static bool HasNumbers(string name) => name is MnistName or StrokesName || Mnist.MissingFrom(name).Count == 0;

    private static ImageSet LoadStrokes(bool train, int? limit, int? size)
    {
        int count = train ? StrokesTrainCount : StrokesTestCount;
        return Strokes.Make(Math.Min(count, limit ?? count), train ? StrokesTrainSeed : StrokesTestSeed, size ?? 28);
    }

    private static ImageSet LoadFolder(string path, bool train, int? channels, int? size, Background? background)
    {
        if (!Directory.Exists(path))
            throw new MezzotintException($"There is no data set '{path}': the names are {MnistName} and {StrokesName}, and a folder of images by class is named by its path.");
        return Mnist.MissingFrom(path).Count == 0
            ? Mnist.Load(path, train)
            : ImageFolder.Load(path, channels, size, train ? ImageSplit.Train : ImageSplit.Test, background ?? default);
    }

    private static string FolderOf(DataSearch search) =>
        search.Folder ?? throw new MezzotintException(
            $"MNIST is not found; looked in {string.Join("; ", search.Places.Select(place => $"{place.Folder} ({place.Finding})"))}. Get it with `mezzotint data fetch mnist`, or use drawn digits with --set data.name={StrokesName}.");

    private static (DataPlace Place, bool Complete) LookInto(string folder)
    {
        if (!Directory.Exists(folder))
            return (new(folder, "no such folder"), false);
        var missing = Mnist.MissingFrom(folder);
        string finding = missing.Count == 0 ? "found" : missing.Count == Mnist.Files.Count ? "none of the files" : $"lacks {string.Join(", ", missing)}";
        return (new(folder, finding), missing.Count == 0);
    }
}
