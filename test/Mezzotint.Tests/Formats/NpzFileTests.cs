using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;
using CsCheck;
using Mezzotint.Formats;

namespace Mezzotint.Tests.Formats;

public sealed class NpzFileTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private const string Header2x3 = "{'descr': '|u1', 'fortran_order': False, 'shape': (2, 3), }";

    // From NumPy enhancement proposal 1: the elements begin at byte 128, the next multiple of 64, so the header takes 118 bytes.
    [Fact]
    public void An_array_is_spelled_as_the_specification_says()
    {
        byte[] expected =
        [
            0x93, .. "NUMPY"u8, 1, 0, 118, 0, .. Encoding.ASCII.GetBytes(Header2x3.PadRight(117)), (byte)'\n', 1, 2, 3, 4, 5, 6,
        ];
        Assert.Equal(expected, Bytes(NpyArray.Of([1, 2, 3, 4, 5, 6], 2, 3)));
    }

    [Fact]
    public void Each_type_and_rank_has_its_header()
    {
        Assert.Contains(
            "'<i8', 'fortran_order': False, 'shape': (2,), }", Encoding.Latin1.GetString(Bytes(NpyArray.Of([1L, 2], 2))),
            StringComparison.Ordinal);
        Assert.Contains(
            "'<f4', 'fortran_order': False, 'shape': (), }", Encoding.Latin1.GetString(Bytes(NpyArray.Of([1f]))),
            StringComparison.Ordinal);
        Assert.Equal([0, 0, 0xC0, 0x3F], Bytes(NpyArray.Of([1.5f]))[^4..]);
        Assert.Equal([0xFE, 255, 255, 255, 255, 255, 255, 255], Bytes(NpyArray.Of([-2L], 1))[^8..]);
        Assert.All([NpyArray.Of([1f]), NpyArray.Of([1L], 1, 1, 1, 1), NpyArray.Of(ReadOnlySpan<byte>.Empty, 0, 3)],
            array => Assert.Equal(array.Bytes.Length % 64, Bytes(array).Length % 64));
    }

    [Fact]
    public void Written_arrays_come_back()
    {
        string path = _folder.File("arrays.npz");
        (
            from images in Gen.Byte.Array[0, 60] from labels in Gen.Long.Array[0, 60] from values in Gen.Float.Array[
                0, 60] select (images, labels, values)).Sample(
            (images, labels, values) =>
            {
                NpzFile.Write(
                    path, ("images", NpyArray.Of(images, images.Length, 1)), ("labels", NpyArray.Of(labels, labels.Length)),
                    ("values", NpyArray.Of(values, 1, values.Length)));
                IReadOnlyDictionary<string, TensorData> read = NpzFile.Read(path);
                Assert.Equal(["images", "labels", "values"], read.Keys);
                AssertSame(NpyArray.Of(images, images.Length, 1), read["images"]);
                AssertSame(NpyArray.Of(labels, labels.Length), read["labels"]);
                AssertSame(NpyArray.Of(values, 1, values.Length), read["values"]);
            }, iter: 100, threads: 1);
    }

    [Fact]
    public void Large_entries_come_back_whole()
    {
        byte[] bytes = new byte[3_000_001];
        new Random(1).NextBytes(bytes);
        NpzFile.Write(
            _folder.File("large.npz"), ("noise", NpyArray.Of(bytes, bytes.Length)),
            ("zeros", NpyArray.Of(new byte[5_000_000], 5_000_000)));
        IReadOnlyDictionary<string, TensorData> read = NpzFile.Read(_folder.File("large.npz"));
        Assert.True(read["noise"].Bytes.Span.SequenceEqual(bytes));
        Assert.Equal(5_000_000, read["zeros"].Bytes.Length);
        Assert.False(read["zeros"].Bytes.Span.ContainsAnyExcept((byte)0));
    }

    [Fact]
    public void Equal_arrays_make_equal_files()
    {
        NpzFile.Write(_folder.File("a.npz"), ("images", NpyArray.Of([1, 2], 2)));
        NpzFile.Write(_folder.File("b.npz"), ("images", NpyArray.Of([1, 2], 2)));
        Assert.Equal(File.ReadAllBytes(_folder.File("a.npz")), File.ReadAllBytes(_folder.File("b.npz")));
    }

    [Fact]
    public void Arrays_that_cannot_be_written_are_refused()
    {
        Assert.Throws<ArgumentException>("shape", () => NpyArray.Of([1, 2], 3));
        Assert.Throws<ArgumentException>("shape", () => NpyArray.Of([1, 2], -1, -2));
        Assert.Throws<ArgumentException>(
            "array", () => NpyArray.Write(Stream.Null, new TensorData(ElementType.BFloat16, [1], new byte[2])));
        Assert.Throws<ArgumentException>(
            "array", () => NpyArray.Write(Stream.Null, new TensorData(ElementType.Int64, [1], new byte[2])));
        Assert.Throws<ArgumentException>(
            "arrays", () => NpzFile.Write(_folder.File("a.npz"), ("a", NpyArray.Of([1], 1)), ("a", NpyArray.Of([1], 1))));
        Assert.Empty(Directory.GetFiles(_folder.Name));
    }

    [Theory]
    [InlineData("{'shape': (2, 3), 'descr': '|u1', 'fortran_order': False}\n")]
    [InlineData("{\"descr\":\"|u1\",\"fortran_order\":False,\"shape\":(2,3,)}   \n")]
    [InlineData(Header2x3 + "                                                     \n")]
    public void Headers_that_NumPy_reads_are_read(string header)
    {
        Assert.Equal([2, 3], NpyArray.Read(Npy(header, 6)).Shape);
    }

    [Theory]
    [InlineData("")]
    [InlineData("\n")]
    [InlineData(Header2x3)] // no line feed
    [InlineData("{'descr': '|u1', 'fortran_order': False, 'shape': (2, 3), }x\n")]
    [InlineData("{'descr': '|u1', 'fortran_order': False, 'shape': (2, 3)\n")]
    [InlineData("{'descr': '|u1', 'fortran_order': False, 'shape': (2, -3), }\n")]
    [InlineData("{'descr': '|u1', 'fortran_order': False, 'shape': [2, 3], }\n")]
    [InlineData("{'descr': '|u1', 'fortran_order': False, 'shape': (6), }\n")]
    [InlineData("{'descr': '|u1', 'fortran_order': False, 'shape': (2 3), }\n")]
    [InlineData("{'descr': '|u1', 'fortran_order': False, 'shape': (6L,), }\n")]
    [InlineData("{'descr': '|u1', 'fortran_order': False, 'shape': (2, 4), }\n")]
    [InlineData("{'descr': '|u1', 'fortran_order': False, 'shape': (99999999999999999999,), }\n")]
    [InlineData("{'descr': '|u1', 'fortran_order': False, 'shape': (4294967296, 4294967296), }\n")]
    [InlineData("{'descr': '|u1', 'fortran_order': False, 'shape': (6,), 'shape': (6,), }\n")]
    [InlineData("{'descr': '|u1', 'fortran_order': False, 'shape': (6,), 'more': '', }\n")]
    [InlineData("{'descr': '|u1', 'shape': (6,), }\n")]
    [InlineData("{'descr': '|u1', 'fortran_order': True, 'shape': (6,), }\n")]
    [InlineData("{'descr': '|u1', 'fortran_order': 0, 'shape': (6,), }\n")]
    [InlineData("{'descr': '|O', 'fortran_order': False, 'shape': (6,), }\n")]
    [InlineData("{'descr': '>u1', 'fortran_order': False, 'shape': (6,), }\n")]
    [InlineData("{'descr': [('a', '|u1')], 'fortran_order': False, 'shape': (6,), }\n")]
    [InlineData("{'descr': __import__('os').system('true'), 'fortran_order': False, 'shape': (6,), }\n")]
    public void Other_headers_are_refused(string header)
    {
        Assert.Throws<MezzotintException>(() => NpyArray.Read(Npy(header, 6)));
    }

    [Fact]
    public void Other_versions_and_files_are_refused()
    {
        byte[] array = Npy(Header2x3 + "\n", 6);
        array[6] = 2;
        Assert.Contains("2.0", Assert.Throws<MezzotintException>(() => NpyArray.Read(array)).Message, StringComparison.Ordinal);
        Assert.Throws<MezzotintException>(() => NpyArray.Read("no array"u8.ToArray()));
        array[6] = 1;
        for (int length = 0; length < array.Length; length++)
            Assert.Throws<MezzotintException>(() => NpyArray.Read(array.AsMemory(0, length)));
    }

    [Fact]
    public void Archives_that_hold_something_else_are_refused_by_the_name_of_the_entry()
    {
        Zip(("images.npy", Npy(Header2x3 + "\n", 6)), ("evil\n.txt", [1]));
        MezzotintException refused = Assert.Throws<MezzotintException>(() => NpzFile.Read(_folder.File("a.npz")));
        Assert.Contains("evil", refused.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', refused.Message);

        Zip(("images.npy", Npy(Header2x3 + "\n", 6)), ("images.npy", Npy(Header2x3 + "\n", 6)));
        refused = Assert.Throws<MezzotintException>(() => NpzFile.Read(_folder.File("a.npz")));
        Assert.Contains("entry 'images.npy' twice", refused.Message, StringComparison.Ordinal);

        File.WriteAllText(_folder.File("a.npz"), "no archive");
        Assert.Contains(
            "a.npz", Assert.Throws<MezzotintException>(() => NpzFile.Read(_folder.File("a.npz"))).Message,
            StringComparison.Ordinal);
        Assert.Contains(
            "none.npz", Assert.Throws<MezzotintException>(() => NpzFile.Read(_folder.File("none.npz"))).Message,
            StringComparison.Ordinal);
    }

    // The archive's directory claims 1 GiB for an entry of a few bytes; so does the array's own header.
    [Fact]
    public void A_length_that_the_bytes_cannot_have_is_refused_before_it_is_allocated()
    {
        Zip(
            (
                "images.npy",
                Npy($"{{'descr': '|u1', 'fortran_order': False, 'shape': ({(1 << 30) - 128},), }}".PadRight(117) + "\n", 6)));
        byte[] file = File.ReadAllBytes(_folder.File("a.npz"));
        int directory = file.AsSpan().LastIndexOf((byte[])[0x50, 0x4B, 1, 2]);
        BinaryPrimitives.WriteInt32LittleEndian(file.AsSpan(directory + 24), 1 << 30);
        File.WriteAllBytes(_folder.File("a.npz"), file);
        long before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Throws<MezzotintException>(() => NpzFile.Read(_folder.File("a.npz")));
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1 << 22);
    }

    // 40 entries of the directory name the same deflated bytes.
    [Fact]
    public void Entries_that_share_bytes_are_refused_before_they_are_inflated()
    {
        NpzFile.Write(_folder.File("a.npz"), ("a", NpyArray.Of(new byte[20_000_000], 20_000_000)));
        byte[] file = File.ReadAllBytes(_folder.File("a.npz"));
        int end = file.AsSpan().LastIndexOf("PK\u0005\u0006"u8);
        int directory = BinaryPrimitives.ReadInt32LittleEndian(file.AsSpan(end + 16));
        byte[] entry = file[directory..end];
        int name = Array.LastIndexOf(entry, (byte)'a');
        byte[] entries =
            [.. Enumerable.Range(0, 40).SelectMany(i => { entry[46] = (byte)('a' - i); return (byte[])[.. entry]; })];
        Assert.Equal(46, name);
        byte[] tail = file[end..];
        BinaryPrimitives.WriteInt16LittleEndian(tail.AsSpan(8), 40);
        BinaryPrimitives.WriteInt16LittleEndian(tail.AsSpan(10), 40);
        BinaryPrimitives.WriteInt32LittleEndian(tail.AsSpan(12), entries.Length);
        File.WriteAllBytes(_folder.File("a.npz"), [.. file[..directory], .. entries, .. tail]);
        long before = GC.GetAllocatedBytesForCurrentThread();
        string message = Assert.Throws<MezzotintException>(() => NpzFile.Read(_folder.File("a.npz"))).Message;
        Assert.Contains("lie over the same bytes", message, StringComparison.Ordinal);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1 << 20);
    }

    [Fact]
    public void Only_arrays_that_are_wanted_are_inflated()
    {
        NpzFile.Write(
            _folder.File("a.npz"), ("images", NpyArray.Of([1, 2], 2)), ("other", NpyArray.Of(new byte[20_000_000], 20_000_000)));
        long before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Equal([1, 2], NpzFile.Read(_folder.File("a.npz"), name => name == "images")["images"].Array.Bytes.ToArray());
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1 << 20);
    }

    [Theory]
    [InlineData(">f4", new byte[] { 0x3F, 0xC0, 0, 0 }, ElementType.Float32, new byte[] { 0, 0, 0xC0, 0x3F })]
    [InlineData(">i4", new byte[] { 0, 0, 1, 2 }, ElementType.Int32, new byte[] { 2, 1, 0, 0 })]
    [InlineData("|b1", new byte[] { 1 }, ElementType.Bool, new byte[] { 1 })]
    [InlineData("|i1", new byte[] { 0xFE }, ElementType.Int32, new byte[] { 0xFE, 0xFF, 0xFF, 0xFF })]
    [InlineData("<u2", new byte[] { 0xFF, 0xFF }, ElementType.Int32, new byte[] { 0xFF, 0xFF, 0, 0 })]
    [InlineData(">u2", new byte[] { 1, 2 }, ElementType.Int32, new byte[] { 2, 1, 0, 0 })]
    [InlineData("<u4", new byte[] { 0, 0, 0, 0x80 }, ElementType.Int64, new byte[] { 0, 0, 0, 0x80, 0, 0, 0, 0 })]
    [InlineData("<f2", new byte[] { 0, 0x3E }, ElementType.Float32, new byte[] { 0, 0, 0xC0, 0x3F })]
    public void Types_that_can_be_converted_without_loss_are(
        string description, byte[] element, ElementType type, byte[] expected)
    {
        byte[] file = Npy($"{{'descr': '{description}', 'fortran_order': False, 'shape': (1,), }}\n", 0);
        TensorData read = NpyArray.Read((byte[])[.. file, .. element]);
        Assert.Equal(type, read.Type);
        Assert.Equal(expected, read.Bytes.ToArray());
    }

    [Theory]
    [InlineData("<u8", "uint64 ('<u8')")]
    [InlineData("|O", "object ('|O')")]
    [InlineData("<c8", "complex64 ('<c8')")]
    [InlineData("<U7", "'<U7'")]
    public void Types_that_are_not_read_are_named(string description, string name)
    {
        byte[] file = Npy($"{{'descr': '{description}', 'fortran_order': False, 'shape': (1,), }}\n", 8);
        Assert.Contains($"of the type {name}, which is not read",
            Assert.Throws<MezzotintException>(() => NpyArray.Read(file)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Damaged_archives_are_read_or_refused_and_nothing_else()
    {
        NpzFile.Write(
            _folder.File("a.npz"), ("images", NpyArray.Of([1, 2, 3, 4, 5, 6], 2, 3)), ("labels", NpyArray.Of([1L, 2], 2)));
        byte[] deflated = File.ReadAllBytes(_folder.File("a.npz"));
        Zip(("images.npy", Npy(Header2x3 + "\n", 6)), ("labels.npy", Npy(Header2x3 + "\n", 6)));
        byte[] stored = File.ReadAllBytes(_folder.File("a.npz"));
        Gen<(double, byte)> change = from place in Gen.Double[0, 1] from value in Gen.OneOf(
            Gen.Byte, Gen.Const((byte)0xFF), Gen.Const((byte)0)) select (place, value);
        (
            from isStored in Gen.Bool from changes in change.Array[0, 4] from kept in Gen.OneOf(
                Gen.Const(1.0), Gen.Double[0, 1]) select (isStored, changes, kept)).Sample(
            (isStored, changes, kept) =>
            {
                byte[] damaged = [.. isStored ? stored : deflated];
                foreach ((double place, byte value) in changes) damaged[(int)(place * (damaged.Length - 1))] = value;
                File.WriteAllBytes(_folder.File("a.npz"), damaged[..(int)(kept * damaged.Length)]);
                try
                {
                    NpzFile.Read(_folder.File("a.npz"));
                }
                catch (MezzotintException exception)
                {
                    Assert.DoesNotContain('\n', exception.Message);
                }
            }, iter: 5000, threads: 1);
    }

    [Fact]
    public void Damaged_headers_are_read_or_refused_and_nothing_else()
    {
        byte[] array = Npy(Header2x3 + "\n", 6);
        Gen<byte> value = Gen.OneOf(Gen.Byte, Gen.Int[0, Header2x3.Length - 1].Select(index => (byte)Header2x3[index]));
        (from place in Gen.Int[0, array.Length - 1] from byteValue in value select (place, byteValue)).Array[1, 4].Sample(
            changes =>
        {
            byte[] damaged = [.. array];
            foreach ((int place, byte byteValue) in changes) damaged[place] = byteValue;
            try
            {
                NpyArray.Read(damaged);
            }
            catch (MezzotintException)
            {
            }
        }, iter: 20000);
    }

    private static byte[] Bytes(TensorData array)
    {
        using var stream = new MemoryStream();
        NpyArray.Write(stream, array);
        return stream.ToArray();
    }

    private static byte[] Npy(string header, int elements) =>
        [
            0x93, .. "NUMPY"u8, 1, 0, (byte)header.Length, (byte)(header.Length >> 8), .. Encoding.ASCII.GetBytes(header),
            .. new byte[elements],
        ];

    private void Zip(params (string Name, byte[] Content)[] entries)
    {
        using var archive = new ZipArchive(File.Create(_folder.File("a.npz")), ZipArchiveMode.Create);
        foreach ((string name, byte[] content) in entries)
        {
            using Stream stream = archive.CreateEntry(name, CompressionLevel.NoCompression).Open();
            stream.Write(content);
        }
    }

    private static void AssertSame(TensorData expected, TensorData actual)
    {
        Assert.Equal((expected.Type, expected.ElementCount), (actual.Type, actual.ElementCount));
        Assert.Equal(expected.Shape, actual.Shape);
        Assert.Equal(expected.Bytes.ToArray(), actual.Bytes.ToArray());
    }
}
