using System.Runtime.Intrinsics;
using static Mezzotint.Engine.WinogradMatrices;

namespace Mezzotint.Engine;

/// <summary>
/// The gradient of the weights of a convolution of 3 x 3 with a quarter of the multiplications: at each of the 36 points the
/// product of the patches that were read and of the gradient's tiles, summed over tiles and images, and brought back to 3 x 3
/// when it is taken: G^T [(B^T d B) * (A y' A^T)] G.
/// </summary>
internal sealed unsafe class WinogradGradient : IWeightGradient
{
    /// <summary>Tiles that are worth reading and writing all sums for.</summary>
    private const int WorthwhileTiles = 64;

    private readonly WinogradPatches _patches;
    private readonly NativeArray<float> _gradients, _sums; // [point][image][tile][small]; [point][big][small]
    private readonly MapProduct _product;
    private readonly int _big, _small, _gradientStep, _sumStep;
    private int _waiting; // images that are gathered and not multiplied yet

    /// <summary>Prepares.</summary>
    /// <param name="patches">Those of the big map, which the convolution makes.</param>
    /// <param name="small">The gradient of the map that it makes.</param>
    public WinogradGradient(WinogradPatches patches, Map small)
    {
        (_patches, _big, _small) = (patches, patches.Channels, small.Channels);
        int terms = patches.Images * patches.Tiles.Count, vectors = MapProduct.VectorsOf(_small);
        int rows = WinogradTiles.Quotient(_big, TileShape.MostPlaces(vectors)), columns = WinogradTiles.Quotient(_big, rows);
        _product = new(
            new(false, vectors, terms, TileStart.Output)
            {
                Inputs = [], Outputs = [], Taps = [0], TermStep = _big * sizeof(float), WeightStep = _small * sizeof(float),
            },
            _small, rows, columns, new(columns * sizeof(float), sizeof(float)),
            new(columns * _small * sizeof(float), _small * sizeof(float)), vectors * TileKernel.VectorBytes);
        _gradientStep = terms * _small + Lanes.Count;
        _sumStep = rows * columns * _small + Lanes.Count; // a product makes some rows past the last channel
        _gradients = new((long)Points * _gradientStep);
        _sums = new((long)Points * _sumStep);
    }

    /// <summary>Of how many images it multiplies the patches together, of so many tiles each.</summary>
    public static int Images(int tiles) => Math.Max(1, WorthwhileTiles / tiles);

    public void Add(Map big, Map small)
    {
        for (int tile = 0; tile < _patches.Tiles.Count; tile++)
            _patches.Tiles.BringTile(small, tile, Gradient(_waiting) + (long)tile * _small, _gradientStep);
        if (++_waiting == _patches.Images)
            Multiply();
        _patches.Image = _waiting;
    }

    public void Take(float* to, bool reversed = false)
    {
        if (reversed)
            throw new NotSupportedException("Only a convolution's own weights have such a gradient.");
        if (_waiting > 0)
        {
            int rest = (_patches.Images - _waiting) * _patches.Tiles.Count * _small;
            for (int point = 0; point < Points; point++)
                new Span<float>(Gradient(_waiting) + (long)point * _gradientStep, rest).Clear();
            Multiply();
            _patches.Image = 0;
        }
        const int taps = Kernel * Kernel;
        float* columns = stackalloc float[Kernel * Patch * Lanes.Count];
        float* weights = stackalloc float[taps * Lanes.Count];
        for (int big = 0; big < _big; big++)
            for (int small = 0; small < _small; small += Lanes.Count)
            {
                float* from = _sums.Data + (long)big * _small + small;
                long next = (long)Patch * _sumStep;
                for (int x = 0; x < Patch; x++, from += _sumStep)
                    PointsToWeights(Vector512.Load(from), Vector512.Load(from + next), Vector512.Load(from + 2 * next),
                        Vector512.Load(from + 3 * next), Vector512.Load(from + 4 * next), Vector512.Load(from + 5 * next),
                        columns + x * Lanes.Count, Patch * Lanes.Count);
                for (int y = 0; y < Kernel; y++)
                {
                    float* row = columns + y * Patch * Lanes.Count;
                    PointsToWeights(Vector512.Load(row), Vector512.Load(row + Lanes.Count), Vector512.Load(row + 2 * Lanes.Count),
                        Vector512.Load(row + 3 * Lanes.Count), Vector512.Load(row + 4 * Lanes.Count),
                        Vector512.Load(row + 5 * Lanes.Count), weights + y * Kernel * Lanes.Count, Lanes.Count);
                }
                float* at = to + ((long)small * _big + big) * taps;
                for (int lane = 0; lane < Lanes.Count; lane++, at += (long)_big * taps)
                    for (int tap = 0; tap < taps; tap++)
                        at[tap] += weights[tap * Lanes.Count + lane];
            }
        _sums.Clear();
    }

    public void Dispose()
    {
        _patches.Dispose();
        _gradients.Dispose();
        _sums.Dispose();
    }

    private float* Gradient(int image) => _gradients.Data + (long)image * _patches.Tiles.Count * _small;

    private void Multiply()
    {
        _waiting = 0;
        for (int point = 0; point < Points; point++)
            _product.Run((byte*)(_patches.Of(0) + (long)point * _patches.Step),
                (byte*)(_gradients.Data + (long)point * _gradientStep), _sums.Data + (long)point * _sumStep);
    }
}
