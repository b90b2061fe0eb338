using System.IO.Compression;

namespace Mezzotint.Formats;

/// <summary>
/// NumPy's .npz format: a zip archive with one entry <c>NAME.npy</c> an array (<see cref="NpyArray"/>). What is written here,
/// <c>numpy.load(path)['images']</c> gives back, and arrays from <c>numpy.savez</c> and <c>numpy.savez_compressed</c> are read.
/// </summary>
public static class NpzFile
{
    private const string Extension = ".npy";

    /// <summary>Writes named arrays, whole or not at all. The same arrays make the same bytes: no time of day is in the
    /// file.</summary>
    /// <param name="path">The file to make or to replace.</param>
    /// <param name="arrays">Names, each used once, and arrays of UInt8, Int32, Int64, Float32 or Float64, as
    /// <see cref="NpyArray.Of(ReadOnlySpan{byte}, long[])"/> makes them.</param>
    /// <exception cref="ArgumentException">A name is empty or used twice, or an array cannot be written.</exception>
    /// <exception cref="MezzotintException">The file cannot be written.</exception>
    public static void Write(string path, params IReadOnlyList<(string Name, TensorData Array)> arrays)
    {
        ArgumentNullException.ThrowIfNull(arrays);
        if (arrays.Any(array => string.IsNullOrEmpty(array.Name))
            || arrays.DistinctBy(array => array.Name).Count() != arrays.Count)
            throw new ArgumentException("Every array needs a name of its own.", nameof(arrays));
        AtomicFile.Write(path, stream =>
        {
            using var archive = new ZipArchive(stream, ZipArchiveMode.Create, leaveOpen: true);
            foreach ((string name, TensorData array) in arrays)
            {
                ZipArchiveEntry entry = archive.CreateEntry(name + Extension, CompressionLevel.Optimal);
                entry.LastWriteTime = new DateTimeOffset(1980, 1, 1, 0, 0, 0, TimeSpan.Zero); // the first that zip knows
                using Stream content = entry.Open();
                NpyArray.Write(content, array);
            }
        });
    }

    /// <summary>Reads all arrays. Nothing in the file is believed before it is checked, and no more is allocated than the file's
    /// bytes justify.</summary>
    /// <param name="path">The file.</param>
    /// <returns>The arrays by name, without the .npy of the entries.</returns>
    /// <exception cref="MezzotintException">The file is not there, not such an archive, damaged, or holds something that is not
    /// read.</exception>
    public static IReadOnlyDictionary<string, TensorData> Read(string path)
    {
        return Read(path, _ => true).ToDictionary(pair => pair.Key, pair => pair.Value.Array);
    }

    /// <summary>Reads the arrays that are wanted, with NumPy's name of the type they have in the file; the others stay null, and
    /// are not inflated.</summary>
    internal static OrderedDictionary<string, NumpyArray> Read(string path, Predicate<string> wanted) =>
        InputFile.Read(path, file => ReadArchive(path, file, wanted));

    private static OrderedDictionary<string, NumpyArray> ReadArchive(string path, Stream file, Predicate<string> wanted)
    {
        try
        {
            var zip = ZipReader.Open(file);
            if (zip.Entries.Keys.FirstOrDefault(name => !IsArray(name)) is { } other)
                throw new MezzotintException(
                    $"Cannot read '{path}': its entry {Printable.Quote(other)} is not an array; is it an .npz file?");
            var arrays = new OrderedDictionary<string, NumpyArray>(StringComparer.Ordinal);
            foreach (var (entryName, entry) in zip.Entries)
            {
                string name = entryName[..^Extension.Length];
                arrays.Add(name, wanted(name) ? ReadEntry(path, entryName, zip.Read(entry)) : NumpyArray.Skipped);
            }
            return arrays;
        }
        catch (InvalidDataException e)
        {
            throw new MezzotintException($"Cannot read '{path}': {e.Message}.", e);
        }
    }

    private static bool IsArray(string name) =>
        name.Length > Extension.Length && name.EndsWith(Extension, StringComparison.Ordinal);

    private static NumpyArray ReadEntry(string path, string name, byte[] content)
    {
        try
        {
            return NpyArray.ReadTyped(content);
        }
        catch (MezzotintException e)
        {
            throw new MezzotintException(
                $"Cannot read '{path}': its entry {Printable.Quote(name)} is not an array that can be read: {e.Message}", e);
        }
    }
}
