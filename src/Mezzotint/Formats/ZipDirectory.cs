using System.Buffers.Binary;
using System.Text;

namespace Mezzotint.Formats;

/// <summary>The directory at the end of a zip archive: what it says of the entries, and where it lies itself.</summary>
/// <remarks>Whether the entries are as it says is checked by <see cref="ZipReader"/>.</remarks>
internal sealed class ZipDirectory
{
    private const int EndLength = 22, End64Length = 56, LocatorLength = 20, EntryLength = 46;
    private const uint EndSignature = 0x06054B50, End64Signature = 0x06064B50, LocatorSignature = 0x07064B50;
    private const uint EntrySignature = 0x02014B50;

    private ZipDirectory(long offset, List<Entry> entries) => (Offset, Entries) = (offset, entries);

    /// <summary>An entry: its name, how it is kept, where its own header begins, and the bytes it takes after that.</summary>
    public sealed record Entry(
        string Name, ReadOnlyMemory<byte> NameBytes, bool IsEncrypted, int Method, uint Crc, long Stored, long Length,
        long Offset);

    /// <summary>Where the directory begins; all entries lie before it.</summary>
    public long Offset { get; }

    /// <summary>The entries, in the order of the directory.</summary>
    public IReadOnlyList<Entry> Entries { get; }

    /// <summary>Finds and reads the directory.</summary>
    /// <exception cref="InvalidDataException">There is none, or it is damaged; the message is the end of a sentence.</exception>
    public static ZipDirectory Read(Stream stream, int mostEntries, int mostBytes)
    {
        var (count, length, offset, end) = Find(stream);
        if (count > (ulong)mostEntries)
            throw new InvalidDataException($"it has {count} entries, more than {mostEntries}");
        if (offset > (ulong)end || length > (ulong)end - offset || length > (ulong)mostBytes)
            throw new InvalidDataException(
                "its directory is not where the end of the file says: it is cut off or damaged; get it again");
        stream.Position = (long)offset;
        byte[] bytes = new byte[length];
        stream.ReadExactly(bytes);
        var entries = new List<Entry>((int)Math.Min(count, length / EntryLength));
        for (int at = 0; at < bytes.Length;)
            entries.Add(ReadEntry(bytes, ref at));
        if ((ulong)entries.Count != count)
            throw new InvalidDataException($"its directory has {entries.Count} entries, but claims {count}");
        return new ZipDirectory((long)offset, entries);
    }

    // The end record is the last one in the file whose comment ends with the file.
    private static (ulong Count, ulong Length, ulong Offset, long End) Find(Stream stream)
    {
        byte[] tail = new byte[Math.Min(stream.Length, EndLength + ushort.MaxValue)];
        stream.Position = stream.Length - tail.Length;
        stream.ReadExactly(tail);
        int at = tail.Length - EndLength;
        while (at >= 0 && !(UInt32(tail, at) == EndSignature && at + EndLength + UInt16(tail, at + 20) == tail.Length))
            at--;
        if (at < 0)
            throw new InvalidDataException("it has no directory at its end; it is no zip archive, or cut off");
        long end = stream.Length - tail.Length + at;
        uint count = (uint)UInt16(tail, at + 10), length = UInt32(tail, at + 12), offset = UInt32(tail, at + 16);
        if (count == ushort.MaxValue || length == uint.MaxValue || offset == uint.MaxValue)
            return Find64(stream, end) ?? (count, length, offset, end);
        if (UInt16(tail, at + 4) != 0 || UInt16(tail, at + 8) != count)
            throw new InvalidDataException("it is one part of several, which are not read");
        return (count, length, offset, end);
    }

    // What does not fit into the end record is in another one, which a locator before it points at.
    private static (ulong Count, ulong Length, ulong Offset, long End)? Find64(Stream stream, long end)
    {
        byte[] record = new byte[End64Length];
        if (end < LocatorLength + End64Length)
            return null;
        stream.Position = end - LocatorLength;
        stream.ReadExactly(record.AsSpan(0, LocatorLength));
        if (UInt32(record, 0) != LocatorSignature)
            return null;
        ulong start = UInt64(record, 8);
        if (start > (ulong)(end - LocatorLength - End64Length))
            throw new InvalidDataException("the end of its directory (zip64) lies outside the file");
        stream.Position = (long)start;
        stream.ReadExactly(record);
        if (UInt32(record, 0) != End64Signature)
            throw new InvalidDataException("the end of its directory (zip64) is not where it should be");
        ulong count = UInt64(record, 32);
        if (UInt32(record, 16) != 0 || UInt64(record, 24) != count)
            throw new InvalidDataException("it is one part of several, which are not read");
        return (count, UInt64(record, 40), UInt64(record, 48), (long)start);
    }

    private static Entry ReadEntry(byte[] bytes, ref int at)
    {
        if (bytes.Length - at < EntryLength || UInt32(bytes, at) != EntrySignature)
            throw new InvalidDataException("its directory is damaged; get it again");
        int nameLength = UInt16(bytes, at + 28), extraLength = UInt16(bytes, at + 30);
        int next = at + EntryLength + nameLength + extraLength + UInt16(bytes, at + 32);
        if (next > bytes.Length)
            throw new InvalidDataException("its directory is damaged; get it again");
        var nameBytes = bytes.AsMemory(at + EntryLength, nameLength);
        string name = Encoding.UTF8.GetString(nameBytes.Span);
        if (name.Length == 0)
            throw new InvalidDataException("it has an entry without a name");
        var extra = bytes.AsSpan(at + EntryLength + nameLength, extraLength);
        ulong stored = UInt32(bytes, at + 20), length = UInt32(bytes, at + 24), offset = UInt32(bytes, at + 42);
        var large = Zip64(extra);
        TakeLarge(ref length, ref large);
        TakeLarge(ref stored, ref large);
        TakeLarge(ref offset, ref large);
        if (stored > long.MaxValue || length > long.MaxValue || offset > long.MaxValue)
            throw new InvalidDataException($"its entry {Printable.Quote(name)} claims more bytes than a file can have");
        int flags = UInt16(bytes, at + 8);
        var entry = new Entry(
            name, nameBytes, (flags & 1) != 0, UInt16(bytes, at + 10), UInt32(bytes, at + 16), (long)stored, (long)length,
            (long)offset);
        at = next;
        return entry;
    }

    // The extra field 1 has the 64-bit values of those that are all ones in 32 bits, in this order.
    private static ReadOnlySpan<byte> Zip64(ReadOnlySpan<byte> extra)
    {
        while (extra.Length >= 4)
        {
            int length = BinaryPrimitives.ReadUInt16LittleEndian(extra[2..]);
            if (length > extra.Length - 4)
                break;
            if (BinaryPrimitives.ReadUInt16LittleEndian(extra) == 1)
                return extra.Slice(4, length);
            extra = extra[(4 + length)..];
        }
        return default;
    }

    private static void TakeLarge(ref ulong value, ref ReadOnlySpan<byte> large)
    {
        if (value != uint.MaxValue || large.Length < 8)
            return;
        value = BinaryPrimitives.ReadUInt64LittleEndian(large);
        large = large[8..];
    }

    private static int UInt16(byte[] bytes, int at) => BinaryPrimitives.ReadUInt16LittleEndian(bytes.AsSpan(at));

    private static uint UInt32(byte[] bytes, int at) => BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(at));

    private static ulong UInt64(byte[] bytes, int at) => BinaryPrimitives.ReadUInt64LittleEndian(bytes.AsSpan(at));
}
