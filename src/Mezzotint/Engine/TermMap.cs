using System.Runtime.Intrinsics;

namespace Mezzotint.Engine;

/// <summary>
/// A map as the sum of a weight's gradient reads it, term by term along its rows: [copy][row][term][channel] of 32 bits, a term being the same channel of two neighbouring
/// columns in bfloat16 or one in float32. Copy k has the columns S i + k - pad.
/// </summary>
internal sealed unsafe class TermMap(int height, int columns, int channels, int pad, int copies, int stride, bool bfloat16) : IDisposable
{
    private readonly NativeArray<uint> _data = new((long)copies * (height + 2 * pad) * TermsOf(columns, bfloat16) * channels);

    /// <summary>Terms of a row.</summary>
    public int Terms { get; } = TermsOf(columns, bfloat16);

    public int TermBytes => channels * sizeof(uint);

    public int RowBytes => Terms * TermBytes;

    public int CopyBytes => (height + 2 * pad) * RowBytes;

    public byte* Data => (byte*)_data.Data;

    /// <summary>Takes a map, of either type, whose border is at least <c>pad</c>; rows outside it stay 0.</summary>
    /// <param name="from">[height, W, channels].</param>
    public void Fill(Map from)
    {
        for (int copy = 0; copy < copies; copy++)
            for (int row = 0; row < height; row++)
            {
                uint* to = _data.Data + ((long)copy * (height + 2 * pad) + row + pad) * Terms * channels;
                for (int term = 0; term < Terms; term++, to += channels)
                    if (bfloat16)
                        Pair(At(from, row, stride * 2 * term + copy - pad), 2 * term + 1 < columns ? At(from, row, stride * (2 * term + 1) + copy - pad) : null, from.Bfloat16, to);
                    else
                        Single(At(from, row, stride * term + copy - pad), from.Bfloat16, to);
            }
    }

    public void Dispose() => _data.Dispose();

    private static int TermsOf(int columns, bool bfloat16) => bfloat16 ? (columns + 1) / 2 : columns;

    private static byte* At(Map map, int row, int column) => map.Origin + row * map.RowBytes + column * map.PlaceBytes;

    private void Pair(byte* first, byte* second, bool fromBfloat16, uint* to)
    {
        int c = 0;
        for (; c + Lanes.Count <= channels; c += Lanes.Count)
        {
            var lower = Load(first);
            var upper = second == null ? Vector512<uint>.Zero : Load(second);
            (lower | (upper << 16)).Store(to + c);

            Vector512<uint> Load(byte* at) => fromBfloat16 ? Bfloat16.Widen(Vector256.Load((ushort*)at + c)) : Bfloat16.Round(Vector512.Load((float*)at + c));
        }
        for (; c < channels; c++)
        {
            to[c] = One(first) | ((second == null ? 0u : One(second)) << 16);

            uint One(byte* at) => fromBfloat16 ? ((ushort*)at)[c] : Bfloat16.Round(((float*)at)[c]);
        }
    }

    private void Single(byte* at, bool fromBfloat16, uint* to)
    {
        for (int c = 0; c < channels; c++)
            to[c] = fromBfloat16 ? (uint)((ushort*)at)[c] << 16 : ((uint*)at)[c];
    }
}
