using Mezzotint.Formats;

namespace Mezzotint.Tests.Formats;

public class UnpicklerTests
{
    private static PickleWriter Pickle => new();

    [Fact]
    public void Values_of_every_kind_are_read()
    {
        object? value = Read(Pickle
            .Op('(')
            .Op('N').Op('\x88').Op('\x89')
            .Op('K', 200).Op('M', 0xFF, 0xFF).Op('J', 0xFE, 0xFF, 0xFF, 0xFF).Op('\x8A', 0).Op('\x8A', 1, 0x80).Integer(
                long.MinValue)
            .Op('G', 0xBF, 0xF8, 0, 0, 0, 0, 0, 0)
            .Text("ä").Op('\x8C', 1, (byte)'b').Op('\x8D', 1, 0, 0, 0, 0, 0, 0, 0, (byte)'c')
            .Op(')').Op('K', 1).Op('\x85').Op('K', 1).Op('K', 2).Op('\x86').Op('K', 1).Op('K', 2).Op('K', 3).Op('\x87')
            .Op('t'));
        object?[] tuple = Assert.IsType<object?[]>(value);
        Assert.Equal(
            [null, true, false, 200L, 65535L, -2L, 0L, -128L, long.MinValue, -1.5, "ä", "b", "c"],
            tuple[..13]);
        Assert.Equal([0, 1, 2, 3], tuple[13..].Select(item => Assert.IsType<object?[]>(item).Length));
    }

    [Fact]
    public void Containers_fill_in_order()
    {
        var dictionary = Assert.IsType<PickleDictionary>(Read(Pickle
            .Op('}').Text("one").Op(']').Op('K', 1).Op('a').Op('(').Op('K', 2).Op('K', 3).Op('e').Op('s')
            .Op('(').Text("two").Op('N').Text("three").Op('}').Op('u')));
        Assert.Equal(["one", "two", "three"], dictionary.Items.Select(item => item.Key));
        Assert.Equal([1L, 2L, 3L], Assert.IsType<List<object?>>(dictionary.Items.First().Value));
    }

    [Fact]
    public void The_memo_gives_back_what_was_put()
    {
        object?[] tuple = Assert.IsType<object?[]>(Read(Pickle
            .Op('(').Text("a").Op('q', 0).Text("b").Op('r', 1, 0, 0, 0).Text("c").Op('\x94').Op('h', 2).Op('j', 0, 0, 0, 0).Op(
                't')));
        Assert.Equal(["a", "b", "c", "c", "a"], tuple);
    }

    [Fact]
    public void A_tensor_is_a_view_of_a_storage()
    {
        var tensor = Assert.IsType<PickledTensor>(Read(Pickle.Tensor("7", 10, 1, [2, 3], [3, 1], "cuda:0")));
        Assert.Equal(new PickledStorage(ElementType.Float32, "7", 10), tensor.Storage);
        Assert.Equal(1, tensor.Offset);
        Assert.Equal([2, 3], tensor.Shape);
        Assert.Equal([3, 1], tensor.Strides);

        var parameter = Read(Pickle.Global("torch._utils", "_rebuild_parameter").Op('(')
            .Tensor("7", 10, 1, [2, 3], [3, 1]).Op('\x88').EmptyOrderedDict().Op('t').Op('R'));
        Assert.IsType<PickledTensor>(parameter);
    }

    [Fact]
    public void Only_the_metadata_of_an_OrderedDict_are_built()
    {
        Assert.IsType<PickleDictionary>(
            Read(Pickle.EmptyOrderedDict().Op('}').Text("_metadata").EmptyOrderedDict().Op('s').Op('b')));
        Refused("(BUILD)", Pickle.EmptyOrderedDict().Op('}').Text("__class__").Op('N').Op('s').Op('b'));
        Refused("(BUILD)", Pickle.Op('}').Op('}').Text("_metadata").Op('N').Op('s').Op('b'));
        Refused("(BUILD)", Pickle.EmptyOrderedDict().Op('}').Op('b'));
    }

    [Theory]
    [InlineData("os", "system")]
    [InlineData("posix", "system")]
    [InlineData("builtins", "eval")]
    [InlineData("__builtin__", "exec")]
    [InlineData("torch.serialization", "load")]
    [InlineData("torch._utils", "_rebuild_tensor_v2.__globals__")]
    [InlineData("torch", "_utils._rebuild_tensor_v3")]
    [InlineData("torch", "ComplexFloatStorage")]
    [InlineData("collections", "defaultdict")]
    public void What_other_globals_make_is_one_opaque_value(string module, string name)
    {
        var opaque = new PickleOpaque($"{module}.{name}");
        Assert.Equal(opaque, Read(Pickle.Global(module, name)));
        Assert.Equal(opaque, Read(Pickle.Global(module, name).Op('(').Text("echo").Op('t').Op('R')));
        Assert.Equal(opaque, Read(Pickle.Text(module).Text(name).Op('\x93').Op('(').Text("echo").Op('t').Op('R')));
        // An object of a class, its state, and what it is filled with.
        Assert.Equal(opaque, Read(Pickle.Global(module, name).Op(')').Op('\x81').Op('}').Text("a").Op('N').Op('s').Op('b')));
        Assert.Equal(opaque, Read(Pickle.Global(module, name).Op(')').Op('R').Op('K', 1).Op('N').Op('s').Op('N').Op('a')
            .Op('(').Text("a").Op('N').Op('u').Op('(').Op('N').Op('e')));
    }

    [Fact]
    public void A_tensor_of_a_type_that_is_not_read_is_opaque()
    {
        var opaque = new PickleOpaque("torch.ComplexFloatStorage");
        Assert.Equal(opaque, Read(Pickle.Tensor("0", 1, 0, [1], [1], type: "ComplexFloatStorage")));
        Assert.Equal(opaque, Read(Pickle.Global("torch._utils", "_rebuild_parameter").Op('(')
            .Tensor("0", 1, 0, [1], [1], type: "ComplexFloatStorage").Op('\x88').EmptyOrderedDict().Op('t').Op('R')));
    }

    [Fact]
    public void Bytes_are_passed_over()
    {
        var opaque = new PickleOpaque("builtins.bytes");
        Assert.Equal(opaque, Read(Pickle.Op('C', 2, 1, 2)));
        Assert.Equal(opaque, Read(Pickle.Op('B', 2, 0, 0, 0, 1, 2)));
    }

    [Fact]
    public void Items_whose_keys_are_no_strings_are_dropped()
    {
        var dictionary = Assert.IsType<PickleDictionary>(Read(Pickle
            .Op('}').Op('K', 0).Op(']').Op('s').Text("a").Op('K', 1).Op('s').Op('N').Op('N').Op('s')));
        Assert.Equal(["a"], dictionary.Items.Select(item => item.Key));
        Assert.Equal("an integer", dictionary.OtherKey);
    }

    [Fact]
    public void Every_other_opcode_is_refused_by_name()
    {
        // From the module pickletools of Python 3.11: the opcodes that a state dict does not need.
        var names = new Dictionary<byte, string>
        {
            [0x30] = "POP", [0x31] = "POP_MARK", [0x32] = "DUP", [0x46] = "FLOAT",
            [0x49] = "INT", [0x4C] = "LONG", [0x50] = "PERSID", [0x53] = "STRING", [0x54] = "BINSTRING",
            [0x55] = "SHORT_BINSTRING",
            [0x56] = "UNICODE", [0x64] = "DICT", [0x67] = "GET", [0x69] = "INST", [0x6C] = "LIST", [0x6F] = "OBJ", [0x70] = "PUT",
            [0x82] = "EXT1", [0x83] = "EXT2", [0x84] = "EXT4", [0x8B] = "LONG4", [0x8E] = "BINBYTES8",
            [0x8F] = "EMPTY_SET", [0x90] = "ADDITEMS", [0x91] = "FROZENSET", [0x92] = "NEWOBJ_EX", [0x96] = "BYTEARRAY8",
            [0x97] = "NEXT_BUFFER", [0x98] = "READONLY_BUFFER",
        };
        for (int opcode = 0; opcode < 256; opcode++)
        {
            if (Enum.IsDefined((PickleOpcode)opcode))
                continue;
            string name = names.Remove((byte)opcode, out string? known) ? known : "no opcode of pickle";
            Refused($"0x{opcode:X2} ({name})", Pickle.EmptyOrderedDict().Op((char)opcode, (byte)'o', (byte)'\n'));
        }
        Assert.Empty(names);
    }

    [Fact]
    public void Calls_of_what_is_no_function_are_refused()
    {
        Refused("calls a string", Pickle.Text("os.system").Op('(').Text("echo").Op('t').Op('R'));
        Refused("calls a type or function", Pickle.Global("torch", "FloatStorage").Op(')').Op('R'));
        Refused("no class", Pickle.Global("collections", "OrderedDict").Op(')').Op('\x81'));
        Refused("no tuple", Pickle.Global("collections", "OrderedDict").Op(']').Op('R'));
        Refused("has arguments", Pickle.Global("collections", "OrderedDict").Op(']').Op('\x85').Op('R'));
    }

    [Fact]
    public void Malformed_pickles_are_refused()
    {
        Refused("cut off", [0x80, 2]);
        Refused("cut off", []);
        Refused("cut off", [0x80, 2, (byte)'X', 0xFF, 0xFF, 0xFF, 0xFF, (byte)'.']);
        Refused("cut off", [0x80, 2, 0x8D, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, (byte)'.']);
        Refused("cut off", [0x80, 2, (byte)'c', (byte)'o', (byte)'s']);
        Refused("protocol 1", [0x80, 1, (byte)'N', (byte)'.']);
        Refused("protocol 6", [0x80, 6, (byte)'N', (byte)'.']);
        Refused("frame", [0x80, 4, 0x95, 9, 0, 0, 0, 0, 0, 0, 0, (byte)'N', (byte)'.']);
        Refused("after the end", [(byte)'N', (byte)'.', (byte)'N']);
        Refused("other than one value", Pickle);
        Refused("other than one value", Pickle.Op('N').Op('N'));
        Refused("other than one value", Pickle.Op('(').Op('N'));
        Refused("value that is not there", Pickle.Op('N').Op('(').Op('\x85'));
        Refused("mark that is not there", Pickle.Op('N').Op('t'));
        Refused("a list that is not there", Pickle.Op('}').Op('N').Op('a'));
        Refused("a dict that is not there", Pickle.Op(']').Text("a").Op('N').Op('s'));
        Refused("a key has no value", Pickle.Op('}').Op('(').Text("a").Op('u'));
        Refused("'a' twice", Pickle.Op('}').Text("a").Op('N').Op('s').Text("a").Op('N').Op('s'));
        Refused("never stored", Pickle.Op('h', 0));
        Refused("is stored before", Pickle.Op('N').Op('r', 0xFF, 0xFF, 0xFF, 0xFF));
        Refused("64 bits", Pickle.Op('\x8A', 9, 0, 0, 0, 0, 0, 0, 0, 0, 1));
        Refused("not UTF-8", Pickle.Op('\x8C', 1, 0xFF));
        Refused("no storage", Pickle.Text("storage").Op('Q'));
        Refused("no storage", Pickle.Storage("FloatStorage", "0", "cpu", -1));
        Refused("negative element", Pickle.Tensor("0", 1, -1, [1], [1]));
        Refused("no non-negative integer", Pickle.Tensor("0", 1, 0, [-1], [1]));
        Refused("no non-negative integer", Pickle.Tensor("0", 1, 0, [1], [-1]));
        Refused("2 axes and 1 strides", Pickle.Tensor("0", 1, 0, [1, 1], [1]));
    }

    [Fact]
    public void A_pickle_that_only_makes_objects_is_stopped()
    {
        foreach (char opcode in "}])N(")
        {
            byte[] pickle = new byte[16_000_000];
            pickle.AsSpan().Fill((byte)opcode);
            var e = Assert.Throws<MezzotintException>(() => Unpickler.Read(pickle, "test.pt"));
            Assert.Contains("more than 1000000 objects", e.Message, StringComparison.Ordinal);
            // A million objects of 32 bytes, and a stack that doubled up to them.
            Damage.MustSurvive(pickle[..1_000_001], bytes => Unpickler.Read(bytes, "test.pt"), allowance: 40_000_000);
        }
    }

    private static object? Read(PickleWriter pickle) => Unpickler.Read(pickle.Op('.').Bytes, "test.pt");

    private static void Refused(string fault, PickleWriter pickle) => Refused(fault, pickle.Op('.').Bytes);

    private static void Refused(string fault, byte[] pickle)
    {
        var e = Assert.Throws<MezzotintException>(() => Unpickler.Read(pickle, "test.pt"));
        Assert.Contains(fault, e.Message, StringComparison.Ordinal);
        Assert.StartsWith("'test.pt'", e.Message, StringComparison.Ordinal);
        Assert.False(Damage.MustSurvive(pickle, bytes => Unpickler.Read(bytes, "test.pt")));
    }
}
