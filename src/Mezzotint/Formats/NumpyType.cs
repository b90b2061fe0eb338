using System.Runtime.InteropServices;

namespace Mezzotint.Formats;

/// <summary>An array and NumPy's name of the type that its elements have in the file.</summary>
internal sealed record NumpyArray(TensorData Array, string TypeName)
{
    /// <summary>In place of an array that nobody asked for.</summary>
    public static NumpyArray Skipped { get; } = new(new TensorData(ElementType.UInt8, [0], default), "");
}

/// <summary>A type of NumPy's, as a header describes it (<c>&lt;f4</c>), and what becomes of its elements.</summary>
/// <param name="Name">NumPy's name, for messages.</param>
/// <param name="Stored">A type of the same size, for the length in bytes.</param>
/// <param name="Read">The type that the elements have once they are read.</param>
/// <param name="BigEndian">Whether the bytes of an element must be turned.</param>
internal sealed record NumpyType(string Name, ElementType Stored, ElementType Read, bool BigEndian)
{
    private static readonly Dictionary<string, (string Name, ElementType Stored, ElementType? Read)> Types = new()
    {
        ["b1"] = ("bool", ElementType.Bool, ElementType.Bool),
        ["u1"] = ("uint8", ElementType.UInt8, ElementType.UInt8),
        ["i1"] = ("int8", ElementType.Int8, ElementType.Int32),
        ["u2"] = ("uint16", ElementType.Int16, ElementType.Int32),
        ["i2"] = ("int16", ElementType.Int16, ElementType.Int32),
        ["u4"] = ("uint32", ElementType.Int32, ElementType.Int64),
        ["i4"] = ("int32", ElementType.Int32, ElementType.Int32),
        ["u8"] = ("uint64", ElementType.Int64, null),
        ["i8"] = ("int64", ElementType.Int64, ElementType.Int64),
        ["f2"] = ("float16", ElementType.Float16, ElementType.Float32),
        ["f4"] = ("float32", ElementType.Float32, ElementType.Float32),
        ["f8"] = ("float64", ElementType.Float64, ElementType.Float64),
        ["c8"] = ("complex64", ElementType.Int64, null),
        ["c16"] = ("complex128", ElementType.Int64, null),
        ["O"] = ("object", ElementType.Int64, null),
    };

    /// <summary>The type of a header's <c>descr</c>.</summary>
    /// <exception cref="MezzotintException">It is not read; the message names it.</exception>
    public static NumpyType Of(string description)
    {
        char order = description.Length > 0 ? description[0] : ' ';
        bool known = Types.TryGetValue(description.Length > 0 ? description[1..] : "", out var type);
        bool single = known && TensorData.ElementSize(type.Stored) == 1;
        if (!known || type.Read is not { } read || (single ? order != '|' : order is not ('<' or '>')))
        {
            string name = known ? $"{type.Name} ({Printable.Quote(description)})" : Printable.Quote(description);
            throw new MezzotintException(
                $"its elements are of the type {name}, which is not read; save it as uint8, int32, int64, float32 or float64");
        }
        return new NumpyType(order == '>' ? $"big-endian {type.Name}" : type.Name, type.Stored, read, order == '>');
    }

    /// <summary>The elements in the type and order that are read; a view where they have them already.</summary>
    public TensorData Convert(ReadOnlyMemory<byte> elements, long[] shape)
    {
        if (Stored == ElementType.Bool && elements.Span.ContainsAnyExceptInRange((byte)0, (byte)1))
            throw new MezzotintException("it is of bool and has a byte that is neither 0 nor 1");
        if (Stored == Read && !BigEndian)
            return new TensorData(Read, shape, elements);
        byte[] bytes = elements.ToArray();
        int size = TensorData.ElementSize(Stored);
        if (BigEndian)
            for (int i = 0; i < bytes.Length; i += size)
                bytes.AsSpan(i, size).Reverse();
        return new TensorData(Read, shape, Name.Split(' ')[^1] switch
        {
            "int8" => Widen<sbyte, int>(bytes, value => value),
            "uint16" => Widen<ushort, int>(bytes, value => value),
            "int16" => Widen<short, int>(bytes, value => value),
            "uint32" => Widen<uint, long>(bytes, value => value),
            "float16" => Widen<Half, float>(bytes, value => (float)value),
            _ => bytes,
        });
    }

    private static byte[] Widen<TFrom, TTo>(byte[] bytes, Func<TFrom, TTo> convert) where TFrom : unmanaged where TTo : unmanaged
    {
        ReadOnlySpan<TFrom> from = MemoryMarshal.Cast<byte, TFrom>(bytes);
        var wide = new TTo[from.Length];
        for (int i = 0; i < from.Length; i++)
            wide[i] = convert(from[i]);
        return MemoryMarshal.AsBytes(wide.AsSpan()).ToArray();
    }
}
