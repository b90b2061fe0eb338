using System.Collections.Immutable;
using Mezzotint.Formats;
using Mezzotint.Runtime;

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
/// Data sets by name or path: <c>mnist</c>, <c>strokes</c>, a folder of MNIST's or CIFAR's files, a folder or zip archive of
/// pictures (<see cref="ImageFolder"/>), an .npz file, or a single idx file of images.
/// </summary>
/// <remarks>
/// What a file is, its first bytes say. MNIST is searched in the folder that <c>--data</c> names, in <c>MEZZOTINT_DATA</c>, in
/// <c>./data</c> and in <c>data</c> of the cache (<see cref="CacheFolder"/>), in this order. Each is searched itself and in its
/// subfolder <c>mnist</c>.
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

    private const int StrokesSide = 28;
    private const int MostClasses = 256;

    // Sources of a program's own, by name. Replaced, never changed, so that readers need no lock.
    private static ImmutableDictionary<string, Func<ReadingOptions, int?, ImageSet>> s_own =
        ImmutableDictionary<string, Func<ReadingOptions, int?, ImageSet>>.Empty;

    /// <summary>Adds a data source of a program's own: from then on <c>data.name</c> of a configuration can name it.</summary>
    /// <param name="name">Its name: lower-case letters, digits and hyphens. The same name again replaces the source.</param>
    /// <param name="load">Makes the set: <see cref="ReadingOptions.Part"/> says whether of training or of test images; at most so
    /// many images are needed, where a number is given.</param>
    /// <exception cref="MezzotintException">The name is one of the library's, or has other characters.</exception>
    public static void Register(string name, Func<ReadingOptions, int?, ImageSet> load)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        ArgumentNullException.ThrowIfNull(load);
        if (name is MnistName or StrokesName)
            throw new MezzotintException(
                $"The data set '{name}' is the library's: give this one another name.") { Key = "data.name" };
        if (!name.All(character => character is >= 'a' and <= 'z' or >= '0' and <= '9' or '-'))
            throw new MezzotintException(
                $"The data set {Printable.Quote(name)}: a name has lower-case letters, digits and hyphens alone.")
                { Key = "data.name" };
        ImmutableInterlocked.Update(ref s_own, known => known.SetItem(name, load));
    }

    /// <summary>Where <c>mezzotint data fetch mnist</c> puts the files.</summary>
    public static string MnistCacheFolder => Path.Combine(CacheFolder.Path, "data", MnistName);

    /// <summary>Searches the files of a data set; reads none of them.</summary>
    /// <param name="name">The data set: <c>mnist</c>, the only one that is searched for.</param>
    /// <param name="explicitFolder">The folder given by <c>--data</c>, or null.</param>
    /// <exception cref="ArgumentException">The name is another.</exception>
    public static DataSearch Find(string name, string? explicitFolder)
    {
        if (name != MnistName)
            throw new ArgumentException(
                $"'{name}' is not searched for: {StrokesName} has no files, and a folder is named by its path.", nameof(name));
        string?[] roots =
        [
            explicitFolder, Environment.GetEnvironmentVariable("MEZZOTINT_DATA"), "data", Path.Combine(CacheFolder.Path, "data"),
        ];
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

    /// <summary>Reads or draws a data set, with the options that most readings need.</summary>
    /// <param name="name">Its name or path.</param>
    /// <param name="dataFolder">The folder given by <c>--data</c>, or null; it matters for <c>mnist</c> only.</param>
    /// <param name="train">Whether to take the training set; else the test set.</param>
    /// <param name="limit">At most this many images, the first ones; null for all.</param>
    /// <param name="channels">1 for grey, 3 for colour; null for what the data has.</param>
    /// <param name="size">Rows and columns that pictures are brought to, and <c>strokes</c> drawn in; null for what the data
    /// has. Arrays are never resized.</param>
    /// <param name="background">The colour behind what is transparent in pictures; null for black. Arrays have nothing
    /// transparent and take none.</param>
    /// <exception cref="MezzotintException">As below.</exception>
    public static ImageSet Load(
        string name, string? dataFolder = null, bool train = true, int? limit = null, int? channels = null, int? size = null,
        Background? background = null) =>
        Load(name, new ReadingOptions
        {
            Part = train ? ImageSplit.Train : ImageSplit.Test, Channels = channels, Frame = PictureFrame.Square(size),
            Background = background,
        }, dataFolder, limit);

    /// <summary>Reads or draws a data set.</summary>
    /// <param name="name">Its name or path.</param>
    /// <param name="options">What becomes of the images; <see cref="ReadingOptions.Part"/> says which to take, all being the
    /// training images where a set has two files.</param>
    /// <param name="dataFolder">The folder given by <c>--data</c>, or null; it matters for <c>mnist</c> only.</param>
    /// <param name="limit">At most this many images, the first ones; null for all.</param>
    /// <param name="progress">Told how many pictures are decoded.</param>
    /// <param name="cancellation">Ends the reading.</param>
    /// <exception cref="MezzotintException">There is no such data set, it is not found, a file of it is damaged, or an option
    /// does not go with it; the message says what to do.</exception>
    /// <exception cref="OperationCanceledException">It was ended.</exception>
    public static ImageSet Load(
        string name, ReadingOptions options, string? dataFolder = null, int? limit = null,
        IProgress<ReadingProgress>? progress = null, CancellationToken cancellation = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        ArgumentNullException.ThrowIfNull(options);
        if (limit is { } most)
            ArgumentOutOfRangeException.ThrowIfNegativeOrZero(most, nameof(limit));
        options.Validate();
        if (options.Background is { } background && !IsPictures(name) && (name is MnistName or StrokesName || Path.Exists(name)))
            throw new MezzotintException(
                $"{name} has nothing transparent: data.background = {background} (--background of a command) would change "
                + "nothing, so leave it out.") { Key = "data.background" };
        bool train = options.Part != ImageSplit.Test;
        var set = name switch
        {
            StrokesName => Whole(LoadStrokes(train, limit, options.Frame), options, resizes: true),
            _ when s_own.TryGetValue(name, out var own) => own(options, limit),
            MnistName => Whole(Mnist.Load(FolderOf(Find(name, dataFolder)), train), options),
            _ when Directory.Exists(name) => LoadFolder(name, options, progress, cancellation),
            _ when File.Exists(name) => LoadFile(name, options, progress, cancellation),
            _ when name.IndexOfAny(['/', '\\', '.']) >= 0 => throw new MezzotintException(
                $"There is no file or folder '{name}': name a folder of pictures, a zip archive or an array file that is there "
                + "(in a training, --set data.name=PATH).") { Key = "data.name" },
            _ => throw new MezzotintException(
                $"There is no data set '{name}': the names are {MnistName} and {StrokesName}; a folder or file of images is "
                + "named by its path."),
        };
        if (options.ClassNames.Count > 0)
            set = Named(set, options.ClassNames);
        if (!options.Classes)
            set = set.Renamed(set.Name, new byte[set.Count], []);
        return limit < set.Count ? set.Take(limit.Value) : set;
    }

    /// <summary>Whether a data set is a folder or a zip archive of pictures, which can be brought to a size and onto a
    /// background.</summary>
    /// <param name="name">The set's name or path.</param>
    /// <exception cref="MezzotintException">The archive is damaged.</exception>
    public static bool IsPictures(string name)
    {
        using var tree = TreeOf(name);
        return tree is not null;
    }

    /// <summary>Whether a file is one of images by its first bytes: a zip archive, an .npz or an idx file.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="MezzotintException">It cannot be read.</exception>
    public static bool IsFileOfImages(string path) => FileKind.Of(path) is FileKind.Zip or FileKind.Idx;

    /// <summary>The set with names in place of the numbers of its classes.</summary>
    private static ImageSet Named(ImageSet set, IReadOnlyList<string> names)
    {
        bool numbered = set.ClassNames.Select((name, i) => name == $"{i}").All(same => same);
        return numbered && set.ClassNames.Count == names.Count ? set.Renamed(set.Name, set.Labels, names)
            : throw new MezzotintException(
                $"data.class_names has {names.Count} names, but {set.Name} has "
                + (numbered ? $"{set.ClassNames.Count} classes: name each of them, or leave data.class_names out."
                    : "classes with names of its own: leave data.class_names out.")) { Key = "data.class_names" };
    }

    private static ImageSet LoadStrokes(bool train, int? limit, PictureFrame? frame)
    {
        if (frame is { } asked && (asked.Height != asked.Width || asked.Fit != PictureFit.Crop))
            throw new MezzotintException($"{StrokesName} are drawn in squares: give data.size alone.") { Key = "data.size" };
        int count = train ? StrokesTrainCount : StrokesTestCount;
        return Strokes.Make(
            Math.Min(count, limit ?? count), train ? StrokesTrainSeed : StrokesTestSeed, frame?.Height ?? StrokesSide);
    }

    private static ImageSet LoadFolder(
        string path, ReadingOptions options, IProgress<ReadingProgress>? progress, CancellationToken cancellation)
    {
        bool train = options.Part != ImageSplit.Test;
        if (Mnist.MissingFrom(path).Count == 0)
        {
            var set = Mnist.Load(path, train);
            string folder = Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(path)));
            string name = $"{folder} {(train ? "train" : "test")}";
            return Whole(set.Renamed(name, set.Labels, set.ClassNames), options);
        }
        return Cifar.FolderIn(path) is { } cifar ? Whole(Cifar.Load(cifar, train), options)
            : ImageFolder.Load(path, options, progress, cancellation);
    }

    private static ImageSet LoadFile(
        string path, ReadingOptions options, IProgress<ReadingProgress>? progress, CancellationToken cancellation)
    {
        switch (FileKind.Of(path))
        {
            case FileKind.Zip:
                using (var tree = TreeOf(path))
                    return tree is null ? Parted(LoadArrays(path), options)
                        : PictureSet.Load(tree, options, progress, cancellation);
            case FileKind.Idx:
                return Parted(IdxImages.Load(path), options);
            case var other:
                throw new MezzotintException(
                    $"'{path}' is no data set: it is {other}. A data set is a folder or a zip archive of pictures, an .npz file, "
                    + "or an idx file of images.");
        }
    }

    /// <summary>The pictures that a path names, in a folder or a zip archive; null for all other sets.</summary>
    internal static FileTree? TreeOf(string name)
    {
        if (name is MnistName or StrokesName)
            return null;
        if (Directory.Exists(name))
            return Mnist.MissingFrom(name).Count == 0 || Cifar.FolderIn(name) is not null ? null : new FolderTree(name);
        if (!File.Exists(name) || FileKind.Of(name) != FileKind.Zip)
            return null;
        var zip = new ZipTree(name);
        if (!zip.HasOnlyArrays)
            return zip;
        zip.Dispose();
        return null;
    }

    private static ImageSet LoadArrays(string path)
    {
        var arrays = NpzImages.Read(path);
        int classes = arrays.Labels is { Length: > 0 } labels ? (int)Math.Clamp(labels.Max() + 1, 1, MostClasses) : 0;
        return new ImageSet(
            Path.GetFileName(path), arrays.Pixels,
            arrays.Labels is null ? new byte[arrays.Count] : arrays.ClassesOf(path, classes, "a data set"), arrays.Channels,
            arrays.Height, arrays.Width, [.. Enumerable.Range(0, classes).Select(label => $"{label}")])
        {
            Reading = arrays.Reading,
        };
    }

    /// <summary>The training or the test images of a file that has both, by share; image i goes by the name i.</summary>
    private static ImageSet Parted(ImageSet set, ReadingOptions options)
    {
        if (options.Split is { } split && SplitRule.ShareOf(split) is null)
            throw new MezzotintException(
                $"data.split = {Printable.Quote(split)}, but {set.Name} has neither folders nor columns: give a share such "
                + "as 0.1, or leave it out.") { Key = "data.split" };
        if (options.Part != ImageSplit.All)
        {
            var rule = SplitRule.Of(options.Split);
            int[] taken = [.. Enumerable.Range(0, set.Count).Where(i => rule.Takes($"{i}", options.Part))];
            if (taken.Length == 0)
                throw new MezzotintException(
                    $"{set.Name} has no images for the {(options.Part == ImageSplit.Test ? "test" : "train")} set: it has too "
                    + "few, or data.split is too small.") { Key = "data.split" };
            var part = set.Pick(taken);
            set = new ImageSet(
                PictureSet.NameOf(set.Name, options), part.Pixels, part.Labels, set.Channels, set.Height, set.Width,
                set.ClassNames) { Reading = set.Reading is { } reading ? reading with { Taken = taken.Length } : null };
        }
        return Whole(set, options with { Split = null });
    }

    /// <summary>A set whose images have a size and parts of their own.</summary>
    private static ImageSet Whole(ImageSet set, ReadingOptions options, bool resizes = false)
    {
        (string, string?)[] columns =
            [("label", options.Label), ("caption", options.Caption), ("split", options.Split ?? options.PartName)];
        foreach (var (key, value) in columns)
            if (value is not null)
                throw new MezzotintException($"data.{key} = {Printable.Quote(value)}, but {set.Name} has "
                    + $"{(key == "split" ? "a training and a test set of its own" : "no metadata")}: leave data.{key} out.")
                    { Key = $"data.{key}" };
        if (!resizes && options.Frame is { } frame && (set.Height, set.Width) != (frame.Height, frame.Width))
            throw new MezzotintException(
                $"{set.Name} has images of {set.Height} x {set.Width}, and arrays are not brought to data.size = {frame.Height} "
                + "(--size of a command): leave it out.") { Key = "data.size" };
        return Planes.InChannels(set, options.Channels);
    }

    private static string FolderOf(DataSearch search) =>
        search.Folder ?? throw new MezzotintException(
            $"MNIST is not found; looked in "
            + $"{string.Join("; ", search.Places.Select(place => $"{place.Folder} ({place.Finding})"))}. Get it with "
            + $"`mezzotint data fetch mnist`, or use drawn digits with --set data.name={StrokesName}.");

    private static (DataPlace Place, bool Complete) LookInto(string folder)
    {
        if (!Directory.Exists(folder))
            return (new(folder, "no such folder"), false);
        var missing = Mnist.MissingFrom(folder);
        string finding = missing.Count == 0 ? "found" : missing.Count == Mnist.Files.Count ? "none of the files"
            : $"lacks {string.Join(", ", missing)}";
        return (new(folder, finding), missing.Count == 0);
    }
}
