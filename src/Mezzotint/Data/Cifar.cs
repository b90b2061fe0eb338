using Mezzotint.Formats;

namespace Mezzotint.Data;

/// <summary>
/// CIFAR-10 and CIFAR-100 in their binary version: colour images of 32 x 32. A record is one label (CIFAR-100: the coarse one of
/// 20, then the fine one of 100, which is taken) and 1024 values each of red, green and blue, row by row.
/// </summary>
/// <remarks>Source: A. Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009.</remarks>
public static class Cifar
{
    private const int Side = 32, Length = 3 * Side * Side;
    private const int LongestNames = 1 << 16;

    private static readonly Layout[] Layouts =
    [
        new("cifar-10", 10, 1, [.. Enumerable.Range(1, 5).Select(batch => $"data_batch_{batch}.bin")],
            "test_batch.bin", "batches.meta.txt", "cifar-10-batches-bin"),
        new("cifar-100", 100, 2, ["train.bin"], "test.bin", "fine_label_names.txt", "cifar-100-binary"),
    ];

    /// <summary>The folder that has the files: the one that is named, or the one in it that the published archive
    /// makes.</summary>
    /// <param name="folder">The folder.</param>
    /// <returns>Null where neither has all of them.</returns>
    public static string? FolderIn(string folder) => Find(folder)?.Folder;

    /// <summary>Reads the training set or the test set.</summary>
    /// <param name="folder">The folder of the files.</param>
    /// <param name="train">Whether to read the training set.</param>
    /// <returns>The images [N, 3, 32, 32] and their classes.</returns>
    /// <exception cref="MezzotintException">A file is missing or damaged.</exception>
    public static ImageSet Load(string folder, bool train)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        var (place, layout) = Find(folder) ?? throw new MezzotintException(
            $"{folder} has no CIFAR files, such as {string.Join(" or ", Layouts.Select(layout => layout.Test))}.");
        byte[][] files = [.. (train ? layout.Train : [layout.Test]).Select(name => Read(Path.Combine(place, name), layout))];
        int record = layout.Labels + Length, count = files.Sum(file => file.Length / record);
        byte[] pixels = new byte[count * Length], labels = new byte[count];
        int at = 0;
        foreach (byte[] file in files)
            for (int start = 0; start < file.Length; start += record, at++)
            {
                labels[at] = file[start + layout.Labels - 1];
                file.AsSpan(start + layout.Labels, Length).CopyTo(pixels.AsSpan(at * Length));
            }
        return new ImageSet($"{layout.Name} {(train ? "train" : "test")}", pixels, labels, 3, Side, Side, Names(place, layout));
    }

    private static (string Folder, Layout Layout)? Find(string folder)
    {
        foreach (var layout in Layouts)
            foreach (string place in (string[])[folder, Path.Combine(folder, layout.Archive)])
                if (layout.Train.Append(layout.Test).All(name => File.Exists(Path.Combine(place, name))))
                    return (place, layout);
        return null;
    }

    private static byte[] Read(string path, Layout layout) => InputFile.Read(path, stream =>
    {
        int record = layout.Labels + Length;
        if (stream.Length == 0 || stream.Length % record != 0 || stream.Length > Array.MaxLength)
            throw new MezzotintException(
                $"{path} has {stream.Length} bytes, no multiple of the {record} of a {layout.Name} image. Get the file again.");
        byte[] bytes = new byte[stream.Length];
        stream.ReadExactly(bytes);
        for (int start = 0; start < bytes.Length; start += record)
            if (bytes[start + layout.Labels - 1] >= layout.Classes)
                throw new MezzotintException(
                    $"{path}: label {start / record} is {bytes[start + layout.Labels - 1]}; {layout.Name} has the classes 0 to "
                    + $"{layout.Classes - 1}. Get the file again.");
        return bytes;
    });

    /// <summary>The names of the classes, a line each; their numbers where the file of names is not there.</summary>
    private static string[] Names(string folder, Layout layout)
    {
        string path = Path.Combine(folder, layout.Names);
        string[] names = File.Exists(path)
            ? SmallFile.Text(SmallFile.Read(path, LongestNames), path).Split(
                '\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)
            : [.. Enumerable.Range(0, layout.Classes).Select(label => $"{label}")];
        return names.Length == layout.Classes && names.Distinct().Count() == names.Length ? names : throw new MezzotintException(
            $"{path} has {names.Length} names, or one twice; {layout.Name} has {layout.Classes} classes. Get the file again.");
    }

    /// <param name="Name">What the set is called.</param>
    /// <param name="Classes">How many classes it has.</param>
    /// <param name="Labels">How many labels a record begins with; the last one is taken.</param>
    /// <param name="Train">The files of the training set.</param>
    /// <param name="Test">The file of the test set.</param>
    /// <param name="Names">The file with the names of the classes.</param>
    /// <param name="Archive">The folder that the published archive makes.</param>
    private sealed record Layout(
        string Name, int Classes, int Labels, string[] Train, string Test, string Names, string Archive);
}
