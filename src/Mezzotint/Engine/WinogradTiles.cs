using System.Runtime.Intrinsics;
using static Mezzotint.Engine.WinogradMatrices;

namespace Mezzotint.Engine;

/// <summary>
/// A map cut into tiles of 4 x 4 places, each in a patch of 6 x 6 that reaches a place beyond it, as
/// <see cref="WinogradMatrices"/> takes them. Tiles may stand over the map; there it counts as zeros.
/// </summary>
internal sealed unsafe class WinogradTiles : IDisposable
{
    private readonly int _height, _width, _across;
    private readonly NativeArray<float> _zeros;

    /// <summary>Cuts.</summary>
    /// <param name="height">Rows of the map.</param>
    /// <param name="width">Columns.</param>
    /// <param name="channels">The most channels of a map that is read, a multiple of 16.</param>
    public WinogradTiles(int height, int width, int channels)
    {
        (_height, _width, _across) = (height, width, Quotient(width, Side));
        Count = _across * Quotient(height, Side);
        _zeros = new(channels);
    }

    /// <summary>How many there are.</summary>
    public int Count { get; }

    /// <summary>Whether it can compute such a convolution of float32.</summary>
    /// <param name="shape">The sides.</param>
    /// <param name="input">What is read.</param>
    /// <param name="output">What is made.</param>
    /// <param name="places">Of the smallest map for which it is worthwhile.</param>
    public static bool Do(ConvolutionShape shape, Map input, Map output, int places) =>
        IsOfThree(shape) && !input.Bfloat16 && input.Border > 0 && output.Places >= places
        && IsVectors(input) && IsVectors(output);

    /// <summary>Whether a convolution has the sides for which the matrices are.</summary>
    public static bool IsOfThree(ConvolutionShape shape) => shape is { Kernel: Kernel, Stride: 1, Pad: 1, After: 1 };

    /// <summary>Whether the channels of a map are whole vectors.</summary>
    public static bool IsVectors(Map map) => map.Layout.IsFull && map.Channels % Lanes.Count == 0;

    /// <summary>How many parts of a size something has.</summary>
    public static int Quotient(int of, int by) => (of + by - 1) / by;

    /// <summary>The rows that the first tiles read.</summary>
    public int RowsOf(int tiles) => tiles <= 0 ? 0 : Math.Min(_height, Quotient(tiles, _across) * Side + 1);

    /// <summary>All channels of a tile's patch at the 36 points: B^T d B.</summary>
    /// <param name="map">In float32, whole or with rows that are made as they are read.</param>
    /// <param name="tile">Its number.</param>
    /// <param name="to">The first point's; [channels].</param>
    /// <param name="next">From a point's to the next one's.</param>
    public void BringPatch(Map map, int tile, float* to, long next)
    {
        float** places = stackalloc float*[Points];
        float* columns = stackalloc float[Points * Lanes.Count];
        Find(map, tile, 1, Patch, places);
        for (int channel = 0; channel < map.Channels; channel += Lanes.Count)
        {
            for (int x = 0; x < Patch; x++)
                PatchToPoints(Vector512.Load(places[x] + channel), Vector512.Load(places[Patch + x] + channel),
                    Vector512.Load(places[2 * Patch + x] + channel), Vector512.Load(places[3 * Patch + x] + channel),
                    Vector512.Load(places[4 * Patch + x] + channel), Vector512.Load(places[5 * Patch + x] + channel),
                    columns + x * Lanes.Count, Patch * Lanes.Count);
            for (int y = 0; y < Patch; y++)
            {
                float* row = columns + y * Patch * Lanes.Count;
                PatchToPoints(Vector512.Load(row), Vector512.Load(row + Lanes.Count), Vector512.Load(row + 2 * Lanes.Count),
                    Vector512.Load(row + 3 * Lanes.Count), Vector512.Load(row + 4 * Lanes.Count),
                    Vector512.Load(row + 5 * Lanes.Count), to + channel + y * Patch * next, next);
            }
        }
    }

    /// <summary>All channels of a tile itself at the 36 points: A y A^T.</summary>
    /// <inheritdoc cref="BringPatch"/>
    public void BringTile(Map map, int tile, float* to, long next)
    {
        float** places = stackalloc float*[Side * Side];
        float* columns = stackalloc float[Patch * Side * Lanes.Count];
        Find(map, tile, 0, Side, places);
        for (int channel = 0; channel < map.Channels; channel += Lanes.Count)
        {
            for (int x = 0; x < Side; x++)
                TileToPoints(Vector512.Load(places[x] + channel), Vector512.Load(places[Side + x] + channel),
                    Vector512.Load(places[2 * Side + x] + channel), Vector512.Load(places[3 * Side + x] + channel),
                    columns + x * Lanes.Count, Side * Lanes.Count);
            for (int y = 0; y < Patch; y++)
            {
                float* row = columns + y * Side * Lanes.Count;
                TileToPoints(Vector512.Load(row), Vector512.Load(row + Lanes.Count), Vector512.Load(row + 2 * Lanes.Count),
                    Vector512.Load(row + 3 * Lanes.Count), to + channel + y * Patch * next, next);
            }
        }
    }

    /// <summary>16 channels of a tile from its 36 points: A^T m A.</summary>
    /// <param name="points">The first point's; 16 numbers.</param>
    /// <param name="next">From a point's to the next one's.</param>
    /// <param name="tile">The tile's number.</param>
    /// <param name="output">These channels of the map's first place.</param>
    /// <param name="stride">From a place to the next.</param>
    /// <param name="bias">What is added.</param>
    /// <param name="adds">Whether it is added to what is there.</param>
    public void BringBack(float* points, long next, int tile, float* output, int stride, Vector512<float> bias, bool adds)
    {
        float* columns = stackalloc float[Side * Patch * Lanes.Count];
        float* places = stackalloc float[Side * Lanes.Count];
        for (int x = 0; x < Patch; x++)
        {
            float* at = points + x * next;
            PointsToTile(Vector512.Load(at), Vector512.Load(at + Patch * next), Vector512.Load(at + 2 * Patch * next),
                Vector512.Load(at + 3 * Patch * next), Vector512.Load(at + 4 * Patch * next),
                Vector512.Load(at + 5 * Patch * next), columns + x * Lanes.Count, Patch * Lanes.Count);
        }
        int top = tile / _across * Side, left = tile % _across * Side;
        for (int y = 0; y < Math.Min(Side, _height - top); y++)
        {
            float* row = columns + y * Patch * Lanes.Count;
            PointsToTile(Vector512.Load(row), Vector512.Load(row + Lanes.Count), Vector512.Load(row + 2 * Lanes.Count),
                Vector512.Load(row + 3 * Lanes.Count), Vector512.Load(row + 4 * Lanes.Count),
                Vector512.Load(row + 5 * Lanes.Count), places, Lanes.Count);
            float* to = output + ((long)(top + y) * _width + left) * stride;
            for (int x = 0; x < Math.Min(Side, _width - left); x++, to += stride)
            {
                var sum = Vector512.Load(places + x * Lanes.Count) + bias;
                (adds ? Vector512.Load(to) + sum : sum).Store(to);
            }
        }
    }

    public void Dispose() => _zeros.Dispose();

    /// <summary>Where the places of a tile are, and of some more around it.</summary>
    private void Find(Map map, int tile, int around, int side, float** places)
    {
        int top = tile / _across * Side - around, left = tile % _across * Side - around;
        for (int y = 0; y < side; y++)
        {
            bool inside = (uint)(top + y) < (uint)_height;
            byte* row = !inside ? null : map.Ring is { } ring ? (byte*)ring.Row(top + y)
                : map.Origin + (long)(top + y) * map.RowBytes;
            for (int x = 0; x < side; x++)
                places[y * side + x] = inside && (uint)(left + x) < (uint)_width
                    ? (float*)(row + (long)(left + x) * map.PlaceBytes) : _zeros.Data;
        }
    }
}
