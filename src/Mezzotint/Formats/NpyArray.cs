using System.Buffers.Binary;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;

namespace Mezzotint.Formats;

/// <summary>
/// NumPy's .npy format, version 1.0: one array. The bytes 93 'NUMPY' 1 0, the length of the header (2 bytes, little-endian), the
/// header, then the elements, little-endian, in row-major order. The header is a Python literal in ASCII such as
/// <c>{'descr': '&lt;f4', 'fortran_order': False, 'shape': (2, 3), }</c>, filled with spaces and ended by a line feed so that the
/// elements begin at a multiple of 64 bytes (NumPy enhancement proposal 1).
/// </summary>
public static class NpyArray
{
    private const int PrefixLength = 10;
    private const int Alignment = 64;
    private static ReadOnlySpan<byte> Magic => [0x93, (byte)'N', (byte)'U', (byte)'M', (byte)'P', (byte)'Y', 1, 0];

    private static readonly (ElementType Type, string Description)[] _types =
    [
        (ElementType.UInt8, "|u1"), (ElementType.Int32, "<i4"), (ElementType.Int64, "<i8"), (ElementType.Float32, "<f4"),
        (ElementType.Float64, "<f8"),
    ];

    /// <summary>An array of bytes; <paramref name="shape"/> holds the lengths of its axes, whose product is the number of
    /// values.</summary>
    /// <exception cref="ArgumentException">The shape does not fit the values.</exception>
    public static TensorData Of(ReadOnlySpan<byte> values, params long[] shape) => Make(ElementType.UInt8, values, shape);

    /// <summary>An array of 64-bit integers; <paramref name="shape"/> holds the lengths of its axes, whose product is the number
    /// of values.</summary>
    /// <exception cref="ArgumentException">The shape does not fit the values.</exception>
    public static TensorData Of(ReadOnlySpan<long> values, params long[] shape) => Make(ElementType.Int64, values, shape);

    /// <summary>An array of single-precision numbers; <paramref name="shape"/> holds the lengths of its axes, whose product is
    /// the number of values.</summary>
    /// <exception cref="ArgumentException">The shape does not fit the values.</exception>
    public static TensorData Of(ReadOnlySpan<float> values, params long[] shape) => Make(ElementType.Float32, values, shape);

    /// <summary>Writes one array.</summary>
    /// <param name="stream">Where it goes.</param>
    /// <param name="array">UInt8, Int32, Int64, Float32 or Float64 elements.</param>
    /// <exception cref="ArgumentException">The elements are of another type, or their bytes do not fit the shape.</exception>
    public static void Write(Stream stream, TensorData array)
    {
        ArgumentNullException.ThrowIfNull(stream);
        ArgumentNullException.ThrowIfNull(array);
        string description = _types.FirstOrDefault(entry => entry.Type == array.Type).Description
            ?? throw new ArgumentException($"Arrays of {array.Type} are not written to .npy.", nameof(array));
        if (TensorLayout.ByteCount(array.Type, array.Shape) != array.Bytes.Length)
            throw new ArgumentException(
                $"{array.Bytes.Length} bytes are not an array of {array.Type} of shape ({string.Join(", ", array.Shape)}).",
                nameof(array));
        string axes = string.Join(", ", array.Shape.Select(length => length.ToString(CultureInfo.InvariantCulture)));
        string shape = array.Shape.Length == 1 ? $"({axes},)" : $"({axes})";
        string header = $"{{'descr': '{description}', 'fortran_order': False, 'shape': {shape}, }}";
        int headerLength = (PrefixLength + header.Length + 1 + Alignment - 1) / Alignment * Alignment - PrefixLength;

        var head = new byte[PrefixLength + headerLength];
        Array.Fill(head, (byte)' ');
        Magic.CopyTo(head);
        BinaryPrimitives.WriteUInt16LittleEndian(head.AsSpan(Magic.Length), checked((ushort)headerLength));
        Encoding.ASCII.GetBytes(header, head.AsSpan(PrefixLength));
        head[^1] = (byte)'\n';
        stream.Write(head);
        stream.Write(array.Bytes.Span);
    }

    /// <summary>Reads one array. Big-endian numbers are turned, and types that have no match here are widened: uint16 and int8 to
    /// Int32, uint32 to Int64, float16 to Float32.</summary>
    /// <param name="file">The array's header and its elements, no more and no less.</param>
    /// <returns>The array, with elements of type Bool, UInt8, Int32, Int64, Float32 or Float64.</returns>
    /// <exception cref="MezzotintException">The bytes are not an array in this format, or of a type or order that is not
    /// read.</exception>
    public static TensorData Read(ReadOnlyMemory<byte> file) => ReadTyped(file).Array;

    /// <summary>Reads one array as <see cref="Read"/> does, with NumPy's name of the type it has in the file.</summary>
    internal static NumpyArray ReadTyped(ReadOnlyMemory<byte> file)
    {
        ReadOnlySpan<byte> prefix = file.Span[..Math.Min(file.Length, PrefixLength)];
        if (prefix.Length < PrefixLength || !prefix.StartsWith(Magic[..6]))
            throw new MezzotintException("NumPy's signature is missing");
        if (prefix[6] != 1 || prefix[7] != 0)
            throw new MezzotintException($"it is in version {prefix[6]}.{prefix[7]} of NumPy's format; only 1.0 is read");
        int headerLength = BinaryPrimitives.ReadUInt16LittleEndian(prefix[Magic.Length..]);
        if (headerLength > file.Length - PrefixLength) throw new MezzotintException("it ends inside its header");
        (NumpyType type, long[] shape) = ParseHeader(file.Span.Slice(PrefixLength, headerLength));

        ReadOnlyMemory<byte> elements = file[(PrefixLength + headerLength)..];
        if (TensorLayout.ByteCount(type.Stored, shape) is not { } length || length != elements.Length)
            throw new MezzotintException(
                $"its shape ({string.Join(", ", shape)}) of {type.Name} does not take the {elements.Length} bytes that follow "
                + $"the header");
        return new NumpyArray(type.Convert(elements, shape), type.Name);
    }

    private static (NumpyType Type, long[] Shape) ParseHeader(ReadOnlySpan<byte> header)
    {
        var reader = new HeaderReader(header);
        string? description = null;
        bool? fortranOrder = null;
        long[]? shape = null;
        reader.Expect('{');
        while (!reader.TryTake('}'))
        {
            string key = reader.TakeString();
            reader.Expect(':');
            if (key == "descr" && description is null) description = reader.TakeString();
            else if (key == "fortran_order" && fortranOrder is null) fortranOrder = reader.TakeBoolean();
            else if (key == "shape" && shape is null) shape = reader.TakeShape();
            else throw new MezzotintException("its header has an unknown or repeated entry");
            if (!reader.TryTake(','))
            {
                reader.Expect('}');
                break;
            }
        }
        reader.ExpectEnd();
        if (description is null || fortranOrder is null || shape is null)
            throw new MezzotintException("its header lacks descr, fortran_order or shape");
        if (fortranOrder.Value) throw new MezzotintException("it is stored column by column; save numpy.ascontiguousarray of it");
        return (NumpyType.Of(description), shape);
    }

    private static TensorData Make<T>(ElementType type, ReadOnlySpan<T> values, long[] shape) where T : unmanaged
    {
        ArgumentNullException.ThrowIfNull(shape);
        byte[] bytes = MemoryMarshal.AsBytes(values).ToArray();
        return TensorLayout.ByteCount(type, shape) == bytes.Length
            ? new TensorData(type, shape, bytes)
            : throw new ArgumentException(
                $"{values.Length} values are not an array of shape ({string.Join(", ", shape)}).", nameof(shape));
    }

    /// <summary>Takes the few kinds of Python literal that a header may hold, from left to right; nothing is evaluated.</summary>
    private ref struct HeaderReader(ReadOnlySpan<byte> text)
    {
        private ReadOnlySpan<byte> _rest = text;

        public void Expect(char character)
        {
            if (!TryTake(character)) throw Wrong();
        }

        public bool TryTake(char character)
        {
            SkipSpaces();
            if (_rest.IsEmpty || _rest[0] != character) return false;
            _rest = _rest[1..];
            return true;
        }

        public string TakeString()
        {
            SkipSpaces();
            if (_rest.IsEmpty || _rest[0] is not ((byte)'\'' or (byte)'"')) throw Wrong();
            int end = _rest[1..].IndexOf(_rest[0]);
            if (end < 0 || _rest.Slice(1, end).IndexOfAnyExceptInRange((byte)' ', (byte)'~') >= 0
                || _rest.Slice(1, end).Contains((byte)'\\'))
                throw Wrong();
            string value = Encoding.ASCII.GetString(_rest.Slice(1, end));
            _rest = _rest[(end + 2)..];
            return value;
        }

        public bool TakeBoolean()
        {
            SkipSpaces();
            bool value = _rest.StartsWith("True"u8);
            if (!value && !_rest.StartsWith("False"u8)) throw Wrong();
            _rest = _rest[(value ? 4 : 5)..];
            return value;
        }

        public long[] TakeShape()
        {
            var shape = new List<long>();
            Expect('(');
            while (!TryTake(')'))
            {
                SkipSpaces();
                int digits = _rest.IndexOfAnyExceptInRange((byte)'0', (byte)'9');
                if (digits <= 0 || shape.Count == TensorLayout.MaxRank
                    || !long.TryParse(_rest[..digits], NumberStyles.None, CultureInfo.InvariantCulture, out long length))
                    throw Wrong();
                shape.Add(length);
                _rest = _rest[digits..];
                if (TryTake(',')) continue;
                if (shape.Count == 1) throw Wrong(); // (3) is a number, (3,) a shape
                Expect(')');
                break;
            }
            return [.. shape];
        }

        public void ExpectEnd()
        {
            if (_rest.IsEmpty || _rest[^1] != '\n') throw Wrong();
            _rest = _rest[..^1];
            SkipSpaces();
            if (!_rest.IsEmpty) throw Wrong();
        }

        private void SkipSpaces() => _rest = _rest.TrimStart((byte)' ');

        private readonly MezzotintException Wrong() =>
            new(
                $"its header is not what NumPy writes, from "
                + $"{Printable.Quote(Encoding.Latin1.GetString(_rest[..Math.Min(_rest.Length, 16)]))} on");
    }
}
