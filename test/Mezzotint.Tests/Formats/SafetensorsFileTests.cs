using System.Buffers.Binary;
using System.Text;
using CsCheck;
using Mezzotint.Formats;

namespace Mezzotint.Tests.Formats;

public class SafetensorsFileTests
{
    private static readonly Gen<TensorData> AnyTensor =
        from type in Gen.Enum<ElementType>()
        from shape in Gen.Long[0, 4].Array[0, 4]
        from bytes in (type == ElementType.Bool ? Gen.Byte[0, 1] : Gen.Byte)
            .Array[(int)TensorLayout.ByteCount(type, shape)!.Value]
        select new TensorData(type, shape, bytes);

    [Fact]
    public void What_was_written_is_read_back()
    {
        using var folder = new TemporaryFolder();
        string path = folder.File("a.safetensors");
        Gen.Select(Gen.Dictionary(AnyName, AnyTensor)[0, 6], Gen.Dictionary(AnyName, Gen.String)[0, 3]).Sample(
            (tensors, metadata) =>
            {
                metadata = metadata.Where(pair => IsUnicode(pair.Value)).ToDictionary();
                SafetensorsFile.Write(path, tensors, metadata);
                foreach (
                    var file in new[]
                        { SafetensorsFile.Read(path), SafetensorsFile.Read(System.IO.File.ReadAllBytes(path), path) })
                {
                    Assert.Equal(metadata.OrderBy(pair => pair.Key, StringComparer.Ordinal), file.Metadata);
                    Assert.Equal(tensors.Keys, file.Tensors.Keys);
                    foreach (var (name, tensor) in tensors)
                    {
                        Assert.Equal(tensor.Type, file.Tensors[name].Type);
                        Assert.Equal(tensor.Shape, file.Tensors[name].Shape);
                        Assert.Equal(tensor.Bytes.ToArray(), file.Tensors[name].Bytes.ToArray());
                    }
                }
                Assert.Equal(0, (8 + (int)BinaryPrimitives.ReadUInt64LittleEndian(System.IO.File.ReadAllBytes(path))) % 8);
            },
            iter: 200, threads: 1);
    }

    [Fact]
    public void The_bytes_are_those_of_the_format()
    {
        // Spelled out by hand from the format's description: the length 144 = 0x90 (139 characters and 5 spaces), the header, the
        // data.
        string header = """{"__metadata__":{"format":"pt"},"b":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"a.x":"""
            + """{"dtype":"I16","shape":[1,1],"data_offsets":[8,10]}}""";
        byte[] expected =
        [
            0x90, 0, 0, 0, 0, 0, 0, 0,
            .. Encoding.ASCII.GetBytes(header.PadRight(144)),
            0x00, 0x00, 0x80, 0x3F, // 1.0
            0x00, 0x00, 0x20, 0xC0, // -2.5
            0xFE, 0xFF, // -2
        ];
        using var stream = new MemoryStream();
        SafetensorsFile.Write(
            stream,
            [
                new("b", new TensorData(ElementType.Float32, [2], new byte[] { 0, 0, 0x80, 0x3F, 0, 0, 0x20, 0xC0 })),
                new("a.x", new TensorData(ElementType.Int16, [1, 1], new byte[] { 0xFE, 0xFF })),
            ],
            new Dictionary<string, string> { ["format"] = "pt" });
        Assert.Equal(expected, stream.ToArray());
        Assert.Equal(["b", "a.x"], SafetensorsFile.Read(expected, "golden").Tensors.Keys);
    }

    [Fact]
    public void A_file_without_tensors_is_a_file()
    {
        byte[] bytes = File("{}", 0);
        Assert.Empty(SafetensorsFile.Read(bytes, "empty").Tensors);
        using var stream = new MemoryStream();
        SafetensorsFile.Write(stream, []);
        Assert.Equal(File("{}      ", 0), stream.ToArray());
    }

    [Theory]
    [InlineData("""{"a":{"dtype":"U16","shape":[1],"data_offsets":[0,2]}}""", 2, "'a' has the dtype 'U16'")]
    [InlineData("""{"a":{"dtype":"F8_E5M2","shape":[1],"data_offsets":[0,1]}}""", 1, "'F8_E5M2'")]
    [InlineData("""{"a":{"dtype":"f32","shape":[1],"data_offsets":[0,4]}}""", 4, "'f32'")]
    [InlineData("""{"a":{"dtype":1,"shape":[1],"data_offsets":[0,4]}}""", 4, "dtype that is no string")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"more":1}}""", 4, "unknown field 'more'")]
    [InlineData("""{"a":{"dtype":"F32","dtype":"F32","shape":[1],"data_offsets":[0,4]}}""", 4, "'dtype' twice")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1]}}""", 0, "'a' needs a dtype, a shape and two data_offsets")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[0]}}""", 4, "two data_offsets")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4,4]}}""", 4, "more than 2 numbers")]
    [InlineData("""{"a":{"dtype":"F32","shape":1,"data_offsets":[0,4]}}""", 4, "shape that is no array")]
    [InlineData("""{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}""", 4, "non-negative integer")]
    [InlineData("""{"a":{"dtype":"F32","shape":[-0],"data_offsets":[0,0]}}""", 0, "non-negative integer")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1.0],"data_offsets":[0,4]}}""", 4, "non-negative integer")]
    [InlineData("""{"a":{"dtype":"F32","shape":["1"],"data_offsets":[0,4]}}""", 4, "non-negative integer")]
    [InlineData("""{"a":{"dtype":"F32","shape":[[1]],"data_offsets":[0,4]}}""", 4, "maximum")]
    [InlineData("""{"a":{"dtype":"F32","shape":[9223372036854775808],"data_offsets":[0,4]}}""", 4, "63 bits")]
    [InlineData(
        """{"a":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,0]}}""",
        0, "'a' has a shape whose size overflows")]
    [InlineData(
        """{"a":{"dtype":"F32","shape":[4611686018427387904],"data_offsets":[0,0]}}""",
        0, "'a' has a shape whose size overflows")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}}""", 4, "'a' takes 4 bytes")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}""", 4, "'a' takes 8 bytes")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}""", 3, "cut off")]
    [InlineData(
        """{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}""",
        5, "has 5 bytes of data, but its tensors end at byte 4")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[1,5]}}""", 5, "'a' starts at data byte 1 and leaves a hole")]
    [InlineData(
        """{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}}""",
        3, "'b' starts at data byte 1 and overlaps")]
    [InlineData(
        """{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}""",
        2, "overlaps")]
    [InlineData(
        """{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"\u0061":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}""",
        2, "key 'a' twice")]
    [InlineData("""{"a":[]}""", 0, "'a' holds no object")]
    [InlineData("""{"__metadata__":{"a":1}}""", 0, "key 'a' holds no string")]
    [InlineData("""{"__metadata__":{"a":{}}}""", 0, "key 'a' holds no string")]
    [InlineData("""{"__metadata__":{"a":"1","a":"2"}}""", 0, "key 'a' twice")]
    [InlineData("""{"__metadata__":{},"__metadata__":{}}""", 0, "'__metadata__' twice")]
    [InlineData("""{"a\ud800":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}""", 0, "not valid Unicode")]
    [InlineData("""{"two\nlines":{"dtype":"X","shape":[0],"data_offsets":[0,0]}}""", 0, @"'two\u000Alines'")]
    [InlineData("[]", 0, "does not start with '{'")]
    [InlineData(" {}", 0, "does not start with '{'")]
    [InlineData("", 0, "does not start with '{'")]
    [InlineData("{", 0, "not valid JSON")]
    [InlineData("{}x", 0, "not valid JSON")]
    [InlineData("{}{}", 0, "not valid JSON")]
    [InlineData("{/**/}", 0, "not valid JSON")]
    [InlineData("""{"a":{"dtype":"BOOL","shape":[1],"data_offsets":[0,1]}}""", 1, "'a' is of booleans")]
    public void A_broken_rule_is_named(string header, int dataLength, string fault)
    {
        var e = Assert.Throws<MezzotintException>(() => SafetensorsFile.Read(File(header, dataLength), "some.safetensors"));
        Assert.Contains(fault, e.Message, StringComparison.Ordinal);
        Assert.StartsWith("'some.safetensors'", e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(3ul, "cut off")]
    [InlineData(100_000_001ul, "more than the 100000000")]
    [InlineData(100_000_000ul, "cut off")]
    [InlineData(ulong.MaxValue, "more than the 100000000")]
    public void A_header_length_that_lies_is_refused_before_memory_is_taken(ulong length, string fault)
    {
        using var folder = new TemporaryFolder();
        string path = folder.File("lying.safetensors");
        byte[] bytes = new byte[10];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, length);
        "{}"u8.CopyTo(bytes.AsSpan(8));
        System.IO.File.WriteAllBytes(path, bytes);
        Assert.Contains(
            fault, Assert.Throws<MezzotintException>(() => SafetensorsFile.Read(path)).Message, StringComparison.Ordinal);
        Assert.False(Damage.MustSurvive(bytes, file => SafetensorsFile.Read(file, "lying")));
        Assert.False(Damage.MustSurvive(bytes, _ => SafetensorsFile.Read(path)));
    }

    [Fact]
    public void A_header_that_is_not_Utf8_is_refused()
    {
        byte[] bytes = File("""{"?":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}""", 0);
        bytes[10] = 0xFF;
        Assert.Contains(
            "not UTF-8", Assert.Throws<MezzotintException>(() => SafetensorsFile.Read(bytes, "a")).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Damaged_files_are_read_or_refused()
    {
        byte[] good = Sample();
        Damage.Check(good, bytes => SafetensorsFile.Read(bytes, "damaged"), cases: 20_000);
        Damage.CheckTruncations(good, bytes => SafetensorsFile.Read(bytes, "truncated"));

        using var folder = new TemporaryFolder();
        Damage.Check(
            good,
            bytes =>
            {
                string path = folder.File($"{Environment.CurrentManagedThreadId}");
                System.IO.File.WriteAllBytes(path, bytes);
                SafetensorsFile.Read(path);
            },
            cases: 500);
    }

    [Fact]
    public void Files_that_are_not_there_or_no_files_are_refused()
    {
        using var folder = new TemporaryFolder();
        Assert.Contains(
            "missing", Assert.Throws<MezzotintException>(() => SafetensorsFile.Read(folder.File("missing"))).Message,
            StringComparison.Ordinal);
        Assert.Throws<MezzotintException>(() => SafetensorsFile.Read(folder.Name));
    }

    [Fact]
    public void Write_refuses_what_the_format_cannot_hold_and_leaves_the_old_file()
    {
        using var folder = new TemporaryFolder();
        string path = folder.File("a.safetensors");
        var one = new TensorData(ElementType.UInt8, [1], new byte[] { 7 });
        SafetensorsFile.Write(path, [new("a", one)]);
        byte[] old = System.IO.File.ReadAllBytes(path);

        Refused("twice", new("a", one), new("a", one));
        Refused("reserved", new KeyValuePair<string, TensorData>("__metadata__", one));
        Refused("Unicode", new KeyValuePair<string, TensorData>("\uD800", one));
        Refused("Unicode", new KeyValuePair<string, TensorData>("\uDC00\uD800", one));
        Refused("bytes", new KeyValuePair<string, TensorData>("a", one with { Shape = [2] }));
        Refused("bytes", new KeyValuePair<string, TensorData>("a", one with { Shape = [-1] }));
        Refused("booleans", new KeyValuePair<string, TensorData>("a", one with { Type = ElementType.Bool }));
        Assert.Equal(old, System.IO.File.ReadAllBytes(path));
        Assert.Equal([path], Directory.GetFileSystemEntries(folder.Name));

        void Refused(string fault, params KeyValuePair<string, TensorData>[] tensors) =>
            Assert.Contains(
                fault, Assert.Throws<ArgumentException>(() => SafetensorsFile.Write(path, tensors)).Message,
                StringComparison.Ordinal);
    }

    private static Gen<string> AnyName => Gen.String.Where(name => IsUnicode(name) && name != "__metadata__");

    private static bool IsUnicode(string text) => Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(text)) == text;

    private static byte[] Sample()
    {
        using var stream = new MemoryStream();
        SafetensorsFile.Write(
            stream,
            [
                new("weight", new TensorData(ElementType.Float32, [2, 3], new byte[24])),
                new("flags", new TensorData(ElementType.Bool, [3], new byte[3])),
                new("empty", new TensorData(ElementType.Float64, [0, 3], default)),
                new("number", new TensorData(ElementType.Int64, [], new byte[8])),
            ],
            new Dictionary<string, string> { ["format"] = "pt", ["note"] = "line\nline" });
        return stream.ToArray();
    }

    // A header as it stands, then bytes of 0xFF.
    private static byte[] File(string header, int dataLength)
    {
        byte[] json = Encoding.UTF8.GetBytes(header);
        byte[] bytes = new byte[8 + json.Length + dataLength];
        BinaryPrimitives.WriteInt64LittleEndian(bytes, json.Length);
        json.CopyTo(bytes, 8);
        bytes.AsSpan(8 + json.Length).Fill(0xFF);
        return bytes;
    }
}
