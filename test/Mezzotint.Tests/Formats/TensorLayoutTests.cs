using System.Runtime.InteropServices;
using CsCheck;
using Mezzotint.Formats;

namespace Mezzotint.Tests.Formats;

public class TensorLayoutTests
{
    [Fact]
    public void Copy_gathers_the_elements_that_the_strides_name() =>
        Gen.Select(Gen.Long[0, 4].Array[0, 4], Gen.Long[0, 13].Array[4], Gen.Long[0, 5]).Sample((shape, allStrides, offset) =>
        {
            long[] strides = allStrides[..shape.Length];
            int count = (int)shape.Aggregate(1L, (product, length) => product * length);
            short[] expected = new short[count];
            long largest = -1;
            for (int n = 0; n < count; n++)
            {
                long element = offset;
                for (int axis = shape.Length - 1, rest = n; axis >= 0; rest /= (int)shape[axis--])
                    element += rest % shape[axis] * strides[axis];
                largest = Math.Max(largest, element);
                expected[n] = (short)element;
            }
            long length = Math.Max(largest + 1, offset);
            Assert.True(TensorLayout.Fits(shape, strides, offset, length));
            Assert.False(length > 0 && TensorLayout.Fits(shape, strides, offset, length - 1));

            short[] storage = [.. Enumerable.Range(0, (int)length).Select(i => (short)i)];
            short[] copy = new short[count];
            TensorLayout.Copy(
                MemoryMarshal.AsBytes(copy.AsSpan()), MemoryMarshal.AsBytes(storage.AsSpan()), 2, shape, strides, offset);
            Assert.Equal(expected, copy);
            if (TensorLayout.IsContiguous(shape, strides))
                Assert.Equal(storage.AsSpan((int)offset, count).ToArray(), copy);
        });

    [Fact]
    public void ByteCount_is_null_where_63_bits_do_not_hold_it()
    {
        Assert.Equal(48, TensorLayout.ByteCount(ElementType.Float64, [2, 3]));
        Assert.Equal(2, TensorLayout.ByteCount(ElementType.BFloat16, []));
        Assert.Equal(0, TensorLayout.ByteCount(ElementType.Float32, [5, 0]));
        Assert.Equal(long.MaxValue, TensorLayout.ByteCount(ElementType.Bool, [long.MaxValue]));
        Assert.Null(TensorLayout.ByteCount(ElementType.Float16, [long.MaxValue]));
        Assert.Null(TensorLayout.ByteCount(ElementType.Bool, [1L << 32, 1L << 31]));
        Assert.Null(TensorLayout.ByteCount(ElementType.Bool, [long.MaxValue, long.MaxValue, long.MaxValue]));
        Assert.Null(TensorLayout.ByteCount(ElementType.Bool, [-1]));
        Assert.Null(TensorLayout.ByteCount(ElementType.Bool, [.. Enumerable.Repeat(1L, 65)]));
    }

    [Fact]
    public void Fits_does_not_overflow()
    {
        Assert.False(TensorLayout.Fits([2, 2], [long.MaxValue, long.MaxValue], long.MaxValue, long.MaxValue));
        Assert.False(TensorLayout.Fits([long.MaxValue], [long.MaxValue], 0, long.MaxValue));
        Assert.True(TensorLayout.Fits([long.MaxValue], [0], 0, 1));
    }

    [Fact]
    // The check value of the polynomial, as catalogues of cyclic redundancy checks give it.
    public void Crc32_of_the_nine_digits_is_the_published_check_value() => Assert.Equal(0xCBF43926, Crc32.Of("123456789"u8));
}
