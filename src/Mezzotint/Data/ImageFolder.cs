using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Mezzotint.Formats;

namespace Mezzotint.Data;

/// <summary>Which images of a folder to take.</summary>
public enum ImageSplit
{
    /// <summary>All of them.</summary>
    All,

    /// <summary>Those to learn from: the subfolder <c>train</c>, or the images that <see cref="Test"/> leaves.</summary>
    Train,

    /// <summary>Those held back: the subfolder <c>test</c>, or a tenth, chosen by the hash of each image's name.</summary>
    Test,
}

/// <summary>
/// A folder of images by class: <c>ROOT/CLASS/*</c>, one subfolder a class, with PNG, JPEG, WebP, BMP and GIF files, of an
/// animation the first frame.
/// </summary>
/// <remarks>
/// A class is a subfolder that holds at least one picture. Classes are numbered in the order of their names: by value where all
/// names are whole numbers, else by their characters. Where ROOT holds <c>train</c> and <c>test</c>, the classes are below these.
/// Otherwise the split is by name: an image is a test image where the first eight bytes of SHA-256("CLASS/FILE"), as a
/// little-endian number, are a multiple of 10; it stays one when others come or go. Colour becomes grey by Rec. 601 luma
/// (0.299 R + 0.587 G + 0.114 B), grey becomes colour by repetition, transparent parts show the background; pictures stand
/// upright, whatever way the camera was held. What is left out or changed, <see cref="ImageSet.Reading"/> tells.
/// </remarks>
public static class ImageFolder
{
    private const int MostClasses = 256;
    private const string TrainFolder = "train", TestFolder = "test";

    /// <summary>Reads the images of a folder.</summary>
    /// <param name="root">The folder that holds one subfolder a class, or <c>train</c> and <c>test</c>.</param>
    /// <param name="channels">1 for grey, 3 for colour; null for what the pictures are: colour where any of them has
    /// some.</param>
    /// <param name="size">
    /// Rows and columns to bring every image to: the largest square in its middle is cut out and resized. Without it all images must be of one size.
    /// </param>
    /// <param name="split">Which images to take.</param>
    /// <param name="background">The colour behind what is transparent; black unless told otherwise.</param>
    /// <returns>
    /// The images [N, C, H, W] and their classes; in the order of their names, the first of each class, then the second of each, and so on,
    /// so that the first n of them are of all classes.
    /// </returns>
    /// <exception cref="MezzotintException">There are no classes or no images, too many classes, a file cannot be opened, or the
    /// sizes differ.</exception>
    public static ImageSet Load(
        string root, int? channels = null, int? size = null, ImageSplit split = ImageSplit.All, Background background = default)
    {
        return Read(channels) ?? Read(3)!; // the first picture with colour ends a reading in grey

        ImageSet? Read(int? asked)
        {
            var notes = new ReadingNotes();
            var folder = new PictureFolder(root, notes);
            return Reading(root, asked, size, () =>
            {
                var (classes, files) = List(root, folder, notes, split);
                string name = Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(root)));
                return new PictureReader(root, folder, notes) { Channels = asked, Size = size, Background = background }
                    .Read(split == ImageSplit.All ? name : $"{name} {Word(split)}", classes, files);
            });
        }
    }

    /// <summary>Whether a folder holds images by class, and not images themselves.</summary>
    internal static bool IsByClass(string root) => IsDivided(root) || PictureFolder.ClassesIn(root).Any();

    /// <summary>Reads the images that lie in a folder themselves, as <see cref="Load"/> reads those of a class.</summary>
    internal static ImageSet LoadFlat(string root, int channels, Background background = default, int? size = null)
    {
        var notes = new ReadingNotes();
        var folder = new PictureFolder(root, notes);
        return Reading(root, channels, size, () =>
        {
            List<(string, int)> files = [.. folder.Pictures(root).Select(path => (path, 0))];
            return new PictureReader(root, folder, notes) { Channels = channels, Size = size, Background = background }
                .Read(root, [""], files);
        })!;
    }

    private static ImageSet? Reading(string root, int? channels, int? size, Func<ImageSet?> read)
    {
        ArgumentException.ThrowIfNullOrEmpty(root);
        if (channels is not (null or 1 or 3))
            throw new ArgumentOutOfRangeException(nameof(channels), channels, "An image has 1 channel (grey) or 3 (colour).");
        if (size is { } asked)
            ArgumentOutOfRangeException.ThrowIfNegativeOrZero(asked, nameof(size));
        try
        {
            return read();
        }
        catch (Exception cause) when (cause is IOException or UnauthorizedAccessException)
        {
            throw new MezzotintException($"{root} cannot be read: {cause.Message}", cause);
        }
    }

    private static bool IsDivided(string root) =>
        Directory.Exists(Path.Combine(root, TrainFolder)) && Directory.Exists(Path.Combine(root, TestFolder));

    private static (string[] Classes, List<(string Path, int Class)> Files) List(
        string root, PictureFolder folder, ReadingNotes notes, ImageSplit split)
    {
        if (!Directory.Exists(root))
            throw new MezzotintException($"{root} is no folder: name one that holds a subfolder of images for each class.");
        string train = Path.Combine(root, TrainFolder), test = Path.Combine(root, TestFolder);
        bool divided = IsDivided(root);
        string[] parts = !divided ? [root] : split switch { ImageSplit.Train => [train], ImageSplit.Test => [test], _ => [train, test] };
        if (divided)
            folder.NoteBeside(root, [TrainFolder, TestFolder]);

        // The training set names the classes, so that labels mean the same in both.
        string[] classes = ClassesOf(divided ? train : root, folder, notes);
        var files = new List<(string Path, int Class, int Rank)>();
        foreach (string part in parts)
        {
            folder.NoteBeside(part, classes);
            foreach (string found in PictureFolder.ClassesIn(part))
                if (!classes.Contains(Path.GetFileName(found)))
                    throw new MezzotintException($"{found} is a class that {train} lacks: both must have the same classes.");
            for (int c = 0; c < classes.Length; c++)
                if (Path.Combine(part, classes[c]) is var of && Directory.Exists(of))
                    files.AddRange(folder.Pictures(of)
                        .Where(path => divided || split == ImageSplit.All || IsHeldBack(classes[c], path) == (split == ImageSplit.Test))
                        .Select((path, rank) => (path, c, rank)));
        }
        if (files.Count == 0)
            throw new MezzotintException(
                $"{root} has no images for the {Word(split)} set: add images, or put the two sets into its subfolders "
                + $"train/CLASS/ and test/CLASS/{notes}.");
        return (classes, [.. files.OrderBy(file => file.Rank).Select(file => (file.Path, file.Class))]);
    }

    private static string[] ClassesOf(string root, PictureFolder folder, ReadingNotes notes)
    {
        string[] names = [.. PictureFolder.ClassesIn(root).Select(path => Path.GetFileName(path))];
        if (names.Length == 0)
        {
            folder.NoteBeside(root, []);
            throw notes.FirstFailure ?? new MezzotintException(
                $"{root} has no class folders with images: sort PNG, JPEG, WebP, BMP or GIF files into one subfolder for each "
                + $"class{notes}.");
        }
        if (names.Length > MostClasses)
            throw new MezzotintException($"{root} has {names.Length} class folders; at most {MostClasses} are supported.");
        Array.Sort(names, StringComparer.Ordinal);
        if (names.All(name => ClassNumber(name) is not null))
            Array.Sort(Array.ConvertAll(names, name => ClassNumber(name)!.Value), names);
        return names;
    }

    private static Int128? ClassNumber(string name) =>
        Int128.TryParse(name, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) ? number : null;

    private static bool IsHeldBack(string className, string path)
    {
        byte[] hash = SHA256.HashData(Encoding.UTF8.GetBytes($"{className}/{Path.GetFileName(path)}"));
        return System.Buffers.Binary.BinaryPrimitives.ReadUInt64LittleEndian(hash) % 10 == 0;
    }

    private static string Word(ImageSplit split) => split == ImageSplit.Train ? TrainFolder : TestFolder;
}
