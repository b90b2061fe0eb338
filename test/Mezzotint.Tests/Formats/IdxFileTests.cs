using System.IO.Compression;
using CsCheck;
using Mezzotint.Formats;
using Mezzotint.Tests.Data;

namespace Mezzotint.Tests.Formats;

public class IdxFileTests
{
    /// <summary>Written out by hand from the description of the format: 2 x 3 bytes.</summary>
    private static readonly byte[] TwoByThree = [0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3, 10, 20, 30, 40, 50, 60];

    private static byte[] Gzip(byte[] bytes)
    {
        using var memory = new MemoryStream();
        using (var stream = new GZipStream(memory, CompressionLevel.Fastest))
            stream.Write(bytes);
        return memory.ToArray();
    }

    private static string MessageOf(byte[] bytes)
    {
        using var folder = new ScratchFolder();
        string path = folder.Write(bytes, "file");
        string message = Assert.Throws<MezzotintException>(() => IdxFile.Read(path)).Message;
        Assert.Contains(path, message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', message);
        return message;
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Read_gives_shape_and_values_plain_or_gzipped_whatever_the_name(bool gzipped)
    {
        using var folder = new ScratchFolder();
        var (shape, values) =
            IdxFile.Read(folder.Write(gzipped ? Gzip(TwoByThree) : TwoByThree, gzipped ? "plain-by-name" : "zipped-by-name.gz"));
        Assert.Equal([2, 3], shape);
        Assert.Equal([10, 20, 30, 40, 50, 60], values);
    }

    [Fact]
    public void Write_makes_exactly_the_bytes_of_the_format()
    {
        using var folder = new ScratchFolder();
        IdxFile.Write(folder["plain"], [2, 3], [10, 20, 30, 40, 50, 60]);
        Assert.Equal(TwoByThree, File.ReadAllBytes(folder["plain"]));
        IdxFile.Write(folder["zipped.gz"], [2, 3], [10, 20, 30, 40, 50, 60]);
        Assert.Equal([0x1f, 0x8b], File.ReadAllBytes(folder["zipped.gz"])[..2]);
    }

    [Fact]
    public void What_is_written_is_read_back()
    {
        using var folder = new ScratchFolder();
        Gen.Select(Gen.Int[0, 9].Array[1, 4], Gen.Bool, Gen.Int).Sample((shape, gzipped, seed) =>
        {
            byte[] values = new byte[shape.Aggregate(1, (a, b) => a * b)];
            new Random(seed).NextBytes(values);
            string path = folder[gzipped ? "file.gz" : "file"];
            IdxFile.Write(path, shape, values);
            var (readShape, readValues) = IdxFile.Read(path);
            Assert.Equal(shape, readShape);
            Assert.Equal(values, readValues);
        }, iter: 300, threads: 1);
    }

    [Fact]
    public void A_gzipped_file_larger_than_the_first_buffer_is_read_whole()
    {
        using var folder = new ScratchFolder();
        byte[] values = new byte[300_001];
        new Random(1).NextBytes(values);
        IdxFile.Write(folder["large.gz"], [values.Length], values);
        Assert.Equal(values, IdxFile.Read(folder["large.gz"]).Values);
    }

    [Fact]
    public void Wrong_lengths_name_what_is_expected_and_what_is_found()
    {
        Assert.Contains("claims 2 x 3 = 6 bytes, but 5 are there", MessageOf(TwoByThree[..^1]), StringComparison.Ordinal);
        Assert.Contains("claims 2 x 3 = 6 bytes, but 7 are there", MessageOf([.. TwoByThree, 0]), StringComparison.Ordinal);
        Assert.Contains(
            "needs 18 bytes, but its gzip trailer says 17", MessageOf(Gzip(TwoByThree[..^1])), StringComparison.Ordinal);
        Assert.Contains(
            "needs 18 bytes, but its gzip trailer says 19", MessageOf(Gzip([.. TwoByThree, 0])), StringComparison.Ordinal);
    }

    [Fact]
    public void Every_truncation_is_refused_plain_and_gzipped()
    {
        byte[] gzipped = Gzip(TwoByThree);
        for (int length = 0; length < TwoByThree.Length; length++)
            MessageOf(TwoByThree[..length]);
        for (int length = 0; length < gzipped.Length; length++)
            MessageOf(gzipped[..length]);
    }

    [Fact]
    public void Bytes_after_a_gzip_stream_are_refused()
    {
        MessageOf([.. Gzip(TwoByThree), 1, 2, 3, 4]);
        MessageOf([.. Gzip(TwoByThree), .. Gzip(TwoByThree)]);
    }

    [Fact]
    public void A_wrong_checksum_is_refused()
    {
        byte[] gzipped = Gzip(TwoByThree);
        gzipped[^8] ^= 1; // CRC-32 comes before the length
        Assert.Contains("gzip stream is damaged", MessageOf(gzipped), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0x09, "signed bytes")]
    [InlineData(0x0B, "16-bit integers")]
    [InlineData(0x0C, "32-bit integers")]
    [InlineData(0x0D, "32-bit floats")]
    [InlineData(0x0E, "64-bit floats")]
    [InlineData(0x07, "unknown type (0x07)")]
    public void Other_types_are_refused_by_name(byte type, string name) =>
        Assert.Contains(name, MessageOf([0, 0, type, 1, 0, 0, 0, 1, 5]), StringComparison.Ordinal);

    [Fact]
    public void Other_ranks_and_other_files_are_refused()
    {
        Assert.Contains("has 0 dimensions", MessageOf([0, 0, 8, 0, 1]), StringComparison.Ordinal);
        Assert.Contains("has 5 dimensions", MessageOf([0, 0, 8, 5, .. new byte[30]]), StringComparison.Ordinal);
        Assert.Contains("begins with 89 50", MessageOf([0x89, 0x50, 0x4e, 0x47]), StringComparison.Ordinal);
        Assert.Contains("is truncated", MessageOf([]), StringComparison.Ordinal);
    }

    [Fact]
    public void Lengths_whose_product_overflows_are_refused()
    {
        // 65536^4 = 2^64 is 0 in 64 bits, and 2^31 alone is no int.
        Assert.Contains(
            "= 18446744073709551616 bytes; at most", MessageOf([0, 0, 8, 4, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0]),
            StringComparison.Ordinal);
        Assert.Contains(
            "dimension 1 claims a length of 2147483648", MessageOf([0, 0, 8, 2, 0x80, 0, 0, 0, 0, 0, 0, 0]),
            StringComparison.Ordinal);
    }

    [Fact]
    public void Missing_files_and_folders_are_refused()
    {
        using var folder = new ScratchFolder();
        Assert.Contains(
            "Cannot read", Assert.Throws<MezzotintException>(() => IdxFile.Read(folder["none"])).Message,
            StringComparison.Ordinal);
        Assert.Contains(
            "Cannot read", Assert.Throws<MezzotintException>(() => IdxFile.Read(folder.Path)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_header_that_claims_gigabytes_costs_no_memory()
    {
        byte[] lying = [0, 0, 8, 1, 0x7f, 0xff, 0xff, 0x00, 1, 2, 3];
        Assert.InRange(AllocatedBy(() => MessageOf(lying)), 0, 1 << 18);
        byte[] zipped = Gzip(lying);
        Assert.Contains("at most", MessageOf(zipped), StringComparison.Ordinal);
        Assert.InRange(AllocatedBy(() => MessageOf(zipped)), 0, 1 << 18);
    }

    [Fact]
    public void A_gzip_bomb_behind_a_small_claim_is_not_unpacked()
    {
        byte[] bomb = Gzip([0, 0, 8, 1, 0, 0, 0, 100, .. new byte[50_000_000]]);
        BitConverter.TryWriteBytes(bomb.AsSpan(bomb.Length - 4), 108); // the trailer lies as the header does
        string message = "";
        Assert.InRange(AllocatedBy(() => message = MessageOf(bomb)), 0, 1 << 18);
        Assert.Contains("but more are there", message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_large_claim_over_a_short_stream_allocates_only_what_arrives()
    {
        // 60 kB that do not compress could hold 60 MB by the ratio alone; the claim of 50 MB is found out after 60 kB.
        byte[] noise = new byte[60_000];
        new Random(3).NextBytes(noise);
        byte[] lying = Gzip([0, 0, 8, 1, 0x03, 0, 0, 0, .. noise]);
        BitConverter.TryWriteBytes(lying.AsSpan(lying.Length - 4), 0x03000008);
        Assert.InRange(AllocatedBy(() => MessageOf(lying)), 0, 1 << 20);
    }

    [Fact]
    public void Any_bytes_are_read_or_refused_in_bounded_memory()
    {
        using var folder = new ScratchFolder();
        string path = folder["fuzz"];
        var header = Gen.Select(Gen.Byte[0, 1], Gen.Byte[0, 1], Gen.OneOf(Gen.Const((byte)8), Gen.Byte), Gen.Byte[0, 5],
            (a, b, type, rank) => new[] { a, b, type, rank });
        var length = Gen.OneOf(Gen.Byte[0, 4].Select(b => new byte[] { 0, 0, 0, b }), Gen.Byte.Array[4]);
        var idx = Gen.Select(
            header, length.Array[0, 5], Gen.Byte.Array[0, 80],
            (start, lengths, rest) => (byte[])[.. start, .. lengths.SelectMany(l => l), .. rest]);
        var valid = Gen.Int[0, 5].Array[1, 4].Select(shape =>
            (byte[])[
                0, 0, 8, (byte)shape.Length, .. shape.SelectMany(n => new byte[] { 0, 0, 0, (byte)n }),
                .. new byte[shape.Aggregate(1, (a, b) => a * b)]]);
        static byte[] Damage(byte[] bytes, int at, int cut, byte value)
        {
            byte[] damaged = [.. bytes];
            damaged[at % bytes.Length] = value;
            return cut % 3 == 0 ? damaged[..(cut % bytes.Length)] : damaged;
        }
        var damaged = Gen.Select(valid, Gen.Int[0, 120], Gen.Int[0, 120], Gen.Byte, Damage);
        var damagedGzip = Gen.Select(valid.Select(Gzip), Gen.Int[0, 120], Gen.Int[0, 120], Gen.Byte, Damage);
        var garbage = Gen.Byte.Array[0, 60].Select(bytes => (byte[])[0x1f, 0x8b, .. bytes]);
        var deflateGarbage = Gen.Byte.Array[10, 80].Select(bytes => (byte[])[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, .. bytes]);
        int read = 0;
        Gen.OneOf(
            idx, idx.Select(Gzip), valid, valid.Select(Gzip), damaged, damagedGzip, garbage, deflateGarbage,
            Gen.Byte.Array[0, 40]).Sample(bytes =>
        {
            File.WriteAllBytes(path, bytes);
            long allocated = AllocatedBy(() =>
            {
                try
                {
                    var (shape, values) = IdxFile.Read(path);
                    Assert.Equal(shape.Aggregate(1L, (a, b) => a * b), values.Length);
                    read++;
                }
                catch (MezzotintException)
                {
                    // Refused in words is as good as read.
                }
            });
            Assert.InRange(allocated, 0, 1 << 20);
        }, iter: 5_000, threads: 1);
        Assert.InRange(read, 1000, 4000); // or the test reaches only one side
    }

    private static long AllocatedBy(Action action)
    {
        long before = GC.GetAllocatedBytesForCurrentThread();
        action();
        return GC.GetAllocatedBytesForCurrentThread() - before;
    }
}
