using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Mezzotint.Engine;

/// <summary>
/// A convolution of 3 x 3 in float32 with a quarter of the multiplications: F(4 x 4, 3 x 3) of Lavin, Gray 2016, "Fast Algorithms
/// for Convolutional Neural Networks", arXiv 1509.09308, section 4.3. Patches of 6 x 6 places, which overlap by two, and weights
/// are both brought to 36 numbers; each of the 36 is a matrix product over the channels; and 36 sums are brought back to 4 x 4
/// places.
/// </summary>
/// <remarks>
/// The threads first bring the patches of a group of tiles there, which fits the furthest cache. Then each takes some of the
/// tiles and a block of outputs. It brings that block's weights there a part at a time, as they are read where they lie
/// (<see cref="WeightPieces"/>): about a tenth of the multiplying for 64 tiles. The numbers of the 36 products lie a vector
/// further apart than they are long, or all 36 would want the same lines of a cache.
/// The sums differ from those of <see cref="StreamedWeights"/> by rounding alone: WinogradTests has how much.
/// </remarks>
internal sealed unsafe class Winograd : IDisposable
{
    private const int Side = 4, Patch = 6, Points = Patch * Patch, Taps = 9;
    private const int Images = 2; // at once, at most
    private const int FewestPlaces = 64, MostTiles = 128, MostTerms = 256, GroupBytes = 12 << 20;

    private readonly Crew _crew;
    private readonly Scratch _scratch;
    private readonly WeightPieces _pieces;
    private readonly NativeArray<float> _zeros;
    private readonly int _height, _width, _across, _tiles, _inputs, _outputs, _block, _blocks, _terms, _part, _group;
    private readonly int _patchStep, _weightStep, _sumStep, _ownNumbers; // numbers from one of the 36 to the next; of a thread
    private readonly Dictionary<int, (MapProduct First, MapProduct More)> _products = []; // by the number of tiles

    /// <summary>Prepares.</summary>
    /// <param name="crew">The threads.</param>
    /// <param name="inputs">Channels of the input, a multiple of 16.</param>
    /// <param name="output">The map that is made, of the input's size; its channels are a multiple of 16.</param>
    /// <param name="shared">Gives memory that it has while it computes, of so many numbers.</param>
    public Winograd(Crew crew, int inputs, Map output, Func<long, Scratch> shared)
    {
        (_crew, _height, _width, _inputs, _outputs) = (crew, output.Height, output.Width, inputs, output.Channels);
        _across = Quotient(_width, Side);
        _tiles = _across * Quotient(_height, Side);
        int vectors = MapProduct.VectorsOf(_outputs);
        _block = vectors * Lanes.Count;
        _blocks = _outputs / _block;
        _pieces = new(inputs, Taps, _block);
        _terms = _pieces.Terms * Enumerable.Range(1, Math.Max(1, MostTerms / _pieces.Terms)).Last(n => _pieces.Count % n == 0);
        (_part, _group) = Group(_tiles, inputs);
        int rows = 0;
        foreach (int count in new[] { _tiles, Images * _tiles }.SelectMany(Parts).Distinct())
        {
            int together = Quotient(count, TileShape.MostPlaces(vectors)), columns = Quotient(count, together);
            rows = Math.Max(rows, together * columns);
            _products.TryAdd(count, (Product(TileStart.Zero), Product(TileStart.Output)));

            MapProduct Product(TileStart start) => new(
                new(false, vectors, _terms, start) { Inputs = [], Outputs = [], Taps = [0] }, _block, together, columns,
                new(columns * inputs * sizeof(float), inputs * sizeof(float)),
                new(columns * _block * sizeof(float), _block * sizeof(float)));
        }
        _patchStep = (_group + rows) * inputs + Lanes.Count; // a product reads some rows past the last tile
        _weightStep = _terms * _block + Lanes.Count;
        _sumStep = rows * _block + Lanes.Count;
        _ownNumbers = Points * (_weightStep + _sumStep) + Rounded(_pieces.Length);
        _scratch = shared((long)Points * _patchStep + (long)crew.Count * _ownNumbers);
        _zeros = new(inputs);
    }

    /// <summary>Whether it computes such a convolution.</summary>
    public static bool Does(ConvolutionShape shape, Map input, Map output) =>
        IsOfThree(shape) && !input.Bfloat16 && input.Border > 0
        && output.Places >= FewestPlaces;

    /// <summary>How many rows of the input it reads at the same time; 0 where it does not compute such a convolution.</summary>
    public static int RowsAtOnce(ConvolutionShape shape, EngineValue input, EngineValue output)
    {
        if (!IsOfThree(shape) || output.Places < FewestPlaces || PackedWeights.Padded(output.Channels) != output.Channels)
            return 0;
        int across = Quotient(output.Width, Side), down = Quotient(output.Height, Side);
        int group = Group(across * down, input.Channels).Group;
        return Side * Math.Min(down, (group - 2 + across) / across + 1) + Patch - Side; // it may begin in the midst of a row
    }

    private static bool IsOfThree(ConvolutionShape shape) => shape is { Kernel: 3, Stride: 1, Pad: 1, After: 1 };

    /// <summary>How many tiles are multiplied at once, and how many are brought there before.</summary>
    private static (int Part, int Group) Group(int tiles, int inputs)
    {
        int most = Math.Min(Images * tiles, Math.Max(1, GroupBytes / (Points * inputs * sizeof(float))));
        int part = Math.Min(MostTiles, most);
        return (part, most / part * part);
    }

    /// <summary>Computes.</summary>
    /// <param name="input">A map of float32 with a border, or one whose rows are made as they are read.</param>
    /// <param name="weights">[outputs, inputs, 3, 3].</param>
    /// <param name="output">[places, outputs].</param>
    /// <param name="bias">[outputs]; null for none.</param>
    /// <param name="second">A map of another image, whose tiles are behind those of the first; null for none.</param>
    /// <param name="secondOutput">Likewise.</param>
    public void Run(Map input, StoredWeights weights, float* output, float* bias, Map? second = null,
        float* secondOutput = null)
    {
        int tiles = second is null ? _tiles : Images * _tiles;
        input.Ring?.Begin();
        second?.Ring?.Begin();
        for (int first = 0; first < tiles; first += _group)
        {
            int count = Math.Min(_group, tiles - first);
            input.Ring?.MakeUpTo(RowsOf(first + count), _crew);
            second?.Ring?.MakeUpTo(RowsOf(first + count - _tiles), _crew);
            _crew.Run(count, (Self: this, input, second, first), static (of, tile, _) => of.Self.BringPatch(
                of.first + tile < of.Self._tiles ? of.input : of.second!, (of.first + tile) % of.Self._tiles,
                of.Self._scratch.Data + (long)tile * of.Self._inputs));
            _crew.Run(Quotient(count, _part) * _blocks,
                (Self: this, first, count, weights, Output: (nint)output, SecondOutput: (nint)secondOutput, Bias: (nint)bias),
                static (of, part, member) => of.Self.Run(of.first, of.count, part, member, of.weights, (float*)of.Output,
                    (float*)of.SecondOutput, (float*)of.Bias));
        }
    }

    public void Dispose()
    {
        _pieces.Dispose();
        _zeros.Dispose();
    }

    /// <summary>The numbers of tiles that are multiplied at once, of so many in all.</summary>
    private IEnumerable<int> Parts(int tiles)
    {
        for (int first = 0; first < tiles; first += _group)
            for (int from = 0; from < Math.Min(_group, tiles - first); from += _part)
                yield return Math.Min(_part, Math.Min(_group, tiles - first) - from);
    }

    /// <summary>The rows that the first tiles of an image read.</summary>
    private int RowsOf(int tiles) => tiles <= 0 ? 0 : Math.Min(_height, Quotient(tiles, _across) * Side + 1);

    private static int Quotient(int of, int by) => (of + by - 1) / by;

    private static int Rounded(int count) => Quotient(count, Lanes.Count) * Lanes.Count;

    /// <summary>Some tiles of a group, and one block of outputs.</summary>
    private void Run(int first, int count, int part, int member, StoredWeights weights, float* output, float* secondOutput,
        float* bias)
    {
        int from = part / _blocks * _part, block = part % _blocks, tiles = Math.Min(_part, count - from);
        float* mine = _scratch.Data + (long)Points * _patchStep + (long)member * _ownNumbers;
        float* sums = mine + (long)Points * _weightStep, packed = sums + (long)Points * _sumStep;
        var (begin, more) = _products[tiles];
        for (int input = 0; input < _inputs; input += _terms)
        {
            BringWeights(weights, block, input, packed, mine);
            float* patches = _scratch.Data + (long)from * _inputs + input;
            for (int point = 0; point < Points; point++)
                (input == 0 ? begin : more).RunBlock(0, (byte*)(patches + (long)point * _patchStep),
                    (byte*)(mine + (long)point * _weightStep), sums + (long)point * _sumStep, null);
        }
        for (int tile = 0; tile < tiles; tile++)
        {
            int all = first + from + tile;
            float* to = (all < _tiles ? output : secondOutput) + block * _block;
            for (int lane = 0; lane < _block; lane += Lanes.Count)
                BringBack(sums + (long)tile * _block + lane, all % _tiles, to + lane,
                    bias == null ? Vector512<float>.Zero : Vector512.Load(bias + block * _block + lane));
        }
    }

    /// <summary>A tile's patch, all channels: B^T d B.</summary>
    private void BringPatch(Map input, int tile, float* to)
    {
        int top = tile / _across * Side - 1, left = tile % _across * Side - 1;
        float** places = stackalloc float*[Points];
        for (int y = 0; y < Patch; y++)
        {
            bool inside = (uint)(top + y) < (uint)_height;
            byte* row = !inside ? null : input.Ring is { } ring ? (byte*)ring.Row(top + y)
                : input.Origin + (long)(top + y) * input.RowBytes;
            for (int x = 0; x < Patch; x++)
                places[y * Patch + x] = inside && (uint)(left + x) < (uint)_width
                    ? (float*)(row + (long)(left + x) * input.PlaceBytes) : _zeros.Data;
        }
        float* columns = stackalloc float[Points * Lanes.Count];
        for (int channel = 0; channel < _inputs; channel += Lanes.Count)
        {
            for (int x = 0; x < Patch; x++)
                Spread(Vector512.Load(places[x] + channel), Vector512.Load(places[Patch + x] + channel),
                    Vector512.Load(places[2 * Patch + x] + channel), Vector512.Load(places[3 * Patch + x] + channel),
                    Vector512.Load(places[4 * Patch + x] + channel), Vector512.Load(places[5 * Patch + x] + channel),
                    columns + x * Lanes.Count, Patch * Lanes.Count);
            for (int y = 0; y < Patch; y++)
            {
                float* row = columns + y * Patch * Lanes.Count;
                Spread(Vector512.Load(row), Vector512.Load(row + Lanes.Count), Vector512.Load(row + 2 * Lanes.Count),
                    Vector512.Load(row + 3 * Lanes.Count), Vector512.Load(row + 4 * Lanes.Count),
                    Vector512.Load(row + 5 * Lanes.Count), to + channel + (long)y * Patch * _patchStep, _patchStep);
            }
        }
    }

    /// <summary>The weights of a block of outputs for some inputs: G g G^T.</summary>
    private void BringWeights(StoredWeights weights, int block, int input, float* packed, float* to)
    {
        int tap = _pieces.Terms * _block;
        float* columns = stackalloc float[Patch * 3 * Lanes.Count];
        for (int piece = 0; piece < _terms; piece += _pieces.Terms)
        {
            _pieces.Pack(weights, block, input + piece, packed);
            for (int at = 0; at < tap; at += Lanes.Count)
            {
                float* weight = packed + at;
                for (int x = 0; x < 3; x++)
                    Widen(Vector512.Load(weight + x * tap), Vector512.Load(weight + (3 + x) * tap),
                        Vector512.Load(weight + (6 + x) * tap), columns + x * Lanes.Count, 3 * Lanes.Count);
                for (int y = 0; y < Patch; y++)
                {
                    float* row = columns + y * 3 * Lanes.Count;
                    Widen(Vector512.Load(row), Vector512.Load(row + Lanes.Count), Vector512.Load(row + 2 * Lanes.Count),
                        to + piece * _block + at + (long)y * Patch * _weightStep, _weightStep);
                }
            }
        }
    }

    /// <summary>16 outputs of a tile: A^T m A, and the bias.</summary>
    private void BringBack(float* sums, int tile, float* output, Vector512<float> bias)
    {
        float* columns = stackalloc float[Side * Patch * Lanes.Count];
        for (int x = 0; x < Patch; x++)
        {
            float* at = sums + (long)x * _sumStep;
            long next = (long)Patch * _sumStep;
            var (a, b, c, d) = Narrowed(Vector512.Load(at), Vector512.Load(at + next), Vector512.Load(at + 2 * next),
                Vector512.Load(at + 3 * next), Vector512.Load(at + 4 * next), Vector512.Load(at + 5 * next));
            float* to = columns + x * Lanes.Count;
            a.Store(to);
            b.Store(to + Patch * Lanes.Count);
            c.Store(to + 2 * Patch * Lanes.Count);
            d.Store(to + 3 * Patch * Lanes.Count);
        }
        int top = tile / _across * Side, left = tile % _across * Side;
        for (int y = 0; y < Math.Min(Side, _height - top); y++)
        {
            float* row = columns + y * Patch * Lanes.Count;
            var (a, b, c, d) = Narrowed(Vector512.Load(row), Vector512.Load(row + Lanes.Count),
                Vector512.Load(row + 2 * Lanes.Count), Vector512.Load(row + 3 * Lanes.Count),
                Vector512.Load(row + 4 * Lanes.Count), Vector512.Load(row + 5 * Lanes.Count));
            float* to = output + ((long)(top + y) * _width + left) * _outputs;
            (a + bias).Store(to);
            if (left + 1 < _width)
                (b + bias).Store(to + _outputs);
            if (left + 2 < _width)
                (c + bias).Store(to + 2 * _outputs);
            if (left + 3 < _width)
                (d + bias).Store(to + 3 * _outputs);
        }
    }

    // The three matrices, for the points 0, 1, -1, 2, -2 and infinity: Lavin, Gray, section 4.3.

    /// <summary>B^T of a column.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Spread(Vector512<float> d0, Vector512<float> d1, Vector512<float> d2, Vector512<float> d3,
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

    /// <summary>G of a column.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Widen(Vector512<float> g0, Vector512<float> g1, Vector512<float> g2, float* to, long next)
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

    /// <summary>A^T of a column.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (Vector512<float>, Vector512<float>, Vector512<float>, Vector512<float>) Narrowed(Vector512<float> m0,
        Vector512<float> m1, Vector512<float> m2, Vector512<float> m3, Vector512<float> m4, Vector512<float> m5)
    {
        var (sum, difference) = (m1 + m2, m1 - m2);
        var (sumOfTwo, differenceOfTwo) = (m3 + m4, m3 - m4);
        return (m0 + sum + sumOfTwo, Vector512.FusedMultiplyAdd(Vector512.Create(2f), differenceOfTwo, difference),
            Vector512.FusedMultiplyAdd(Vector512.Create(4f), sumOfTwo, sum),
            Vector512.FusedMultiplyAdd(Vector512.Create(8f), differenceOfTwo, difference) + m5);
    }
}
