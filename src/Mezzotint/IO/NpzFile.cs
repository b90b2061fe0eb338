using System.IO.Compression;

namespace Mezzotint.IO;

/// <summary>
/// NumPy's .npz format: a zip archive with one entry <c>NAME.npy</c> an array (<see cref="NpyArray"/>). What is written here,
/// <c>numpy.load(path)['images']</c> gives back, and arrays from <c>numpy.savez</c> and <c>numpy.savez_compressed</c> are read.
/// </summary>
public static class NpzFile
{
    private const string Extension = ".npy";
    private const long LargestRatio = 1032; // Deflate's best: 258 bytes from 2 bits
    private const int MaxEntries = 250_000;

    /// <summary>Writes named arrays, whole or not at all. The same arrays make the same bytes: no time of day is in the file.</summary>
    /// <param name="path">The file to make or to replace.</param>
    /// <param name="arrays">Names, each used once, and arrays of UInt8, Int32, Int64, Float32 or Float64, as <see cref="NpyArray.Of(ReadOnlySpan{byte}, long[])"/> makes them.</param>
    /// <exception cref="ArgumentException">A name is empty or used twice, or an array cannot be written.</exception>
    /// <exception cref="MezzotintException">The file cannot be written.</exception>
    public static void Write(string path, params IReadOnlyList<(string Name, TensorData Array)> arrays)
    {
        ArgumentNullException.ThrowIfNull(arrays);
        if (arrays.Any(array => string.IsNullOrEmpty(array.Name)) || arrays.DistinctBy(array => array.Name).Count() != arrays.Count)
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

    /// <summary>Reads all arrays. Nothing in the file is believed before it is checked, and no more is allocated than the file's bytes justify.</summary>
    /// <param name="path">The file.</param>
    /// <returns>The arrays by name, without the .npy of the entries.</returns>
    /// <exception cref="MezzotintException">The file is not there, not such an archive, damaged, or holds something that is not read.</exception>
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
            using var archive = new ZipArchive(file, ZipArchiveMode.Read);
            CheckDirectory(path, archive, file.Length);
            var arrays = new OrderedDictionary<string, NumpyArray>(StringComparer.Ordinal);
            foreach (ZipArchiveEntry entry in archive.Entries)
            {
                string name = entry.FullName[..^Extension.Length];
                if (!arrays.TryAdd(name, wanted(name) ? ReadEntry(path, entry, file.Length) : NumpyArray.Skipped))
                    throw new MezzotintException($"Cannot read '{path}': it has two entries {Printable.Quote(entry.FullName)}.");
            }
            return arrays;
        }
        catch (Exception e) when (e is InvalidDataException)
        {
            throw new MezzotintException($"Cannot read '{path}': it is no sound zip archive; {Printable.Line(e.Message)}", e);
        }
    }

    // Entries that share bytes add up to more than the file, each of them as large as it pleases.
    private static void CheckDirectory(string path, ZipArchive archive, long fileLength)
    {
        if (archive.Entries.Count > MaxEntries)
            throw new MezzotintException(
                $"Cannot read '{path}': it has {archive.Entries.Count} entries, more than {MaxEntries}.");
        Int128 total = 0;
        foreach (ZipArchiveEntry entry in archive.Entries)
        {
            string name = entry.FullName;
            if (name.Length <= Extension.Length || !name.EndsWith(Extension, StringComparison.Ordinal))
                throw new MezzotintException(
                    $"Cannot read '{path}': its entry {Printable.Quote(name)} is not an array; is it an .npz file?");
            if (entry.CompressedLength < 0 || (total += entry.CompressedLength) > fileLength)
                throw new MezzotintException(
                    $"Cannot read '{path}': its entries, up to {Printable.Quote(name)}, claim more bytes than the file has.");
        }
    }

    private static NumpyArray ReadEntry(string path, ZipArchiveEntry entry, long fileLength)
    {
        try
        {
            if (entry.CompressedLength > fileLength || entry.Length > entry.CompressedLength * LargestRatio)
                throw new MezzotintException("it cannot have the length that the archive states");
            return NpyArray.ReadTyped(Content(entry));
        }
        catch (MezzotintException e)
        {
            throw new MezzotintException($"Cannot read '{path}': its entry {Printable.Quote(entry.FullName)} is not an array that can be read: {e.Message}", e);
        }
    }

    /// <summary>Inflates an entry into arrays that grow with what has really arrived.</summary>
    private static byte[] Content(ZipArchiveEntry entry)
    {
        if (entry.Length > Array.MaxLength) throw new MezzotintException("it has 2 GiB or more");
        int length = (int)entry.Length;
        using Stream stream = entry.Open();
        var bytes = new byte[Math.Min(length, 1 << 20)];
        for (int filled = 0; filled < length;)
        {
            if (filled == bytes.Length) Array.Resize(ref bytes, (int)Math.Min(length, 2L * bytes.Length));
            int read = stream.Read(bytes, filled, bytes.Length - filled);
            if (read == 0) throw new MezzotintException($"it ends after {filled} of {length} bytes");
            filled += read;
        }
        if (stream.ReadByte() >= 0) throw new MezzotintException($"it goes on after the {length} bytes that the archive states");
        return Crc32.Of(bytes) == entry.Crc32 ? bytes : throw new MezzotintException("its checksum is wrong: the file is damaged; get it again");
    }
}
