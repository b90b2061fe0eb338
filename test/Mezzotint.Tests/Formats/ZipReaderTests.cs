using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;
using CsCheck;
using Mezzotint.Formats;

namespace Mezzotint.Tests.Formats;

public sealed class ZipReaderTests
{
    private const int DirectoryEntryLength = 46;

    [Fact]
    public void What_dotnet_writes_comes_back()
    {
        var gen = Gen.Select(Gen.String[Gen.Char.AlphaNumeric, 1, 9], Gen.Byte.Array[0, 300], Gen.Bool).List[0, 9];
        gen.Sample(entries =>
        {
            var named = entries.DistinctBy(entry => entry.Item1).ToList();
            using var stream = new MemoryStream();
            using (var zip = new ZipArchive(stream, ZipArchiveMode.Create, leaveOpen: true))
                foreach (var (name, bytes, stored) in named)
                    Add(zip, name, bytes, stored ? CompressionLevel.NoCompression : CompressionLevel.Optimal);
            var reader = ZipReader.Open(stream);
            Assert.Equal(named.Select(entry => entry.Item1), reader.Entries.Keys);
            foreach (var (name, bytes, _) in named)
                Assert.Equal(bytes, reader.Read(reader.Entries[name]));
        }, iter: 300, threads: 1);
    }

    // What is written to a stream that cannot seek has its lengths behind the bytes, and zeros in its own header.
    [Fact]
    public void Lengths_behind_the_bytes_are_read()
    {
        using var stream = new MemoryStream();
        using (var zip = new ZipArchive(new ForwardStream(stream), ZipArchiveMode.Create))
        {
            Add(zip, "a", new byte[5000], CompressionLevel.Optimal);
            Add(zip, "ä", [1, 2, 3], CompressionLevel.Optimal);
        }
        var reader = ZipReader.Open(new MemoryStream(stream.ToArray()));
        Assert.Equal(new byte[5000], reader.Read(reader.Entries["a"]));
        Assert.Equal([1, 2, 3], reader.Read(reader.Entries["ä"]));
    }

    [Fact]
    public void A_comment_at_the_end_is_passed_over()
    {
        using var stream = new MemoryStream();
        using (var zip = new ZipArchive(stream, ZipArchiveMode.Create, leaveOpen: true))
        {
            Add(zip, "a", [7], CompressionLevel.NoCompression);
            zip.Comment = "PK\u0005\u0006, which is no end record";
        }
        Assert.Equal(["a"], ZipReader.Open(stream).Entries.Keys);
    }

    // The directory of such an archive needs zip64, since its offsets take more than 32 bits.
    [Fact]
    public void An_entry_beyond_4_GiB_is_read()
    {
        const long place = 5L << 30;
        byte[] archive = Archive(("far", [1, 2, 3]));
        int directory = Directory(archive);
        int end = archive.Length - 22;
        byte[] entry = [.. archive[directory..end], 1, 0, 8, 0, .. BitConverter.GetBytes(place)];
        BinaryPrimitives.WriteUInt16LittleEndian(entry.AsSpan(30), 12);
        BinaryPrimitives.WriteUInt32LittleEndian(entry.AsSpan(42), uint.MaxValue);
        byte[] end64 = new byte[56];
        "PK\u0006\u0006"u8.CopyTo(end64);
        BinaryPrimitives.WriteInt64LittleEndian(end64.AsSpan(4), 44);
        BinaryPrimitives.WriteInt64LittleEndian(end64.AsSpan(24), 1);
        BinaryPrimitives.WriteInt64LittleEndian(end64.AsSpan(32), 1);
        BinaryPrimitives.WriteInt64LittleEndian(end64.AsSpan(40), entry.Length);
        BinaryPrimitives.WriteInt64LittleEndian(end64.AsSpan(48), place + directory);
        long place64 = place + directory + entry.Length;
        byte[] locator = [.. "PK\u0006\u0007"u8, 0, 0, 0, 0, .. BitConverter.GetBytes(place64), 1, 0, 0, 0];
        byte[] last = archive[end..];
        last.AsSpan(16, 4).Fill(0xFF);
        var reader = ZipReader.Open(new FarStream(place, [.. archive[..directory], .. entry, .. end64, .. locator, .. last]));
        Assert.Equal([1, 2, 3], reader.Read(reader.Entries["far"]));
    }

    [Fact]
    public void Entries_over_the_same_bytes_are_refused()
    {
        // Both entries of the directory point at the first one's bytes.
        byte[] twice = Archive(("a", [1, 2, 3]), ("b", [1, 2, 3]));
        int second = Directory(twice) + DirectoryEntryLength + 1;
        BinaryPrimitives.WriteInt32LittleEndian(twice.AsSpan(second + 42), 0);
        Refused("its entries 'a' and 'b' lie over the same bytes", twice);

        // The second lies, header and all, within the bytes of the first: no sum of lengths gives it away where the file is long.
        byte[] inner = Archive(("b", [9, 9, 9]));
        byte[] nested = Archive(("a", inner[..Directory(inner)]), ("b", [9, 9, 9]), ("filler", new byte[1000]));
        second = Directory(nested) + DirectoryEntryLength + 1;
        BinaryPrimitives.WriteInt32LittleEndian(nested.AsSpan(second + 42), 31);
        Refused("its entries 'a' and 'b' lie over the same bytes", nested);
    }

    [Fact]
    public void Only_what_is_read_is_inflated()
    {
        byte[] archive = Archive(CompressionLevel.Optimal, ("zeros", new byte[20_000_000]), ("small", [1]));
        long before = GC.GetAllocatedBytesForCurrentThread();
        var reader = ZipReader.Open(new MemoryStream(archive));
        Assert.Equal([1], reader.Read(reader.Entries["small"]));
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1 << 20);
    }

    // Five entries that state 1 GiB each, and are long enough in the file for that.
    [Fact]
    public void Entries_that_are_read_inflate_to_no_more_than_4_GiB_together()
    {
        byte[] noise = new byte[1_100_000];
        new Random(1).NextBytes(noise);
        string[] names = ["a", "b", "c", "d", "e"];
        byte[] archive = Archive(CompressionLevel.Optimal, [.. names.Select(name => (name, noise))]);
        int at = Directory(archive);
        foreach (string _ in names)
        {
            BinaryPrimitives.WriteInt32LittleEndian(archive.AsSpan(at + 24), 1 << 30);
            at += DirectoryEntryLength + 1;
        }
        var reader = ZipReader.Open(new MemoryStream(archive));
        foreach (string name in names[..4])
            Assert.Contains(
                "ends after 1100000 of 1073741824 bytes", Fault(() => reader.Read(reader.Entries[name])),
                StringComparison.Ordinal);
        Assert.Equal("its entries, up to 'e', inflate to more than 4 GiB", Fault(() => reader.Read(reader.Entries["e"])));
    }

    [Theory]
    [InlineData(8, 1, "its entry 'a' is encrypted")]
    [InlineData(10, 12, "compressed by the method 12")]
    [InlineData(24, 4, "cannot have 4 bytes")]
    [InlineData(20, 200, "cannot have 3 bytes")]
    [InlineData(42, 200, "outside the file")]
    [InlineData(42, 3, "not where the directory says")]
    [InlineData(46, 'x', "has another name, 'a', in its own header")]
    [InlineData(28, 200, "directory is damaged")]
    [InlineData(28, 0, "without a name")]
    [InlineData(0, 0, "directory is damaged")]
    public void A_directory_that_lies_is_refused(int field, int value, string fault)
    {
        byte[] archive = Archive(("a", [1, 2, 3]));
        archive[Directory(archive) + field] = (byte)value;
        Refused(fault, archive);
    }

    [Theory]
    [InlineData(4, 1, "one part of several")]
    [InlineData(8, 9, "one part of several")]
    [InlineData(12, 200, "not where the end of the file says")]
    [InlineData(16, 200, "not where the end of the file says")]
    [InlineData(20, 1, "no directory at its end")]
    public void An_end_record_that_lies_is_refused(int field, int value, string fault)
    {
        byte[] archive = Archive(("a", [1, 2, 3]));
        archive[archive.Length - 22 + field] = (byte)value;
        Refused(fault, archive);
    }

    [Fact]
    public void A_directory_of_fewer_entries_than_it_claims_is_refused()
    {
        byte[] archive = Archive(("a", [1, 2, 3]));
        archive[^14] = archive[^12] = 2;
        Refused("has 1 entries, but claims 2", archive);
    }

    [Fact]
    public void Names_used_twice_are_refused() => Refused("it has the entry 'a' twice", Archive(("a", [1]), ("a", [2])));

    [Fact]
    public void A_changed_byte_of_an_entry_is_noticed()
    {
        byte[] archive = Archive(("a", [1, 2, 3]));
        archive[31] ^= 1;
        var reader = ZipReader.Open(new MemoryStream(archive));
        Assert.StartsWith(
            "the checksum of its entry 'a' is wrong", Fault(() => reader.Read(reader.Entries["a"])), StringComparison.Ordinal);
    }

    [Fact]
    public void Damaged_archives_are_read_or_refused()
    {
        byte[] archive = Archive(
            CompressionLevel.Optimal, ("a", new byte[50]), ("b", [1, 2, 3]), ("name", "some text"u8.ToArray()));
        Damage.Check(archive, ReadAll, cases: 20_000);
        Damage.CheckTruncations(archive, ReadAll);
    }

    private static void ReadAll(byte[] archive)
    {
        try
        {
            var reader = ZipReader.Open(new MemoryStream(archive));
            foreach (var entry in reader.Entries.Values)
                reader.Read(entry);
        }
        catch (InvalidDataException e)
        {
            throw new MezzotintException(e.Message, e);
        }
    }

    private static void Refused(string fault, byte[] archive)
    {
        string message = Fault(() => ZipReader.Open(new MemoryStream(archive)));
        Assert.Contains(fault, message, StringComparison.Ordinal);
        Assert.False(Damage.MustSurvive(archive, ReadAll));
    }

    private static string Fault(Action read) => Assert.Throws<InvalidDataException>(read).Message;

    private static int Directory(byte[] archive) => BinaryPrimitives.ReadInt32LittleEndian(archive.AsSpan(archive.Length - 6));

    private static byte[] Archive(params (string Name, byte[] Bytes)[] entries) =>
        Archive(CompressionLevel.NoCompression, entries);

    private static byte[] Archive(CompressionLevel level, params (string Name, byte[] Bytes)[] entries)
    {
        using var stream = new MemoryStream();
        using (var zip = new ZipArchive(stream, ZipArchiveMode.Create, leaveOpen: true, Encoding.UTF8))
            foreach (var (name, bytes) in entries)
                Add(zip, name, bytes, level);
        return stream.ToArray();
    }

    private static void Add(ZipArchive zip, string name, byte[] bytes, CompressionLevel level)
    {
        using Stream entry = zip.CreateEntry(name, level).Open();
        entry.Write(bytes);
    }

    /// <summary>A stream that only goes forward.</summary>
    private sealed class ForwardStream(Stream inner) : Stream
    {
        public override bool CanRead => false;
        public override bool CanSeek => false;
        public override bool CanWrite => true;
        public override long Length => throw new NotSupportedException();
        public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }
        public override void Flush() => inner.Flush();
        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();
        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();
        public override void SetLength(long value) => throw new NotSupportedException();
        public override void Write(byte[] buffer, int offset, int count) => inner.Write(buffer, offset, count);
    }

    /// <summary>Zeros up to a place, then these bytes.</summary>
    private sealed class FarStream(long place, byte[] bytes) : Stream
    {
        public override bool CanRead => true;
        public override bool CanSeek => true;
        public override bool CanWrite => false;
        public override long Length => place + bytes.Length;
        public override long Position { get; set; }
        public override void Flush() { }
        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();
        public override void SetLength(long value) => throw new NotSupportedException();
        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override int Read(byte[] buffer, int offset, int count)
        {
            count = (int)Math.Min(count, Length - Position);
            for (int i = 0; i < count; i++, Position++)
                buffer[offset + i] = Position < place ? (byte)0 : bytes[Position - place];
            return count;
        }
    }
}
