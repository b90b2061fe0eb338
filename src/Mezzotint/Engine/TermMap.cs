using System.Runtime.Intrinsics;
using Mezzotint.Runtime;

namespace Mezzotint.Engine;

/// <summary>
/// Maps of some images as the sum of a weight's gradient reads it, term by term along its rows: [block][image][copy][row][term]
/// [channel of the block] of 32 bits, a term being the same channel of two neighbouring columns in bfloat16 or one in float32, as
/// a stride has them: S i and S (i + 1).
/// </summary>
/// <remarks>
/// A product reads few channels and all terms: in blocks these lie close together, and the nearest cache holds them. A kernel's
/// column k reads the columns S i + k - pad. Those of k + period are the same, a term further on; so there are copies
/// for the first few k alone.
/// </remarks>
internal sealed unsafe class TermMap : IDisposable
{
    private readonly NativeArray<uint> _data, _nothing; // a place of zeros, for columns that there are not
    private readonly int _height, _rows, _channels, _block, _pad, _copies, _stride, _period, _allTerms;
    private readonly long _blockFloats;
    private readonly bool _bfloat16;

    /// <summary>Describes it.</summary>
    /// <param name="images">How many maps there is room for.</param>
    /// <param name="height">Their rows.</param>
    /// <param name="columns">How many i there are.</param>
    /// <param name="channels">Channels of the maps.</param>
    /// <param name="block">Channels of a block, of which they are a multiple.</param>
    /// <param name="shape">The kernel's side, stride and padding.</param>
    /// <param name="bfloat16">Which kind of term.</param>
    public TermMap(int images, int height, int columns, int channels, int block, ConvolutionShape shape, bool bfloat16)
    {
        (_height, _channels, _block, _pad, _stride, _bfloat16) = (height, channels, block, shape.Pad, shape.Stride, bfloat16);
        _period = shape.Stride * (bfloat16 ? 2 : 1);
        _copies = Math.Min(shape.Kernel, _period);
        Terms = bfloat16 ? (columns + 1) / 2 : columns;
        _allTerms = Terms + (shape.Kernel - 1) / _period;
        _nothing = new(channels);
        _rows = shape.Pad + height + shape.After;
        _blockFloats = (long)images * _copies * _rows * _allTerms * block;
        _data = new(_blockFloats * (channels / block));
    }

    /// <summary>Terms that a row has for each of the kernel's columns.</summary>
    public int Terms { get; }

    public int TermBytes => _block * sizeof(uint);

    public int RowBytes => _allTerms * TermBytes;

    /// <summary>Where the first term of a kernel's column is, in bytes.</summary>
    public int ColumnOffset(int k) => k % _period * _rows * RowBytes + k / _period * TermBytes;

    /// <summary>From an image to the next.</summary>
    public int ImageBytes => _copies * _rows * RowBytes;

    /// <summary>From a block to the next.</summary>
    public long BlockBytes => _blockFloats * sizeof(uint);

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
                for (int term = 0; term < _allTerms; term++, to += _block, first += step)
                {
                    byte* one = first < end ? first : nothing, two = first + next < end ? first + next : nothing;
                    for (int c = 0; c < _channels; c += _block)
                        Fill(one, two, from.Bfloat16, c, to + c / _block * _blockFloats);
                }
            }
    }

    /// <summary>A term of a block's channels.</summary>
    private void Fill(byte* one, byte* two, bool fromBfloat16, int first, uint* to)
    {
        if (_bfloat16 && fromBfloat16 && _block % Lanes.Count == 0)
            for (int c = 0; c < _block; c += Lanes.Count)
                (Bfloat16.Widen(Vector256.Load((ushort*)one + first + c))
                    | (Bfloat16.Widen(Vector256.Load((ushort*)two + first + c)) << 16)).Store(to + c);
        else if (_bfloat16)
            Pair(one, two, fromBfloat16, first, to);
        else if (!fromBfloat16)
            new ReadOnlySpan<uint>((uint*)one + first, _block).CopyTo(new(to, _block));
        else
            for (int c = 0; c < _block; c++)
                to[c] = (uint)((ushort*)one)[first + c] << 16;
    }

    /// <summary>Makes an image's terms 0.</summary>
    public void Clear(int image)
    {
        for (int block = 0; block < _channels / _block; block++)
            new Span<byte>(Data + block * BlockBytes + (long)image * ImageBytes, ImageBytes).Clear();
    }

    public void Dispose()
    {
        _data.Dispose();
        _nothing.Dispose();
    }

    private void Pair(byte* one, byte* two, bool fromBfloat16, int first, uint* to)
    {
        for (int c = 0; c < _block; c++)
        {
            to[c] = One(one) | (One(two) << 16);

            uint One(byte* at) => fromBfloat16 ? ((ushort*)at)[first + c] : Bfloat16.Round(((float*)at)[first + c]);
        }
    }
}
