using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;

namespace Mezzotint.Formats;

/// <summary>An entry of a zip archive, as its directory describes it.</summary>
/// <param name="Name">The name, used by no other entry.</param>
/// <param name="IsStored">Whether the bytes lie in the file as they are; else they are deflated.</param>
/// <param name="Length">The bytes that the entry gives.</param>
/// <param name="Crc">Their CRC-32.</param>
/// <param name="Start">Where the entry's bytes begin in the file, after its local header.</param>
/// <param name="Stored">The bytes that it takes there.</param>
internal sealed record ZipEntry(string Name, bool IsStored, long Length, uint Crc, long Start, long Stored);

/// <summary>Reads zip archives that may be damaged or hostile.</summary>
/// <remarks>
/// Opening inflates nothing and checks all entries: names, methods, lengths. No two may lie over the same bytes, which is how a
/// small file becomes an archive of any size. Reading takes one entry, holds it to the length and the checksum of the directory,
/// and takes memory as bytes arrive. The format is that of PKWARE's APPNOTE 6.3, with zip64, stored or deflated.
/// </remarks>
internal sealed class ZipReader
{
    private const int MostEntries = 250_000, MostPictureEntries = 1 << 24;
    private const int MostDirectory = 1 << 26, MostPictureDirectory = 1 << 30;
    private const int LocalLength = 30;
    private const uint LocalSignature = 0x04034B50;
    private const long LargestRatio = 1032; // Deflate's best: 258 bytes from 2 bits
    private const long MostInflated = 1L << 32;
    private const int FirstBuffer = 1 << 20;

    private readonly Stream _stream;
    private readonly OrderedDictionary<string, ZipEntry> _entries = new(StringComparer.Ordinal);
    private readonly long _mostInflated;
    private long _inflated;

    private ZipReader(Stream stream, long mostInflated) => (_stream, _mostInflated) = (stream, mostInflated);

    /// <summary>The entries by name, in the order of the directory.</summary>
    public IReadOnlyDictionary<string, ZipEntry> Entries => _entries;

    /// <summary>Reads and checks the directory.</summary>
    /// <param name="stream">The archive; it can seek, and stays the caller's.</param>
    /// <exception cref="InvalidDataException">The archive is damaged, hostile, or of a kind that is not read; the message is the
    /// end of a sentence about the file.</exception>
    /// <param name="pictures">Whether it is an archive of many small files that are read one by one: more entries are accepted,
    /// and their sum is not limited.</param>
    public static ZipReader Open(Stream stream, bool pictures = false)
    {
        var directory = ZipDirectory.Read(
            stream, pictures ? MostPictureEntries : MostEntries, pictures ? MostPictureDirectory : MostDirectory);
        var described = directory.Entries;
        var checkedEntries = new ZipEntry[described.Count];
        long free = 0;
        string before = "";
        foreach (int i in Enumerable.Range(0, described.Count).OrderBy(i => described[i].Offset))
        {
            var entry = described[i];
            string name = Printable.Quote(entry.Name);
            if (entry.Offset < free)
                throw new InvalidDataException($"its entries {before} and {name} lie over the same bytes");
            CheckKind(entry, name);
            long start = StartOf(stream, entry, directory.Offset, name);
            checkedEntries[i] = new ZipEntry(entry.Name, entry.Method == 0, entry.Length, entry.Crc, start, entry.Stored);
            (free, before) = (start + entry.Stored, name);
        }
        var zip = new ZipReader(stream, pictures ? long.MaxValue : MostInflated);
        foreach (var entry in checkedEntries)
        {
            if (!zip._entries.TryAdd(entry.Name, entry))
                throw new InvalidDataException($"it has the entry {Printable.Quote(entry.Name)} twice");
        }
        return zip;
    }

    /// <summary>The bytes of one entry.</summary>
    /// <param name="entry">An entry of this archive.</param>
    /// <exception cref="InvalidDataException">It is damaged or too large; the message is the end of a sentence.</exception>
    public byte[] Read(ZipEntry entry)
    {
        string name = Printable.Quote(entry.Name);
        if (entry.Length > Array.MaxLength)
            throw new InvalidDataException($"its entry {name} has 2 GiB or more, which cannot be read");
        if (!entry.IsStored && (_inflated += entry.Length) > _mostInflated)
            throw new InvalidDataException($"its entries, up to {name}, inflate to more than {_mostInflated >> 30} GiB");
        _stream.Position = entry.Start;
        byte[] bytes = entry.IsStored ? Stored(entry) : Inflated(entry, name);
        return Crc32.Of(bytes) == entry.Crc ? bytes : throw Damaged(name);
    }

    /// <summary>The bytes of a stored entry where they lie in the same file, mapped.</summary>
    /// <param name="entry">An entry of this archive; one that is not stored is read.</param>
    /// <param name="file">The file.</param>
    /// <param name="check">Whether they are held to their checksum, for which all are looked at.</param>
    /// <exception cref="InvalidDataException">It is damaged or too large; the message is the end of a sentence.</exception>
    public ReadOnlyMemory<byte> Read(ZipEntry entry, MappedFile file, bool check)
    {
        if (!entry.IsStored || entry.Length > Array.MaxLength)
            return Read(entry);
        var bytes = file.Bytes(entry.Start, (int)entry.Length);
        return !check || Crc32.Of(bytes.Span) == entry.Crc ? bytes : throw Damaged(Printable.Quote(entry.Name));
    }

    private static InvalidDataException Damaged(string name) =>
        new($"the checksum of its entry {name} is wrong: the file is damaged; get it again");

    private static void CheckKind(ZipDirectory.Entry entry, string name)
    {
        if (entry.IsEncrypted)
            throw new InvalidDataException($"its entry {name} is encrypted");
        if (entry.Method is not (0 or 8))
            throw new InvalidDataException(
                $"its entry {name} is compressed by the method {entry.Method}; stored and deflated ones are read");
        bool possible = entry.Method == 0 ? entry.Length == entry.Stored : entry.Length / LargestRatio <= entry.Stored;
        if (!possible)
            throw new InvalidDataException($"its entry {name} cannot have {entry.Length} bytes, as the archive states");
    }

    // The directory says where an entry's own header begins; that header says how long it is.
    private static long StartOf(Stream stream, ZipDirectory.Entry entry, long end, string name)
    {
        Span<byte> header = stackalloc byte[LocalLength];
        if (entry.Offset > end - LocalLength)
            throw new InvalidDataException($"its entry {name} lies outside the file");
        stream.Position = entry.Offset;
        stream.ReadExactly(header);
        int nameLength = BinaryPrimitives.ReadUInt16LittleEndian(header[26..]);
        long start = entry.Offset + LocalLength + nameLength + BinaryPrimitives.ReadUInt16LittleEndian(header[28..]);
        if (BinaryPrimitives.ReadUInt32LittleEndian(header) != LocalSignature)
            throw new InvalidDataException($"its entry {name} is not where the directory says");
        if (start > end || entry.Stored > end - start)
            throw new InvalidDataException($"its entry {name} lies outside the file");
        byte[] local = new byte[nameLength];
        stream.ReadExactly(local);
        if (!local.AsSpan().SequenceEqual(entry.NameBytes.Span))
            throw new InvalidDataException(
                $"its entry {name} has another name, {Printable.Quote(Encoding.UTF8.GetString(local))}, in its own header");
        return start;
    }

    private byte[] Stored(ZipEntry entry)
    {
        byte[] bytes = GC.AllocateUninitializedArray<byte>((int)entry.Length); // not more than the file has
        _stream.ReadExactly(bytes);
        return bytes;
    }

    /// <summary>Inflates into arrays that grow with what has really arrived.</summary>
    private byte[] Inflated(ZipEntry entry, string name)
    {
        int length = (int)entry.Length;
        using var inflate = new DeflateStream(_stream, CompressionMode.Decompress, leaveOpen: true);
        var bytes = new byte[Math.Min(length, FirstBuffer)];
        try
        {
            for (int filled = 0; filled < length;)
            {
                if (filled == bytes.Length)
                    Array.Resize(ref bytes, (int)Math.Min(length, 2L * bytes.Length));
                int read = inflate.Read(bytes, filled, bytes.Length - filled);
                if (read == 0)
                    throw new InvalidDataException($"it ends after {filled} of {length} bytes");
                filled += read;
            }
            return inflate.ReadByte() < 0 ? bytes
                : throw new InvalidDataException($"it goes on after the {length} bytes that the archive states");
        }
        catch (InvalidDataException e)
        {
            throw new InvalidDataException($"its entry {name} is damaged: {Printable.Line(e.Message).TrimEnd('.')}", e);
        }
    }
}
