using System.Buffers.Binary;
using System.Text;

namespace Mezzotint.Tests.Formats;

/// <summary>Writes pickles opcode by opcode, for the tests.</summary>
internal sealed class PickleWriter
{
    private readonly List<byte> _bytes = [0x80, 2];

    public byte[] Bytes => [.. _bytes];

    public PickleWriter Op(char opcode, params byte[] argument)
    {
        _bytes.Add((byte)opcode);
        _bytes.AddRange(argument);
        return this;
    }

    public PickleWriter Global(string module, string name) => Op('c', Encoding.UTF8.GetBytes($"{module}\n{name}\n"));

    public PickleWriter Text(string text)
    {
        byte[] utf8 = Encoding.UTF8.GetBytes(text);
        byte[] length = new byte[4];
        BinaryPrimitives.WriteInt32LittleEndian(length, utf8.Length);
        return Op('X', [.. length, .. utf8]);
    }

    public PickleWriter Integer(long value)
    {
        byte[] bytes = new byte[9];
        bytes[0] = 8;
        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(1), value);
        return Op('\x8A', bytes);
    }

    public PickleWriter Integers(params long[] values)
    {
        Op('(');
        foreach (long value in values)
            Integer(value);
        return Op('t');
    }

    public PickleWriter Storage(string type, string key, string device, long count) =>
        Op('(').Text("storage").Global("torch", type).Text(key).Text(device).Integer(count).Op('t').Op('Q');

    /// <summary>A call of _rebuild_tensor_v2 on a float storage.</summary>
    public PickleWriter Tensor(
        string key, long count, long offset, long[] shape, long[] strides, string device = "cpu", string type = "FloatStorage") =>
        Global("torch._utils", "_rebuild_tensor_v2").Op('(').Storage(type, key, device, count).Integer(offset)
            .Integers(shape).Integers(strides).Op('\x89').EmptyOrderedDict().Op('t').Op('R');

    public PickleWriter EmptyOrderedDict() => Global("collections", "OrderedDict").Op(')').Op('R');
}
