using System.Buffers.Binary;
using System.IO.Compression;
using System.Runtime.InteropServices;
using System.Text;
using Mezzotint.Formats;
using Mezzotint.Models;

namespace Mezzotint.Tests.Formats;

/// <summary>The golden files and their numbers are made by Golden/pytorch_archives.py, run with PyTorch 1.13.0.</summary>
public class PyTorchArchiveTests
{
    [Fact]
    public void A_state_dict_of_PyTorch_is_read()
    {
        var tensors = PyTorchArchive.Read(Golden("state_dict.pt"));
        Assert.Equal(
            [
                "linear.weight", "linear.bias", "norm.weight", "norm.bias", "norm.running_mean", "norm.running_var",
                "norm.num_batches_tracked",
                "float64", "float16", "bfloat16", "int64", "int32", "int8", "uint8", "bool",
                "base", "slice", "permuted", "expanded", "column", "scalar", "empty", "parameter",
            ],
            tensors.Keys);
        Holds<float>("linear.weight", ElementType.Float32, [2, 3], 0, 0.25f, 0.5f, 0.75f, 1, 1.25f);
        Holds<float>("linear.bias", ElementType.Float32, [2], -1.5f, 2.5f);
        Holds<float>("norm.running_var", ElementType.Float32, [2], 1, 1);
        Holds<long>("norm.num_batches_tracked", ElementType.Int64, [], 7);
        Holds<double>("float64", ElementType.Float64, [2], 0.1, -2);
        Holds<Half>("float16", ElementType.Float16, [2], (Half)1, (Half)(-0.5));
        Holds<ushort>("bfloat16", ElementType.BFloat16, [2], 0x3F80, 0xBF00);
        Holds<long>("int64", ElementType.Int64, [2], -(1L << 40), 1);
        Holds<int>("int32", ElementType.Int32, [2], -70000, 1);
        Holds<sbyte>("int8", ElementType.Int8, [2], -128, 127);
        Holds<byte>("uint8", ElementType.UInt8, [2], 0, 255);
        Holds<byte>("bool", ElementType.Bool, [3], 1, 0, 1);
        Holds<short>("base", ElementType.Int16, [2, 3, 4], [.. Enumerable.Range(0, 24).Select(i => (short)i)]);
        Holds<short>("slice", ElementType.Int16, [2, 4], 16, 17, 18, 19, 20, 21, 22, 23);
        Holds<short>(
            "permuted", ElementType.Int16, [4, 2, 3], 0, 4, 8, 12, 16, 20, 1, 5, 9, 13, 17, 21, 2, 6, 10, 14, 18, 22, 3, 7, 11,
            15, 19, 23);
        Holds<short>("expanded", ElementType.Int16, [3], 1, 1, 1);
        Holds<short>("column", ElementType.Int16, [2, 3], 3, 7, 11, 15, 19, 23);
        Holds<float>("scalar", ElementType.Float32, [], 42);
        Holds<float>("empty", ElementType.Float32, [0, 5]);
        Holds<float>("parameter", ElementType.Float32, [1], 3);

        void Holds<T>(string name, ElementType type, long[] shape, params T[] values) where T : unmanaged
        {
            Assert.Equal(type, tensors[name].Type);
            Assert.Equal(shape, tensors[name].Shape);
            Assert.Equal(values, MemoryMarshal.Cast<byte, T>(tensors[name].Bytes.Span).ToArray());
        }
    }

    [Fact]
    public void Pickle_protocol_4_is_read()
    {
        var tensors = PyTorchArchive.Read(Golden("protocol4.pt"));
        Assert.Equal(["a", "b"], tensors.Keys);
        Assert.Equal([1f, 2f], MemoryMarshal.Cast<byte, float>(tensors["a"].Bytes.Span).ToArray());
        Assert.Equal([3L], MemoryMarshal.Cast<byte, long>(tensors["b"].Bytes.Span).ToArray());
    }

    [Theory]
    [InlineData("expanded.pt", "tensor 'huge' would take 4398046511104 bytes")]
    [InlineData("checkpoint.pt", "several state dicts, 'model' (2 tensors), 'ema' (2 tensors): name one as key, as in "
        + "`mezzotint import FOLDER --out MODEL --key model`")]
    [InlineData("legacy.pt", "before PyTorch 1.6")]
    [InlineData("module.pt", "'__main__.Small' is refused")]
    [InlineData("pytorch_archives.py", "no zip archive")]
    public void Other_files_of_PyTorch_are_refused_with_the_reason(string name, string fault)
    {
        string path = Golden(name);
        var e = Assert.Throws<MezzotintException>(() => PyTorchArchive.Read(path));
        Assert.Contains(fault, e.Message, StringComparison.Ordinal);
        Assert.Contains(path, e.Message, StringComparison.Ordinal);
    }

    // The optimiser's moments, arguments and scheduler beside them are passed over, whatever made them.
    [Theory]
    [InlineData("nested.pt", null, "state_dict", "a", 1)]
    [InlineData("average.pt", null, "nets.ema", "weight", 1)]
    [InlineData("average.pt", "nets.ema", "nets.ema", "weight", 1)]
    [InlineData("checkpoint.pt", "ema", "ema", "weight", 1)]
    [InlineData("checkpoint.pt", "model", "model", "weight", 0.5f)] // a step of Adam's, of the learning rate 0.5
    public void The_state_dict_in_a_checkpoint_is_found(string file, string? key, string taken, string name, float first)
    {
        var (tensors, found) = PyTorchArchive.ReadUnder(Golden(file), key);
        Assert.Equal(taken, found);
        Assert.Equal(first, MemoryMarshal.Cast<byte, float>(tensors[name].Bytes.Span)[0], 1e-6f);
        Assert.Equal(tensors.Keys, PyTorchArchive.Read(Golden(file), key).Keys);
    }

    [Theory]
    [InlineData(
        "checkpoint.pt", "emma",
        "its key 'emma' holds no dict; it has the state dicts 'model' (2 tensors), 'ema' (2 tensors)")]
    [InlineData("checkpoint.pt", "model.weight", "its key 'model.weight' holds no dict")]
    [InlineData("checkpoint.pt", "step", "its key 'step' holds no dict")]
    [InlineData("checkpoint.pt", "optimizer", "its key 'state' holds a dict, not a tensor")]
    [InlineData("checkpoint.pt", "optimizer.state", "a dict has an integer for a key; the keys of a state dict are strings")]
    [InlineData("checkpoint.pt", "args", "its key 'args' holds no dict")]
    [InlineData("protocol4.pt", "model", "its key 'model' holds no dict; it has the keys 'a', 'b'")]
    public void A_key_without_a_state_dict_is_refused_with_those_there_are(string file, string key, string fault)
    {
        var e = Assert.Throws<MezzotintException>(() => PyTorchArchive.Read(Golden(file), key));
        Assert.Contains(fault, e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_key_may_have_dots_of_its_own()
    {
        byte[] archive = Zip(Entries(Dict(new PickleWriter().Op('}').Text("a.b").Op('}').Text("c").Op('}')
            .Text("w").Tensor("0", 2, 0, [2], [1]).Op('s').Op('s'))));
        Assert.Equal(["w"], PyTorchArchive.Read(new MemoryStream(archive), "test.pt", "a.b.c").Tensors.Keys);
    }

    [Fact]
    public void One_state_dict_of_two_names_is_one()
    {
        byte[] archive = Zip(Entries(Dict(new PickleWriter().Op('}').Text("model").Op('}').Op('q', 0)
            .Text("w").Tensor("0", 2, 0, [2], [1]).Op('s').Op('s').Text("state_dict").Op('h', 0))));
        Assert.Equal("model", PyTorchArchive.Read(new MemoryStream(archive), "test.pt", null).Key);
    }

    [Fact]
    public void A_dict_that_holds_itself_ends()
    {
        byte[] archive = Zip(Entries(Finish(new PickleWriter().Op('}').Op('q', 0).Text("self").Op('h', 0).Op('s'))));
        RefusedArchive("its key 'self' holds a dict, not a tensor", archive);
    }

    [Theory]
    [InlineData("os", "system")]
    [InlineData("torch", "ComplexFloatStorage")]
    public void What_a_state_dict_does_not_need_is_refused_by_name_where_it_is_asked_for(string module, string name)
    {
        var made = new PickleWriter().Op('}').Text("w").Global(module, name).Op('(').Text("echo").Op('t').Op('R');
        RefusedArchive($"the global '{module}.{name}' is refused; a state dict does not need it", Zip(Entries(Dict(made))));
        byte[] beside = Zip(Entries(Dict(new PickleWriter().Op('}')
            .Text("hooks").Global(module, name).Op('(').Text("echo").Op('t').Op('R').Op('s')
            .Text("model").Op('}').Text("w").Tensor("0", 2, 0, [2], [1]).Op('s'))));
        Assert.Equal(["w"], Read(beside).Keys);
    }

    [Fact]
    public void The_seed_checkpoint_is_read()
    {
        Assert.SkipUnless(TestData.SeedCheckpoint is not null, TestData.NoSeedCheckpoint);
        var tensors = PyTorchArchive.Read(Path.Combine(TestData.SeedCheckpoint!, "weights.pt"));
        // The counts that the seed's report gives: 90 tensors, 770,865 numbers with the 16 frozen frequencies.
        Assert.Equal(90, tensors.Count);
        Assert.Equal(770_865, tensors.Values.Sum(tensor => tensor.ElementCount));
        Assert.All(tensors.Values, tensor => Assert.Equal(ElementType.Float32, tensor.Type));
        Assert.All(
            tensors.Values,
            tensor =>
                Assert.DoesNotContain(
                    MemoryMarshal.Cast<byte, float>(tensor.Bytes.Span).ToArray(), value => !float.IsFinite(value)));
        Assert.Equal([16], tensors["time_embed.W"].Shape);

        using var stream = new MemoryStream();
        SafetensorsFile.Write(stream, tensors);
        foreach (var (name, tensor) in SafetensorsFile.Read(stream.ToArray(), "copy").Tensors)
            Assert.Equal(tensors[name].Bytes.ToArray(), tensor.Bytes.ToArray());
    }

    [Fact]
    public void Storages_of_a_GPU_are_read_as_bytes()
    {
        byte[] archive = Zip(Entries(Dict(new PickleWriter().Op('}').Text("w").Tensor("0", 2, 0, [2], [1], "cuda:0"))));
        Assert.Equal(8, Read(archive)["w"].Bytes.Length);
    }

    [Theory]
    [InlineData(0, new long[] { 3 }, new long[] { 1 }, "beyond the 2 elements")]
    [InlineData(1, new long[] { 2 }, new long[] { 1 }, "beyond the 2 elements")]
    [InlineData(3, new long[] { 0 }, new long[] { 1 }, "beyond the 2 elements")]
    [InlineData(long.MaxValue, new long[] { 1 }, new long[] { 1 }, "beyond the 2 elements")]
    [InlineData(0, new long[] { 2 }, new long[] { long.MaxValue }, "beyond the 2 elements")]
    [InlineData(0, new long[] { long.MaxValue, 4 }, new long[] { 0, 0 }, "overflows")]
    [InlineData(0, new long[] { 1L << 62 }, new long[] { 0 }, "overflows")]
    [InlineData(0, new long[] { 100_000 }, new long[] { 0 }, "do not justify")]
    public void Views_that_lie_are_refused(long offset, long[] shape, long[] strides, string fault)
    {
        byte[] archive = Zip(Entries(Dict(new PickleWriter().Op('}').Text("w").Tensor("0", 2, offset, shape, strides))));
        RefusedArchive($"tensor 'w'", archive);
        RefusedArchive(fault, archive);
    }

    [Fact]
    public void Copies_of_one_storage_together_take_no_more_than_the_file()
    {
        var pickle = new PickleWriter().Op('}');
        for (int i = 0; i < 30; i++)
            pickle.Text($"w{i}").Tensor("0", 1000, 0, [1000, 1], [1, 1]).Op('s');
        Assert.Equal(30, Read(Zip(Entries(Finish(pickle), storage: 4000))).Count);

        pickle = new PickleWriter().Op('}');
        for (int i = 0; i < 30; i++)
            pickle.Text($"w{i}").Tensor("0", 1000, 0, [20, 50], [1, 20]).Op('s');
        RefusedArchive("do not justify", Zip(Entries(Finish(pickle), storage: 4000)));
    }

    [Fact]
    public void Archives_that_are_not_PyTorchs_are_refused()
    {
        byte[] pickle = Dict(new PickleWriter().Op('}').Text("w").Tensor("0", 2, 0, [2], [1]));
        Assert.Single(Read(Zip(Entries(pickle))));
        RefusedArchive("'big'", Zip([.. Entries(pickle), ("a/byteorder", "big"u8.ToArray())]));
        RefusedArchive("byte order is 'middle'", Zip([.. Entries(pickle), ("a/byteorder", "middle"u8.ToArray())]));
        RefusedArchive("has 1000 bytes", Zip([.. Entries(pickle), ("a/byteorder", new byte[1000])]));
        RefusedArchive("format version is '11'", Zip([.. Entries(pickle), ("a/version", "11"u8.ToArray())]));
        Assert.Single(Read(Zip(
            [
                .. Entries(pickle), ("a/byteorder", "little"u8.ToArray()), ("a/version", "3\n"u8.ToArray()),
                ("a/.data/serialization_id", new byte[40]),
            ])));
        RefusedArchive("entry 'a/data/0' twice", Zip([.. Entries(pickle), ("a/data/0", new byte[8])]));
        RefusedArchive("several entries", Zip([.. Entries(pickle), ("b/data.pkl", pickle)]));
        RefusedArchive("no entry NAME/data.pkl", Zip([("a/data/0", new byte[8])]));
        RefusedArchive("needs the entry 'a/data/0'", Zip([("a/data.pkl", pickle)]));
        RefusedArchive("needs a storage of 2 elements of Float32, but '0' has 7 bytes", Zip(Entries(pickle, storage: 7)));
        RefusedArchive("it holds a list", Zip(Entries(Finish(new PickleWriter().Op(']')))));
        RefusedArchive("it holds a tensor", Zip(Entries(Finish(new PickleWriter().Tensor("0", 2, 0, [2], [1])))));
        RefusedArchive("'state_dict' holds a dict", Zip(Entries(Dict(new PickleWriter().Op('}').Text("state_dict").Op('}')))));
        RefusedArchive("more than the 16777216", Zip(Entries(new byte[(1 << 24) + 1])));
        RefusedArchive(
            "of booleans",
            Zip(Entries(Dict(new PickleWriter().Op('}').Text("w").Tensor("0", 8, 0, [8], [1], type: "BoolStorage")))));
    }

    [Fact]
    public void Compressed_entries_are_refused()
    {
        using var stream = new MemoryStream();
        using (var zip = new ZipArchive(stream, ZipArchiveMode.Create, leaveOpen: true))
        {
            using Stream entry = zip.CreateEntry("a/data.pkl", CompressionLevel.Optimal).Open();
            entry.Write(new byte[10_000]);
        }
        RefusedArchive("entry 'a/data.pkl' is compressed", stream.ToArray());
    }

    [Fact]
    public void Entries_that_overlap_are_refused()
    {
        // Every entry of the directory is made to point at the bytes of the first storage, which is most of the file.
        byte[] pickle = Dict(new PickleWriter().Op('}').Text("w").Tensor("0", 2000, 0, [2000], [1]));
        byte[] archive = Zip(
            [("a/data/0", new byte[8000]), ("a/data/1", new byte[8000]), ("a/data/2", new byte[8000]), ("a/data.pkl", pickle)]);
        int second = archive.AsSpan().IndexOf("a/data/1"u8) - 30;
        int third = archive.AsSpan().IndexOf("a/data/2"u8) - 30;
        int last = archive.AsSpan().IndexOf("a/data.pkl"u8) - 30;
        // Cut out the second and third storages, then mend the directory's offsets.
        byte[] cut = [.. archive[..second], .. archive[last..]];
        int removed = last - second;
        for (int at = 0; (at = cut.AsSpan(at).IndexOf("PK\u0001\u0002"u8) is var next and >= 0 ? at + next : -1) >= 0; at += 46)
        {
            int offset = BinaryPrimitives.ReadInt32LittleEndian(cut.AsSpan(at + 42));
            BinaryPrimitives.WriteInt32LittleEndian(
                cut.AsSpan(at + 42), offset == second || offset == third ? 0 : offset == last ? last - removed : offset);
        }
        int end = cut.AsSpan().LastIndexOf("PK\u0005\u0006"u8);
        BinaryPrimitives.WriteInt32LittleEndian(
            cut.AsSpan(end + 16), BinaryPrimitives.ReadInt32LittleEndian(cut.AsSpan(end + 16)) - removed);
        RefusedArchive("lie over the same bytes", cut);
    }

    [Fact]
    public void A_changed_byte_of_a_storage_is_noticed()
    {
        byte[] archive = File.ReadAllBytes(Golden("state_dict.pt"));
        byte[] number = new byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(number, -(1L << 40));
        archive[archive.AsSpan().IndexOf(number)] ^= 1;
        RefusedArchive("the file is damaged", archive);
    }

    [Fact]
    public void Damaged_archives_are_read_or_refused()
    {
        byte[] good = File.ReadAllBytes(Golden("state_dict.pt"));
        Damage.Check(good, bytes => Read(bytes));
        Damage.CheckTruncations(good, bytes => Read(bytes));
        // The last kilobyte or so is the zip directory.
        byte[] small = File.ReadAllBytes(Golden("protocol4.pt"));
        Damage.Check(small, bytes => Read(bytes), cases: 10_000);
    }

    [Fact]
    public void Damaged_pickles_are_read_or_refused()
    {
        foreach (string name in new[] { "state_dict", "protocol4", "checkpoint" })
        {
            // Packed anew, so that no checksum stops the damage before it reaches the pickle.
            var entries = new List<(string Name, byte[] Bytes)>();
            using (ZipArchive zip = ZipFile.OpenRead(Golden($"{name}.pt")))
            {
                foreach (ZipArchiveEntry entry in zip.Entries)
                {
                    using Stream stream = entry.Open();
                    byte[] bytes = new byte[entry.Length];
                    stream.ReadExactly(bytes);
                    entries.Add((entry.FullName, bytes));
                }
            }
            int index = entries.FindIndex(entry => entry.Name == $"{name}/data.pkl");
            byte[] pickle = entries[index].Bytes;
            Damage.Check(pickle, bytes => Unpickler.Read(bytes, "damaged"), cases: 20_000);
            Damage.CheckTruncations(pickle, bytes => Unpickler.Read(bytes, "truncated"));
            Damage.Check(
                pickle,
                bytes =>
                {
                    (string, byte[])[] packed = [.. entries];
                    packed[index].Item2 = bytes;
                    byte[] archive = Zip(packed);
                    Damage.MustSurvive(archive, archive => Read(archive));
                },
                cases: 2000);
        }
    }

    private static OrderedDictionary<string, TensorData> Read(byte[] archive) => 
        PyTorchArchive.Read(new MemoryStream(archive), "test.pt", null).Tensors;

    private static void RefusedArchive(string fault, byte[] archive)
    {
        var e = Assert.Throws<MezzotintException>(() => Read(archive));
        Assert.Contains(fault, e.Message, StringComparison.Ordinal);
        Assert.StartsWith("'test.pt'", e.Message, StringComparison.Ordinal);
        Assert.False(Damage.MustSurvive(archive, bytes => Read(bytes)));
    }

    private static byte[] Dict(PickleWriter withOneItem) => Finish(withOneItem.Op('s'));

    private static byte[] Finish(PickleWriter pickle) => pickle.Op('.').Bytes;

    // The entries of an archive with one storage, bytes of 0x40.
    private static (string Name, byte[] Bytes)[] Entries(byte[] pickle, int storage = 8) =>
        [("a/data.pkl", pickle), ("a/data/0", [.. Enumerable.Repeat((byte)0x40, storage)])];

    private static byte[] Zip((string Name, byte[] Bytes)[] entries)
    {
        using var stream = new MemoryStream();
        using (var zip = new ZipArchive(stream, ZipArchiveMode.Create, leaveOpen: true, Encoding.UTF8))
        {
            foreach (var (name, bytes) in entries)
            {
                using Stream entry = zip.CreateEntry(name, CompressionLevel.NoCompression).Open();
                entry.Write(bytes);
            }
        }
        return stream.ToArray();
    }

    private static string Golden(string name) => Path.Combine(AppContext.BaseDirectory, "Golden", name);
}
