using System.Runtime.Intrinsics;
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
    private const int StripBytes = 4 << 20;

    private readonly int _block, _blocks, _strips, _stripRows;
    private readonly bool _bfloat16;
    private readonly (int Input, int Output) _rowBytes;
    private readonly (MapProduct First, MapProduct More) _strip, _lastStrip;
    private readonly WeightPieces _pieces;
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
        (_crew, _bfloat16, _rowBytes) = (crew, shape.Bfloat16, rowBytes);
        _block = shape.Vectors * Lanes.Count;
        _blocks = outputs / _block;
        _pieces = new(inputs, shape.Taps.Length, _block);
        var piece = shape with { Terms = PackedWeights.TermsOf(_pieces.Terms, _bfloat16) };
        int Quotient(int of, int by) => (of + by - 1) / by;
        _stripRows = Quotient(rows, Quotient(rows, Math.Max(1, StripBytes / (rowBytes.Input + rowBytes.Output))));
        _strips = Quotient(rows, _stripRows);
        (MapProduct, MapProduct) Products(int of) => (product(piece, of), product(piece with { Start = TileStart.Output }, of));
        _strip = Products(_stripRows);
        int last = rows - (_strips - 1) * _stripRows;
        _lastStrip = last == _stripRows ? _strip : Products(last);
        _packed = [.. Enumerable.Range(0, crew.Count).Select(_ => new NativeArray<float>(_pieces.Length))];
        _rounded = _bfloat16
            ? [.. Enumerable.Range(0, crew.Count).Select(_ => new NativeArray<float>(_pieces.Length / 2))] : [];
    }

    /// <summary>Computes.</summary>
    /// <param name="input">The first place of the input.</param>
    /// <param name="weights">[outputs, inputs, taps].</param>
    /// <param name="output">[places, outputs].</param>
    /// <param name="bias">[outputs]; null for none.</param>
    /// <param name="second">The first place of the input of another image; null for none.</param>
    /// <param name="secondOutput">Likewise.</param>
    public void Run(
        byte* input, StoredWeights weights, float* output, float* bias, byte* second = null, float* secondOutput = null) =>
        _crew.Run(
            _strips * _blocks,
            (Self: this, Input: (nint)input, weights, Output: (nint)output, Bias: (nint)bias, Second: (nint)second,
                SecondOutput: (nint)secondOutput),
            static (of, part, member) => of.Self.Run(part, member, of.weights, (float*)of.Bias, (byte*)of.Input,
                (float*)of.Output, (byte*)of.Second, (float*)of.SecondOutput));

    private void Run(int part, int member, StoredWeights weights, float* bias, byte* input, float* output, byte* second,
        float* secondOutput)
    {
        var (strip, block) = (part / _blocks, part % _blocks);
        var (first, more) = strip == _strips - 1 ? _lastStrip : _strip;
        long from = (long)strip * _stripRows * _rowBytes.Input, to = (long)strip * _stripRows * _rowBytes.Output;
        input += from;
        output = (float*)((byte*)output + to);
        if (second != null)
        {
            second += from;
            secondOutput = (float*)((byte*)secondOutput + to);
        }
        for (int piece = 0; piece < _pieces.Count; piece++)
        {
            float* packed = _packed[member].Data;
            _pieces.Pack(weights, block, piece * _pieces.Terms, packed);
            if (_bfloat16)
                packed = Pairs(packed, _rounded[member].Data);
            long read = (long)piece * _pieces.Terms * (_bfloat16 ? sizeof(ushort) : sizeof(float));
            var product = piece == 0 ? first : more;
            product.RunBlock(block, input + read, (byte*)packed, output, bias);
            if (second != null)
                product.RunBlock(block, second + read, (byte*)packed, secondOutput, bias);
        }
    }

    public void Dispose()
    {
        _pieces.Dispose();
        foreach (var array in _packed.Concat(_rounded))
            array.Dispose();
    }

    /// <summary>Two terms each as a pair of bfloat16.</summary>
    private float* Pairs(float* packed, float* to)
    {
        uint* pair = (uint*)to;
        for (int term = 0; term < _pieces.Length / _block; term += 2, packed += 2 * _block, pair += _block)
            for (int i = 0; i < _block; i += Lanes.Count)
                (Bfloat16.Round(Vector512.Load(packed + i)) | (Bfloat16.Round(Vector512.Load(packed + _block + i)) << 16))
                    .Store(pair + i);
        return to;
    }
}
