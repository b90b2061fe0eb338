using System.Buffers;
using System.Buffers.Binary;
using System.Text;

namespace Mezzotint.Formats;

/// <summary>A message in protobuf's wire format, field by field: as much of it as ONNX and TensorBoard need.</summary>
/// <remarks>The encoding, protobuf.dev/programming-guides/encoding: a tag (field number and wire type), then a varint, four or
/// eight bytes, or a length and that many bytes.</remarks>
internal sealed class ProtobufWriter
{
    private const int Varint = 0, EightBytes = 1, LengthDelimited = 2, FourBytes = 5;

    private readonly ArrayBufferWriter<byte> _bytes = new();

    public ReadOnlySpan<byte> Bytes => _bytes.WrittenSpan;

    public ProtobufWriter Add(int field, long value)
    {
        WriteVarint(Tag(field, Varint));
        WriteVarint((ulong)value);
        return this;
    }

    public ProtobufWriter Add(int field, float value)
    {
        WriteVarint(Tag(field, FourBytes));
        Span<byte> four = stackalloc byte[sizeof(float)];
        BinaryPrimitives.WriteSingleLittleEndian(four, value);
        _bytes.Write(four);
        return this;
    }

    public ProtobufWriter Add(int field, double value)
    {
        WriteVarint(Tag(field, EightBytes));
        Span<byte> eight = stackalloc byte[sizeof(double)];
        BinaryPrimitives.WriteDoubleLittleEndian(eight, value);
        _bytes.Write(eight);
        return this;
    }

    public ProtobufWriter Add(int field, ReadOnlySpan<byte> bytes)
    {
        WriteVarint(Tag(field, LengthDelimited));
        WriteVarint((ulong)bytes.Length);
        _bytes.Write(bytes);
        return this;
    }

    public ProtobufWriter Add(int field, string text) => Add(field, Encoding.UTF8.GetBytes(text));

    public ProtobufWriter Add(int field, ProtobufWriter message) => Add(field, message.Bytes);

    private static ulong Tag(int field, int type) => ((ulong)field << 3) | (uint)type;

    private void WriteVarint(ulong value)
    {
        for (; value > 0x7f; value >>= 7)
            _bytes.Write([(byte)(value | 0x80)]);
        _bytes.Write([(byte)value]);
    }
}
