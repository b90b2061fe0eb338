using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using Mezzotint.Runtime;

namespace Mezzotint.Engine;

/// <summary>
/// A convolution's product with weights that are read where they lie and packed right before they are multiplied, a piece at a
/// time: for large networks, whose weights then are in memory once, in the type that they are stored in.
/// </summary>
/// <remarks>
/// A piece is the weights of one block of outputs and some of the inputs. It fits the nearest cache and serves every place of a
/// strip of rows; the sums of the pieces before it are read from the output and written again. Packing takes about a cycle for
/// each weight, multiplying four for each 64 places. A strip fits the furthest cache with what is made of it, since every piece
/// reads it anew.
/// </remarks>
internal sealed unsafe class StreamedWeights : IDisposable
{
    private const int PieceBytes = 24 << 10, StripBytes = 4 << 20, Eight = 8;

    private readonly int _inputs, _taps, _block, _blocks, _terms, _pieces, _strips, _stripRows;
    private readonly bool _bfloat16;
    private readonly (int Input, int Output) _rowBytes;
    private readonly (MapProduct First, MapProduct More) _strip, _lastStrip;
    private readonly NativeArray<int> _places; // of each weight of an output's piece: where it goes
    private readonly NativeArray<float>[] _packed, _rounded; // of each thread
    private readonly Crew _crew;

    /// <summary>Prepares.</summary>
    /// <param name="crew">The threads.</param>
    /// <param name="shape">The taps; <see cref="TileShape.Terms"/> are those of all inputs.</param>
    /// <param name="inputs">Channels of the input, a multiple of 16.</param>
    /// <param name="outputs">Channels that are made, a multiple of 16.</param>
    /// <param name="rows">Rows that are made.</param>
    /// <param name="rowBytes">From a row that is made to the next one, in the input and in the output.</param>
    /// <param name="product">Makes the product of a shape over some rows.</param>
    public StreamedWeights(Crew crew, TileShape shape, int inputs, int outputs, int rows, (int Input, int Output) rowBytes,
        Func<TileShape, int, MapProduct> product)
    {
        (_crew, _inputs, _taps, _bfloat16, _rowBytes) = (crew, inputs, shape.Taps.Length, shape.Bfloat16, rowBytes);
        _block = shape.Vectors * Lanes.Count;
        _blocks = outputs / _block;
        int most = Math.Max(Eight, PieceBytes / (sizeof(float) * _taps * _block));
        _terms = Enumerable.Range(1, inputs / Eight).Select(n => Eight * n).Last(n => inputs % n == 0 && n <= most);
        _pieces = inputs / _terms;
        var piece = shape with { Terms = PackedWeights.TermsOf(_terms, _bfloat16) };
        int Quotient(int of, int by) => (of + by - 1) / by;
        _stripRows = Quotient(rows, Quotient(rows, Math.Max(1, StripBytes / (rowBytes.Input + rowBytes.Output))));
        _strips = Quotient(rows, _stripRows);
        (MapProduct, MapProduct) Products(int of) => (product(piece, of), product(piece with { Start = TileStart.Output }, of));
        _strip = Products(_stripRows);
        int last = rows - (_strips - 1) * _stripRows;
        _lastStrip = last == _stripRows ? _strip : Products(last);
        _places = new(_terms * _taps);
        for (int i = 0; i < _terms * _taps; i++)
            _places.Data[i] = (i % _taps * _terms + i / _taps) * _block;
        _packed = [.. Enumerable.Range(0, crew.Count).Select(_ => new NativeArray<float>(_terms * _taps * _block))];
        _rounded = _bfloat16
            ? [.. Enumerable.Range(0, crew.Count).Select(_ => new NativeArray<float>(_terms * _taps * _block / 2))] : [];
    }

    /// <summary>Computes.</summary>
    /// <param name="input">The first place of the input.</param>
    /// <param name="weights">[outputs, inputs, taps].</param>
    /// <param name="output">[places, outputs].</param>
    /// <param name="bias">[outputs]; null for none.</param>
    public void Run(byte* input, StoredWeights weights, float* output, float* bias)
    {
        _crew.Run(_strips * _blocks, (Self: this, Input: (nint)input, weights, Output: (nint)output, Bias: (nint)bias),
            static (of, part, member) =>
                of.Self.Run(part, member, (byte*)of.Input, of.weights, (float*)of.Output, (float*)of.Bias));
    }

    private void Run(int part, int member, byte* input, StoredWeights weights, float* output, float* bias)
    {
        var (strip, block) = (part / _blocks, part % _blocks);
        var (first, more) = strip == _strips - 1 ? _lastStrip : _strip;
        input += (long)strip * _stripRows * _rowBytes.Input;
        output = (float*)((byte*)output + (long)strip * _stripRows * _rowBytes.Output);
        for (int piece = 0; piece < _pieces; piece++)
        {
            float* packed = _packed[member].Data;
            Pack(weights, ((long)block * _block * _inputs + piece * _terms) * _taps, packed);
            if (_bfloat16)
                packed = Pairs(packed, _rounded[member].Data);
            (piece == 0 ? first : more).RunBlock(block, input + (long)piece * _terms * (_bfloat16 ? 2 : 4), (byte*)packed,
                output, bias);
        }
    }

    public void Dispose()
    {
        _places.Dispose();
        foreach (var array in _packed.Concat(_rounded))
            array.Dispose();
    }

    /// <summary>[outputs of a block, terms, taps] to [taps, terms, outputs of a block].</summary>
    private void Pack(StoredWeights weights, long first, float* to)
    {
        long next = (long)_inputs * _taps;
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

    /// <summary>Two terms each as a pair of bfloat16.</summary>
    private float* Pairs(float* packed, float* to)
    {
        uint* pair = (uint*)to;
        for (int term = 0; term < _places.Length; term += 2, packed += 2 * _block, pair += _block)
            for (int i = 0; i < _block; i += Lanes.Count)
                (Bfloat16.Round(Vector512.Load(packed + i)) | (Bfloat16.Round(Vector512.Load(packed + _block + i)) << 16))
                    .Store(pair + i);
        return to;
    }
}
