using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Mezzotint.IO;

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
/// A folder of images by class: <c>ROOT/CLASS/*.png</c> (or jpg, jpeg, bmp, webp), one subfolder a class.
/// </summary>
/// <remarks>
/// Classes are numbered in the order of their names: by value where all names are whole numbers, else by their characters. Where ROOT holds
/// <c>train</c> and <c>test</c>, the classes are below these. Otherwise the split is by name: an image is a test image where the first eight bytes
/// of SHA-256("CLASS/FILE"), as a little-endian number, are a multiple of 10; it stays one when others come or go.
/// Colour becomes grey by Rec. 601 luma (0.299 R + 0.587 G + 0.114 B), grey becomes colour by repetition, transparent parts become black;
/// pictures stand upright, whatever way the camera was held. Hidden files and folders are passed over.
/// </remarks>
public static class ImageFolder
{
    private const int MostClasses = 256;
    private static readonly HashSet<string> Extensions = new(StringComparer.OrdinalIgnoreCase) { ".png", ".jpg", ".jpeg", ".bmp", ".webp" };

    /// <summary>Reads the images of a folder.</summary>
    /// <param name="root">The folder that holds one subfolder a class, or <c>train</c> and <c>test</c>.</param>
    /// <param name="channels">1 for grey, 3 for colour.</param>
    /// <param name="size">
    /// Rows and columns to bring every image to: the largest square in its middle is cut out and resized. Without it all images must be of one size.
    /// </param>
    /// <param name="split">Which images to take.</param>
    /// <returns>
    /// The images [N, C, H, W] and their classes; in the order of their names, the first of each class, then the second of each, and so on,
    /// so that the first n of them are of all classes.
    /// </returns>
    /// <exception cref="MezzotintException">There are no classes or no images, too many classes, an image cannot be read, or its size differs.</exception>
    public static ImageSet Load(string root, int channels, int? size = null, ImageSplit split = ImageSplit.All)
    {
        ArgumentException.ThrowIfNullOrEmpty(root);
        if (channels is not (1 or 3))
            throw new ArgumentOutOfRangeException(nameof(channels), channels, "An image has 1 channel (grey) or 3 (colour).");
        if (size is { } asked)
            ArgumentOutOfRangeException.ThrowIfNegativeOrZero(asked, nameof(size));
        try
        {
            var (classes, files) = List(root, split);
            return Read(root, classes, files, channels, size, split);
        }
        catch (Exception cause) when (cause is IOException or UnauthorizedAccessException)
        {
            throw new MezzotintException($"{root} cannot be read: {cause.Message}", cause);
        }
    }

    private static (string[] Classes, List<(string Path, int Class)> Files) List(string root, ImageSplit split)
    {
        if (!Directory.Exists(root))
            throw new MezzotintException($"{root} is no folder: name one that holds a subfolder of images for each class.");
        string train = Path.Combine(root, "train"), test = Path.Combine(root, "test");
        bool divided = Directory.Exists(train) && Directory.Exists(test);
        string[] parts = !divided ? [root] : split switch { ImageSplit.Train => [train], ImageSplit.Test => [test], _ => [train, test] };

        string[] classes = ClassesOf(divided ? train : root); // the training set names the classes, so that labels mean the same in both
        var files = new List<(string Path, int Class, int Rank)>();
        foreach (string part in parts)
        {
            foreach (string name in ClassesOf(part))
                if (!classes.Contains(name))
                    throw new MezzotintException($"{Path.Combine(part, name)} is a class that {train} lacks: both must have the same classes.");
            for (int c = 0; c < classes.Length; c++)
                if (Path.Combine(part, classes[c]) is var folder && Directory.Exists(folder))
                    files.AddRange(ImagesIn(folder)
                        .Where(path => divided || split == ImageSplit.All || IsHeldBack(classes[c], path) == (split == ImageSplit.Test))
                        .Select((path, rank) => (path, c, rank)));
        }
        if (files.Count == 0)
            throw new MezzotintException(split == ImageSplit.All
                ? $"{root} has no images in its class folders: put *.png, *.jpg, *.bmp or *.webp into ROOT/CLASS/."
                : $"{root} has no images for the {Word(split)} set: add images, or put the two sets into its subfolders train/CLASS/ and test/CLASS/.");
        return (classes, [.. files.OrderBy(file => file.Rank).Select(file => (file.Path, file.Class))]);
    }

    private static string[] ClassesOf(string folder)
    {
        string[] names = [.. Directory.EnumerateDirectories(folder).Select(path => Path.GetFileName(path)).Where(name => !name.StartsWith('.'))];
        if (names.Length == 0)
            throw new MezzotintException($"{folder} has no class folders: sort the images into one subfolder for each class.");
        if (names.Length > MostClasses)
            throw new MezzotintException($"{folder} has {names.Length} class folders; at most {MostClasses} are supported.");
        Array.Sort(names, StringComparer.Ordinal);
        if (names.All(name => ClassNumber(name) is not null))
            Array.Sort(Array.ConvertAll(names, name => ClassNumber(name)!.Value), names);
        return names;
    }

    private static Int128? ClassNumber(string name) =>
        Int128.TryParse(name, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) ? number : null;

    private static IEnumerable<string> ImagesIn(string folder) =>
        Directory.EnumerateFiles(folder)
            .Where(path => Extensions.Contains(Path.GetExtension(path)) && !Path.GetFileName(path).StartsWith('.'))
            .Order(StringComparer.Ordinal);

    private static bool IsHeldBack(string className, string path)
    {
        byte[] hash = SHA256.HashData(Encoding.UTF8.GetBytes($"{className}/{Path.GetFileName(path)}"));
        return System.Buffers.Binary.BinaryPrimitives.ReadUInt64LittleEndian(hash) % 10 == 0;
    }

    private static ImageSet Read(string root, string[] classes, List<(string Path, int Class)> files, int channels, int? size, ImageSplit split)
    {
        byte[] pixels = [];
        int height = 0, width = 0, length = 0;
        for (int i = 0; i < files.Count; i++)
        {
            using var image = PictureFile.Read(files[i].Path);
            if (size is null && i > 0 && (image.Height != height || image.Width != width))
                throw new MezzotintException(
                    $"{files[i].Path} is {image.Width} x {image.Height}, but {files[0].Path} is {width} x {height}: bring all "
                        + $"images of the set to one size.");
            if (i == 0)
            {
                (height, width) = size is { } side ? (side, side) : (image.Height, image.Width);
                if ((Int128)files.Count * channels * height * width > Array.MaxLength)
                    throw new MezzotintException($"{root}: {files.Count} images of {channels} x {height} x {width} exceed the {Array.MaxLength} bytes that a data set may have: give a smaller size.");
                length = channels * height * width;
            }
            var picture = image.Decode().On(channels, 0, size);
            if (pixels.Length < (i + 1) * length) // grown by what was really decoded, not by what the first header claims
                Array.Resize(ref pixels, (int)Math.Min((long)files.Count * length, Math.Max(2L * pixels.Length, length)));
            picture.Pixels.CopyTo(pixels, i * length);
        }
        byte[] labels = [.. files.Select(file => (byte)file.Class)];
        string name = Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(root)));
        return new ImageSet(split == ImageSplit.All ? name : $"{name} {Word(split)}", pixels, labels, channels, height, width, classes);
    }

    private static string Word(ImageSplit split) => split == ImageSplit.Train ? "train" : "test";
}
