using System.Buffers.Binary;
using Mezzotint.Formats;

namespace Mezzotint.Data;

/// <summary>
/// Images in an .npz file: an array <c>images</c> or <c>arr_0</c>, [N, H, W], [N, C, H, W] or [N, H, W, C], of bytes or of
/// numbers from 0 to 1, and whole numbers <c>labels</c> or <c>arr_1</c>.
/// </summary>
/// <param name="Pixels">[N, C, H, W].</param>
/// <param name="Labels">[N]; null where the file has none.</param>
/// <param name="LabelsName">The array that has them, or would.</param>
/// <param name="Count">N.</param>
/// <param name="Channels">C: 1 or 3.</param>
/// <param name="Height">H.</param>
/// <param name="Width">W.</param>
/// <param name="Reading">Which arrays were left out.</param>
internal sealed record NpzImages(
    byte[] Pixels, long[]? Labels, string LabelsName, int Count, int Channels, int Height, int Width, ReadingReport Reading)
{
    private const string ImagesName = "images", LabelsArray = "labels", FirstName = "arr_0", SecondName = "arr_1";

    /// <summary>Reads a file.</summary>
    /// <exception cref="MezzotintException">It cannot be read, or holds something else.</exception>
    public static NpzImages Read(string path)
    {
        var arrays = NpzFile.Read(path, name => name is ImagesName or LabelsArray or FirstName or SecondName);
        // numpy.savez names arrays that it is given without names arr_0, arr_1, ...
        string name = arrays.ContainsKey(ImagesName) ? ImagesName : FirstName;
        if (!arrays.TryGetValue(name, out var images))
        {
            string held = arrays.Count == 0 ? "nothing" : string.Join(", ", arrays.Keys.Take(20).Select(Printable.Quote));
            throw new MezzotintException($"'{path}' has no array '{ImagesName}' or '{FirstName}': it holds {held}.");
        }
        var (pixels, channels, height, width) = PixelsOf(path, name, images);
        int count = (int)images.Array.Shape[0];
        string labelsName = arrays.ContainsKey(LabelsArray) || name == ImagesName ? LabelsArray : SecondName;
        long[]? labels = arrays.TryGetValue(labelsName, out var named) ? LabelsOf(path, labelsName, named, count) : null;
        var notes = new ReadingNotes();
        foreach (string other in arrays.Keys.Where(key => key != name && (labels is null || key != labelsName)))
            notes.Add(ReadingReason.Arrays, other);
        return new(pixels, labels, labelsName, count, channels, height, width, notes.Report(path, count));
    }

    /// <summary>The labels as classes.</summary>
    /// <param name="path">The file, for messages.</param>
    /// <param name="classes">How many classes there are.</param>
    /// <param name="source">What has them, for messages.</param>
    /// <exception cref="MezzotintException">A label is no class.</exception>
    public byte[] ClassesOf(string path, int classes, string source)
    {
        var labels = Labels ?? [];
        int wrong = Array.FindIndex(labels, label => label < 0 || label >= classes);
        return wrong < 0 ? Array.ConvertAll(labels, label => (byte)label) : throw new MezzotintException(
            $"'{path}': label {wrong} is {labels[wrong]}; {source} has the classes 0 to {classes - 1}.");
    }

    private static (byte[] Pixels, int Channels, int Height, int Width) PixelsOf(string path, string name, NumpyArray array)
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
        bool turned = channelsLast && channels == 3;
        return (turned ? Planes.ChannelsFirst(pixels, (int)(height * width)) : pixels, (int)channels, (int)height, (int)width);
    }

    private static byte[] Bytes(string path, string name, NumpyArray array)
    {
        var bytes = array.Array.Bytes;
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
        byte[] Each(int size, Func<ReadOnlySpan<byte>, byte> convert)
        {
            byte[] converted = new byte[bytes.Length / size];
            for (int i = 0; i < converted.Length; i++)
                converted[i] = convert(bytes.Span.Slice(i * size, size));
            return converted;
        }
        return array.Array.Type switch
        {
            ElementType.UInt8 => bytes.ToArray(),
            ElementType.Bool => Each(1, value => (byte)(255 * value[0])),
            ElementType.Int32 => Each(4, value => Whole(BinaryPrimitives.ReadInt32LittleEndian(value))),
            ElementType.Int64 => Each(8, value => Whole(BinaryPrimitives.ReadInt64LittleEndian(value))),
            ElementType.Float32 => Each(4, value => Scaled(BinaryPrimitives.ReadSingleLittleEndian(value))),
            ElementType.Float64 => Each(8, value => Scaled(BinaryPrimitives.ReadDoubleLittleEndian(value))),
            _ => throw new MezzotintException(
                $"'{path}': '{name}' is of {array.TypeName}; save it as uint8 from 0 to 255, or as float32 or float64 from 0 to "
                + $"1."),
        };
    }

    private static long[] LabelsOf(string path, string name, NumpyArray array, int count)
    {
        var labels = array.Array;
        if (labels.Shape is not [var length] || length != count)
            throw new MezzotintException(
                $"'{path}': '{name}' is [{string.Join(", ", labels.Shape)}]; it must have one label for each of the {count} "
                + $"images.");
        int size = TensorData.ElementSize(labels.Type);
        var result = new long[count];
        for (int i = 0; i < count; i++)
        {
            var bytes = labels.Bytes.Span.Slice(i * size, size);
            result[i] = labels.Type switch
            {
                ElementType.UInt8 => bytes[0],
                ElementType.Int32 => BinaryPrimitives.ReadInt32LittleEndian(bytes),
                ElementType.Int64 => BinaryPrimitives.ReadInt64LittleEndian(bytes),
                _ => throw new MezzotintException($"'{path}': '{name}' is of {array.TypeName}; labels are whole numbers."),
            };
        }
        return result;
    }
}
