using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Mezzotint.Engine;

/// <summary>
/// Brings the weights of one block of outputs and some of the inputs, a piece, from the order in which they are stored,
/// [outputs, inputs, taps], to the one in which they are multiplied: [taps, inputs of the piece, outputs of the block].
/// </summary>
internal sealed unsafe class WeightPieces : IDisposable
{
    private const int PieceBytes = 24 << 10, Eight = 8; // a piece fits the nearest cache

    private readonly int _inputs, _taps, _block;
    private readonly NativeArray<int> _places; // of each weight of an output's piece: where it goes

    /// <summary>Prepares.</summary>
    /// <param name="inputs">Of the layer, a multiple of 16.</param>
    /// <param name="taps">Of the layer.</param>
    /// <param name="block">Outputs of a block, a multiple of 16.</param>
    public WeightPieces(int inputs, int taps, int block)
    {
        (_inputs, _taps, _block) = (inputs, taps, block);
        int most = Math.Max(Eight, PieceBytes / (sizeof(float) * taps * block));
        Terms = Enumerable.Range(1, inputs / Eight).Select(n => Eight * n).Last(n => inputs % n == 0 && n <= most);
        Count = inputs / Terms;
        _places = new(Terms * taps);
        for (int i = 0; i < Terms * taps; i++)
            _places.Data[i] = (i % taps * Terms + i / taps) * block;
    }

    /// <summary>Inputs of a piece, a multiple of 8.</summary>
    public int Terms { get; }

    /// <summary>Pieces of a block.</summary>
    public int Count { get; }

    /// <summary>Numbers of a piece.</summary>
    public int Length => Terms * _taps * _block;

    /// <summary>Brings one.</summary>
    /// <param name="weights">Of the layer.</param>
    /// <param name="block">The block's number.</param>
    /// <param name="input">The piece's first input.</param>
    /// <param name="to">Where to: <see cref="Length"/> numbers.</param>
    public void Pack(StoredWeights weights, int block, int input, float* to)
    {
        long first = ((long)block * _block * _inputs + input) * _taps, next = (long)_inputs * _taps;
        for (int output = 0; output < _block; output += Eight, first += Eight * next)
            for (int i = 0; i < _places.Length; i += Eight)
                if (Avx.IsSupported)
                    Transpose(weights, first + i, next, to + output, _places.Data + i);
                else
                    for (int row = 0; row < Eight; row++)
                    {
                        var weight = weights.Load(first + i + row * next);
                        for (int column = 0; column < Eight; column++)
                            to[_places.Data[i + column] + output + row] = weight[column];
                    }
    }

    public void Dispose() => _places.Dispose();

    /// <summary>Eight weights of eight outputs.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Transpose(StoredWeights weights, long first, long next, float* to, int* places)
    {
        var (low0, high0, low1, high1) = Four(weights, first, next);
        var (low2, high2, low3, high3) = Four(weights, first + 4 * next, next);
        Store(low0, low2, to, places, 0);
        Store(high0, high2, to, places, 1);
        Store(low1, low3, to, places, 2);
        Store(high1, high3, to, places, 3);
    }

    /// <summary>Four rows, as columns 0 and 4, 1 and 5, 2 and 6, 3 and 7.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (Vector256<float>, Vector256<float>, Vector256<float>, Vector256<float>) Four(
        StoredWeights weights, long first, long next)
    {
        var (a, b) = (weights.Load(first), weights.Load(first + next));
        var (c, d) = (weights.Load(first + 2 * next), weights.Load(first + 3 * next));
        var (ab, cd) = (Avx.UnpackLow(a, b), Avx.UnpackLow(c, d));
        var (abHigh, cdHigh) = (Avx.UnpackHigh(a, b), Avx.UnpackHigh(c, d));
        return (Avx.Shuffle(ab, cd, 0x44), Avx.Shuffle(ab, cd, 0xEE), Avx.Shuffle(abHigh, cdHigh, 0x44),
            Avx.Shuffle(abHigh, cdHigh, 0xEE));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(Vector256<float> upper, Vector256<float> lower, float* to, int* places, int column)
    {
        Avx.Permute2x128(upper, lower, 0x20).Store(to + places[column]);
        Avx.Permute2x128(upper, lower, 0x31).Store(to + places[column + 4]);
    }
}
