using System.Buffers.Binary;
using Mezzotint.Data;
using Mezzotint.Formats;

namespace Mezzotint.Evaluation;

/// <summary>Images that are to be measured, whoever made them.</summary>
/// <param name="Images">The images; where they have no labels, all of label 0.</param>
/// <param name="WhyUnlabelled">Why nobody knows what they are to show; null where the labels do.</param>
public sealed record EvaluatedImages(ImageSet Images, string? WhyUnlabelled = null)
{
    private const string ImagesName = "images", LabelsName = "labels", FirstName = "arr_0", SecondName = "arr_1";

    /// <summary>Whether it is known what each image is to show.</summary>
    public bool Labelled => WhyUnlabelled is null;

    /// <summary>Reads images as <c>mezzotint sample --out</c> writes them: an .npz file, or a folder of images, in a subfolder
    /// for each class or in none.</summary>
    /// <param name="path">The file or folder.</param>
    /// <param name="reference">Real images, whose size and classes these are to have.</param>
    /// <param name="limit">At most so many, the first ones; null for all.</param>
    /// <param name="background">The colour behind what is transparent in a folder's pictures; black by default.</param>
    /// <param name="size">Rows and columns to bring a folder's pictures to; null where they have the right size.</param>
    /// <exception cref="MezzotintException">They cannot be read, or do not fit.</exception>
    public static EvaluatedImages Read(
        string path, ImageSet reference, int? limit = null, Background background = default, int? size = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        ArgumentNullException.ThrowIfNull(reference);
        var read = Directory.Exists(path) ? ReadFolder(path, reference, background, size) : ReadArrays(path, reference);
        var images = read.Images;
        if ((images.Channels, images.Height, images.Width) != (reference.Channels, reference.Height, reference.Width))
            throw new MezzotintException(
                $"'{path}' has images of {images.Channels} x {images.Height} x {images.Width}, {reference.Name} of "
                + $"{reference.Channels} x {reference.Height} x {reference.Width}: {Remedy(path, reference)}") { Key = "size" };
        return limit < images.Count ? read with { Images = images.Take(limit.Value) } : read;
    }

    private static string Remedy(string path, ImageSet reference) =>
        Directory.Exists(path) && reference.Height == reference.Width
            ? $"bring pictures to that size with --size {reference.Height}, or choose other data to compare with. Of a grid, "
                + "write the images one by one."
            : "choose other data to compare with.";

    private static EvaluatedImages ReadFolder(string path, ImageSet reference, Background background, int? size)
    {
        if (!ImageFolder.IsByClass(path))
            return ReadFlatFolder(path, reference, background, size);
        var set = ImageFolder.Load(path, reference.Channels, size, background: background);
        int[] classes = [.. set.ClassNames.Select(name => reference.ClassNames.ToList().IndexOf(name))];
        string? why = Array.IndexOf(classes, -1) is >= 0 and var unknown
            ? $"its folder '{set.ClassNames[unknown]}' is no class of {reference.Name}" : null;
        byte[] labels = [.. set.Labels.Select(label => why is null ? (byte)classes[label] : (byte)0)];
        return new(Named(path, set, labels, reference), why);
    }

    private static EvaluatedImages ReadFlatFolder(string path, ImageSet reference, Background background, int? size)
    {
        var set = ImageFolder.LoadFlat(path, reference.Channels, background, size);
        return new(Named(path, set, new byte[set.Count], reference), "the folder has no subfolders named after the classes");
    }

    private static ImageSet Named(string path, ImageSet set, byte[] labels, ImageSet reference) =>
        new(path, set.Pixels, labels, set.Channels, set.Height, set.Width, reference.ClassNames) { Reading = set.Reading };

    private static EvaluatedImages ReadArrays(string path, ImageSet reference)
    {
        var arrays = NpzFile.Read(path, name => name is ImagesName or LabelsName or FirstName or SecondName);
        // numpy.savez names arrays that it is given without names arr_0, arr_1, ...
        string name = arrays.ContainsKey(ImagesName) ? ImagesName : FirstName;
        if (!arrays.TryGetValue(name, out var images))
        {
            string held = arrays.Count == 0 ? "nothing" : string.Join(", ", arrays.Keys.Take(20).Select(Printable.Quote));
            throw new MezzotintException($"'{path}' has no array '{ImagesName}' or '{FirstName}': it holds {held}.");
        }
        var (pixels, channels, height, width) = Pixels(path, name, images);
        int count = (int)images.Array.Shape[0];
        string labelsName = arrays.ContainsKey(LabelsName) || name == ImagesName ? LabelsName : SecondName;
        byte[]? labels = arrays.TryGetValue(labelsName, out var named) ? Labels(path, labelsName, named, count, reference) : null;
        var notes = new ReadingNotes();
        foreach (string other in arrays.Keys.Where(key => key != name && (labels is null || key != labelsName)))
            notes.Add(ReadingReason.Arrays, other);
        return new(
            new ImageSet(path, pixels, labels ?? new byte[count], channels, height, width, reference.ClassNames)
                { Reading = notes.Report(path, count) },
            labels is null ? $"the file has no array '{labelsName}'" : null);
    }

    private static (byte[] Pixels, int Channels, int Height, int Width) Pixels(string path, string name, NumpyArray array)
    {
        var images = array.Array;
        long[] shape = images.Shape;
        bool channelsLast = shape.Length == 4 && shape[1] is not (1 or 3) && shape[3] is 1 or 3;
        var (channels, height, width) = shape switch
        {
            [_, var h, var w] => (1L, h, w),
            [_, var h, var w, var c] when channelsLast => (c, h, w),
            [_, var c and (1 or 3), var h, var w] => (c, h, w),
            _ => throw new MezzotintException(
                $"'{path}': '{name}' is [{string.Join(", ", shape)}]; it must be [images, rows, columns], or have 1 or 3 "
                + $"channels before or after these two."),
        };
        if (images.ElementCount is 0 or > int.MaxValue)
            throw new MezzotintException($"'{path}': '{name}' has no pixels, or 2 GiB of them or more.");
        byte[] pixels = Bytes(path, name, array);
        return (
            channelsLast && channels == 3 ? ChannelsFirst(pixels, (int)(height * width)) : pixels, (int)channels, (int)height,
            (int)width);
    }

    private static byte[] Bytes(string path, string name, NumpyArray array)
    {
        var images = array.Array;
        var bytes = images.Bytes;
        byte Scaled(double value) => value is >= 0 and <= 1
            ? (byte)Math.Round(255 * value)
            : throw new MezzotintException(
                $"'{path}': '{name}' has the value {FormattableString.Invariant($"{value}")}; numbers with a fraction must lie "
                + $"between 0 (black) and 1 (white), bytes between 0 and 255.");
        byte Whole(long value) => value is >= 0 and <= 255
            ? (byte)value
            : throw new MezzotintException(
                $"'{path}': '{name}' is of {array.TypeName} and has the value {value}; whole numbers must lie between 0 (black) "
                + $"and 255 (white).");
        return images.Type switch
        {
            ElementType.UInt8 => bytes.ToArray(),
            ElementType.Bool => [.. bytes.Span.ToArray().Select(value => (byte)(255 * value))],
            ElementType.Int32 =>
                [.. Enumerable.Range(0, bytes.Length / 4)
                .Select(i => Whole(BinaryPrimitives.ReadInt32LittleEndian(bytes.Span[(4 * i)..])))],
            ElementType.Int64 =>
                [.. Enumerable.Range(0, bytes.Length / 8)
                .Select(i => Whole(BinaryPrimitives.ReadInt64LittleEndian(bytes.Span[(8 * i)..])))],
            ElementType.Float32 =>
                [
                    .. Enumerable.Range(0, bytes.Length / 4).Select(i =>
                        Scaled(BinaryPrimitives.ReadSingleLittleEndian(bytes.Span[(4 * i)..]))),
                ],
            ElementType.Float64 =>
                [
                    .. Enumerable.Range(0, bytes.Length / 8).Select(i =>
                        Scaled(BinaryPrimitives.ReadDoubleLittleEndian(bytes.Span[(8 * i)..]))),
                ],
            _ => throw new MezzotintException(
                $"'{path}': '{name}' is of {array.TypeName}; save it as uint8 from 0 to 255, or as float32 or float64 from 0 to "
                + $"1."),
        };
    }

    private static byte[] ChannelsFirst(byte[] pixels, int plane)
    {
        var turned = new byte[pixels.Length];
        for (int i = 0; i < pixels.Length; i++)
            turned[i / (3 * plane) * (3 * plane) + i % 3 * plane + i % (3 * plane) / 3] = pixels[i];
        return turned;
    }

    private static byte[] Labels(string path, string name, NumpyArray array, int count, ImageSet reference)
    {
        var labels = array.Array;
        if (labels.Shape is not [var length] || length != count)
            throw new MezzotintException(
                $"'{path}': '{name}' is [{string.Join(", ", labels.Shape)}]; it must have one label for each of the {count} "
                + $"images.");
        int size = TensorData.ElementSize(labels.Type);
        var result = new byte[count];
        for (int i = 0; i < count; i++)
        {
            var bytes = labels.Bytes.Span.Slice(i * size, size);
            long label = labels.Type switch
            {
                ElementType.UInt8 => bytes[0],
                ElementType.Int32 => BinaryPrimitives.ReadInt32LittleEndian(bytes),
                ElementType.Int64 => BinaryPrimitives.ReadInt64LittleEndian(bytes),
                _ => throw new MezzotintException($"'{path}': '{name}' is of {array.TypeName}; labels are whole numbers."),
            };
            result[i] = label >= 0 && label < reference.ClassNames.Count
                ? (byte)label
                : throw new MezzotintException(
                    $"'{path}': label {i} is {label}; {reference.Name} has the classes 0 to {reference.ClassNames.Count - 1}.");
        }
        return result;
    }
}
