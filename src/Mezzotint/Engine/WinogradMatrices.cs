using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Mezzotint.Engine;

/// <summary>
/// The three matrices of F(4 x 4, 3 x 3), for the points 0, 1, -1, 2, -2 and infinity, and the transposes that a gradient takes:
/// Lavin, Gray 2016, "Fast Algorithms for Convolutional Neural Networks", arXiv 1509.09308, section 4.3. Each takes a column;
/// taken for the columns and then for the rows it does the two sides of a patch.
/// </summary>
/// <remarks>With y = A^T [(G g) * (B^T d)] the gradient of g is G^T [(A y') * (B^T d)].</remarks>
internal static unsafe class WinogradMatrices
{
    /// <summary>Places of a tile, of a patch and taps of weights, along a side.</summary>
    public const int Side = 4, Patch = 6, Kernel = 3;

    /// <summary>Numbers that a patch becomes.</summary>
    public const int Points = Patch * Patch;

    /// <summary>B^T: six places of a patch, as six points.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void PatchToPoints(Vector512<float> d0, Vector512<float> d1, Vector512<float> d2, Vector512<float> d3,
        Vector512<float> d4, Vector512<float> d5, float* to, long next)
    {
        var (two, four, five) = (Vector512.Create(2f), Vector512.Create(4f), Vector512.Create(5f));
        var (even, odd) = (Vector512.FusedMultiplyAdd(-four, d2, d4), Vector512.FusedMultiplyAdd(-four, d1, d3));
        var (evenHalf, oddHalf) = (d4 - d2, two * (d3 - d1));
        Vector512.FusedMultiplyAdd(four, d0, Vector512.FusedMultiplyAdd(-five, d2, d4)).Store(to);
        (even + odd).Store(to + next);
        (even - odd).Store(to + 2 * next);
        (evenHalf + oddHalf).Store(to + 3 * next);
        (evenHalf - oddHalf).Store(to + 4 * next);
        Vector512.FusedMultiplyAdd(four, d1, Vector512.FusedMultiplyAdd(-five, d3, d5)).Store(to + 5 * next);
    }

    /// <summary>G: three weights, as six points.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void WeightsToPoints(Vector512<float> g0, Vector512<float> g1, Vector512<float> g2, float* to, long next)
    {
        var (sixth, twelfth) = (Vector512.Create(1f / 6), Vector512.Create(1f / 12));
        var (even, odd) = (-sixth * (g0 + g2), sixth * g1);
        var (evenHalf, oddHalf) = (Vector512.FusedMultiplyAdd(Vector512.Create(1f / 24), g0, sixth * g2), twelfth * g1);
        (Vector512.Create(0.25f) * g0).Store(to);
        (even - odd).Store(to + next);
        (even + odd).Store(to + 2 * next);
        (evenHalf + oddHalf).Store(to + 3 * next);
        (evenHalf - oddHalf).Store(to + 4 * next);
        g2.Store(to + 5 * next);
    }

    /// <summary>A^T: six points, as four places of a tile.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void PointsToTile(Vector512<float> m0, Vector512<float> m1, Vector512<float> m2, Vector512<float> m3,
        Vector512<float> m4, Vector512<float> m5, float* to, long next)
    {
        var (sum, difference) = (m1 + m2, m1 - m2);
        var (sumOfTwo, differenceOfTwo) = (m3 + m4, m3 - m4);
        (m0 + sum + sumOfTwo).Store(to);
        Vector512.FusedMultiplyAdd(Vector512.Create(2f), differenceOfTwo, difference).Store(to + next);
        Vector512.FusedMultiplyAdd(Vector512.Create(4f), sumOfTwo, sum).Store(to + 2 * next);
        (Vector512.FusedMultiplyAdd(Vector512.Create(8f), differenceOfTwo, difference) + m5).Store(to + 3 * next);
    }

    /// <summary>A: four places of a tile, as six points.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void TileToPoints(
        Vector512<float> y0, Vector512<float> y1, Vector512<float> y2, Vector512<float> y3, float* to, long next)
    {
        var (even, odd) = (y0 + y2, y1 + y3);
        var evenOfTwo = Vector512.FusedMultiplyAdd(Vector512.Create(4f), y2, y0);
        var oddOfTwo = Vector512.FusedMultiplyAdd(Vector512.Create(8f), y3, y1 + y1);
        y0.Store(to);
        (even + odd).Store(to + next);
        (even - odd).Store(to + 2 * next);
        (evenOfTwo + oddOfTwo).Store(to + 3 * next);
        (evenOfTwo - oddOfTwo).Store(to + 4 * next);
        y3.Store(to + 5 * next);
    }

    /// <summary>G^T: six points, as three weights.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void PointsToWeights(Vector512<float> m0, Vector512<float> m1, Vector512<float> m2, Vector512<float> m3,
        Vector512<float> m4, Vector512<float> m5, float* to, long next)
    {
        var (sixth, twelfth) = (Vector512.Create(1f / 6), Vector512.Create(1f / 12));
        var (sum, difference) = (m1 + m2, m2 - m1);
        var (sumOfTwo, differenceOfTwo) = (m3 + m4, m3 - m4);
        Vector512.FusedMultiplyAdd(Vector512.Create(0.25f), m0, Vector512.FusedMultiplyAdd(
            Vector512.Create(1f / 24), sumOfTwo, -sixth * sum)).Store(to);
        Vector512.FusedMultiplyAdd(twelfth, differenceOfTwo, sixth * difference).Store(to + next);
        Vector512.FusedMultiplyAdd(sixth, sumOfTwo - sum, m5).Store(to + 2 * next);
    }
}
