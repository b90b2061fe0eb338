namespace Mezzotint.Formats;

/// <summary>The number formats that files of weights hold.</summary>
public enum ElementType
{
    /// <summary>One byte, 0 or 1.</summary>
    Bool,
    /// <summary>Unsigned 8-bit integer.</summary>
    UInt8,
    /// <summary>Signed 8-bit integer.</summary>
    Int8,
    /// <summary>Signed 16-bit integer.</summary>
    Int16,
    /// <summary>Signed 32-bit integer.</summary>
    Int32,
    /// <summary>Signed 64-bit integer.</summary>
    Int64,
    /// <summary>IEEE 754 half precision.</summary>
    Float16,
    /// <summary>The upper half of a float32.</summary>
    BFloat16,
    /// <summary>IEEE 754 single precision.</summary>
    Float32,
    /// <summary>IEEE 754 double precision.</summary>
    Float64,
}

/// <summary>A named array as it stands in a file: its format, its shape, its little-endian bytes in row-major order.</summary>
/// <param name="Type">The number format.</param>
/// <param name="Shape">The lengths of the axes; empty for a single number.</param>
/// <param name="Bytes">Exactly <see cref="ElementCount"/> times <see cref="ElementSize"/> bytes.</param>
public sealed record TensorData(ElementType Type, long[] Shape, ReadOnlyMemory<byte> Bytes)
{
    /// <summary>The number of elements: the product of the shape.</summary>
    public long ElementCount => Shape.Aggregate(1L, (product, length) => checked(product * length));

    /// <summary>The bytes that one element of <paramref name="type"/> takes.</summary>
    public static int ElementSize(ElementType type) => type switch
    {
        ElementType.Bool or ElementType.UInt8 or ElementType.Int8 => 1,
        ElementType.Int16 or ElementType.Float16 or ElementType.BFloat16 => 2,
        ElementType.Int32 or ElementType.Float32 => 4,
        _ => 8,
    };
}
