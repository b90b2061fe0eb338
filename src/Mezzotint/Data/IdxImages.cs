using Mezzotint.Formats;

namespace Mezzotint.Data;

/// <summary>A single idx file of images, [N, H, W], [N, 3, H, W] or [N, H, W, 3], with its labels in a file beside it.</summary>
internal static class IdxImages
{
    /// <summary>Reads a file; the labels are in the one of the same name with <c>labels</c> for <c>images</c> and <c>idx1</c> for
    /// <c>idx3</c>. Without it the images have no classes.</summary>
    /// <exception cref="MezzotintException">A file is damaged, or the two do not belong together.</exception>
    public static ImageSet Load(string path)
    {
        var (shape, pixels) = IdxFile.Read(path);
        var (channels, height, width) = shape switch
        {
            [_, var h, var w] => (1, h, w),
            [_, 3, var h, var w] => (3, h, w),
            [_, var h, var w, 3] => (3, h, w),
            _ => throw new MezzotintException(
                $"{path} is {string.Join(" x ", shape)}; images are count x rows x columns, or have 3 channels before or after "
                + "rows and columns."),
        };
        if (pixels.Length == 0)
            throw new MezzotintException($"{path} holds no pixels ({string.Join(" x ", shape)}).");
        if (shape.Length == 4 && shape[1] != 3)
            pixels = Planes.ChannelsFirst(pixels, height * width);
        string? labelPath = LabelsBeside(path);
        byte[] labels = labelPath is null ? new byte[shape[0]] : LabelsIn(labelPath, path, shape[0]);
        int classes = labelPath is null ? 0 : labels.Max() + 1;
        return new ImageSet(
            Path.GetFileName(path), pixels, labels, channels, height, width,
            [.. Enumerable.Range(0, classes).Select(label => $"{label}")]);
    }

    private static byte[] LabelsIn(string labelPath, string path, int count)
    {
        var (shape, labels) = IdxFile.Read(labelPath);
        return shape.Length == 1 && labels.Length == count ? labels : throw new MezzotintException(
            $"{path} holds {count} images, but {labelPath} is {string.Join(" x ", shape)}: the two do not belong together.");
    }

    private static string? LabelsBeside(string path)
    {
        string name = Path.GetFileName(path);
        string labels = name.Replace("images", "labels", StringComparison.OrdinalIgnoreCase)
            .Replace("idx3", "idx1", StringComparison.OrdinalIgnoreCase)
            .Replace("idx4", "idx1", StringComparison.OrdinalIgnoreCase);
        if (labels == name)
            return null;
        string plain = labels.EndsWith(".gz", StringComparison.OrdinalIgnoreCase) ? labels[..^3] : labels;
        string folder = Path.GetDirectoryName(path) ?? "";
        return new[] { plain, plain + ".gz" }.Select(file => Path.Combine(folder, file)).FirstOrDefault(File.Exists);
    }
}
