namespace Mezzotint.Formats;

/// <summary>Where the elements of a tensor lie in its bytes.</summary>
/// <remarks>
/// Element (i_0, ..., i_n) of a strided tensor is element number offset + sum of i_k stride_k of its storage. In row-major order,
/// stride_k is the product of the lengths of the axes after k.
/// </remarks>
internal static class TensorLayout
{
    /// <summary>The most axes that a tensor may have: the limit of NumPy and of libtorch's kernels.</summary>
    public const int MaxRank = 64;

    /// <summary>The bytes that a shape takes; null for a negative length, too many axes, or a product beyond 63 bits.</summary>
    public static long? ByteCount(ElementType type, ReadOnlySpan<long> shape)
    {
        if (shape.Length > MaxRank)
            return null;
        Int128 count = 1;
        foreach (long length in shape)
        {
            if (length < 0 || (count *= length) > long.MaxValue)
                return null;
        }
        count *= TensorData.ElementSize(type);
        return count <= long.MaxValue ? (long)count : null;
    }

    /// <summary>True where every byte of a <see cref="ElementType.Bool"/> tensor is 0 or 1; other types have no invalid
    /// bytes.</summary>
    public static bool HasValidBytes(ElementType type, ReadOnlySpan<byte> bytes) =>
        type != ElementType.Bool || !bytes.ContainsAnyExceptInRange((byte)0, (byte)1);

    /// <summary>True where the elements lie one after the other in row-major order.</summary>
    public static bool IsContiguous(ReadOnlySpan<long> shape, ReadOnlySpan<long> strides) =>
        ContiguousAxes(shape, strides) == shape.Length;

    /// <summary>True where every element lies within a storage of <paramref name="length"/> elements. Strides and offset are
    /// not negative, and the shape is one that <see cref="ByteCount"/> accepts.</summary>
    public static bool Fits(ReadOnlySpan<long> shape, ReadOnlySpan<long> strides, long offset, long length)
    {
        if (offset > length)
            return false;
        if (shape.Contains(0))
            return true;
        Int128 last = offset;
        for (int axis = 0; axis < shape.Length; axis++)
            last += (Int128)(shape[axis] - 1) * strides[axis];
        return last < length;
    }

    /// <summary>Copies a strided tensor that <see cref="Fits"/> its storage into row-major order.</summary>
    /// <param name="destination">Exactly the tensor's bytes.</param>
    /// <param name="storage">The storage's bytes.</param>
    /// <param name="elementSize">Bytes an element.</param>
    /// <param name="shape">The lengths of the axes.</param>
    /// <param name="strides">The strides in elements.</param>
    /// <param name="offset">The first element.</param>
    public static void Copy(
        Span<byte> destination, ReadOnlySpan<byte> storage, int elementSize, ReadOnlySpan<long> shape, ReadOnlySpan<long> strides,
        long offset)
    {
        if (destination.IsEmpty)
            return;
        // The last axes that lie in row-major order are copied as one block; the axes before them are counted through.
        int outer = shape.Length - ContiguousAxes(shape, strides);
        int block = elementSize;
        foreach (long length in shape[outer..])
            block *= (int)length;
        Span<long> index = stackalloc long[outer];
        long element = offset;
        while (true)
        {
            storage.Slice((int)(element * elementSize), block).CopyTo(destination);
            destination = destination[block..];
            int axis = outer - 1;
            while (axis >= 0 && ++index[axis] == shape[axis])
            {
                element -= (shape[axis] - 1) * strides[axis];
                index[axis--] = 0;
            }
            if (axis < 0)
                return;
            element += strides[axis];
        }
    }

    // How many axes, counted from the last one, lie in row-major order. The stride of an axis of length 1 says nothing.
    private static int ContiguousAxes(ReadOnlySpan<long> shape, ReadOnlySpan<long> strides)
    {
        if (shape.Contains(0))
            return shape.Length;
        long expected = 1;
        for (int axis = shape.Length - 1; axis >= 0; axis--)
        {
            if (shape[axis] != 1 && strides[axis] != expected)
                return shape.Length - 1 - axis;
            expected *= shape[axis];
        }
        return shape.Length;
    }
}
