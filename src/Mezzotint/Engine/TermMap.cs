using System.Runtime.Intrinsics;

namespace Mezzotint.Engine;

/// <summary>
/// Maps of some images as the sum of a weight's gradient reads it, term by term along its rows: [image][copy][row][term][channel]
/// of 32 bits, a term being the same channel of two neighbouring columns in bfloat16 or one in float32, as a stride has them: S i
/// and S (i + 1).
/// </summary>
/// <remarks>
/// A kernel's column k reads the columns S i + k - pad. Those of k + period are the same, a term further on; so there are copies
/// for the first few k alone.
/// </remarks>
internal sealed unsafe class TermMap : IDisposable
{
    private readonly NativeArray<uint> _data, _nothing; // a place of zeros, for columns that there are not
    private readonly int _height, _rows, _channels, _pad, _copies, _stride, _period, _allTerms;
    private readonly bool _bfloat16;

    /// <summary>Describes it.</summary>
    /// <param name="images">How many maps there is room for.</param>
    /// <param name="height">Their rows.</param>
    /// <param name="columns">How many i there are.</param>
    /// <param name="channels">Channels of the maps.</param>
    /// <param name="shape">The kernel's side, stride and padding.</param>
    /// <param name="bfloat16">Which kind of term.</param>
    public TermMap(int images, int height, int columns, int channels, ConvolutionShape shape, bool bfloat16)
    {
        (_height, _channels, _pad, _stride, _bfloat16) = (height, channels, shape.Pad, shape.Stride, bfloat16);
        _period = shape.Stride * (bfloat16 ? 2 : 1);
        _copies = Math.Min(shape.Kernel, _period);
        Terms = bfloat16 ? (columns + 1) / 2 : columns;
        _allTerms = Terms + (shape.Kernel - 1) / _period;
        _nothing = new(channels);
        _rows = shape.Pad + height + shape.After;
        _data = new((long)images * _copies * _rows * _allTerms * channels);
    }

    /// <summary>Terms that a row has for each of the kernel's columns.</summary>
    public int Terms { get; }

    public int TermBytes => _channels * sizeof(uint);

    public int RowBytes => _allTerms * TermBytes;

    /// <summary>Where the first term of a kernel's column is, in bytes.</summary>
    public int ColumnOffset(int k) => k % _period * _rows * RowBytes + k / _period * TermBytes;

    /// <summary>From an image to the next.</summary>
    public int ImageBytes => _copies * _rows * RowBytes;

    public byte* Data => (byte*)_data.Data;

    /// <summary>Takes a map, of either type, whose border is at least <c>pad</c>; rows outside it stay 0.</summary>
    /// <param name="from">[height, W, channels].</param>
    /// <param name="image">Which of the images it is.</param>
    public void Fill(Map from, int image)
    {
        byte* whole = Data + (long)image * ImageBytes;
        int step = _period * from.PlaceBytes, next = _stride * from.PlaceBytes;
        byte* nothing = (byte*)_nothing.Data;
        for (int copy = 0; copy < _copies; copy++)
            for (int row = 0; row < _height; row++)
            {
                uint* to = (uint*)(whole + ((long)copy * _rows + row + _pad) * RowBytes);
                byte* first = from.Origin + row * from.RowBytes + (copy - _pad) * from.PlaceBytes;
                byte* end = from.Origin + row * from.RowBytes + (from.Width + from.Border) * from.PlaceBytes;
                for (int term = 0; term < _allTerms; term++, to += _channels, first += step)
                {
                    byte* one = first < end ? first : nothing, two = first + next < end ? first + next : nothing;
                    if (!_bfloat16)
                        Single(one, from.Bfloat16, to);
                    else if (from.Bfloat16 && _channels % Lanes.Count == 0)
                        for (int c = 0; c < _channels; c += Lanes.Count)
                            (Bfloat16.Widen(Vector256.Load((ushort*)one + c))
                                | (Bfloat16.Widen(Vector256.Load((ushort*)two + c)) << 16)).Store(to + c);
                    else
                        Pair(one, two, from.Bfloat16, to);
                }
            }
    }

    /// <summary>Makes an image's terms 0.</summary>
    public void Clear(int image) => new Span<byte>(Data + (long)image * ImageBytes, ImageBytes).Clear();

    public void Dispose()
    {
        _data.Dispose();
        _nothing.Dispose();
    }

    private void Pair(byte* first, byte* second, bool fromBfloat16, uint* to)
    {
        for (int c = 0; c < _channels; c++)
        {
            to[c] = One(first) | (One(second) << 16);

            uint One(byte* at) => fromBfloat16 ? ((ushort*)at)[c] : Bfloat16.Round(((float*)at)[c]);
        }
    }

    private void Single(byte* at, bool fromBfloat16, uint* to)
    {
        for (int c = 0; c < _channels; c++)
            to[c] = fromBfloat16 ? (uint)((ushort*)at)[c] << 16 : ((uint*)at)[c];
    }
}
