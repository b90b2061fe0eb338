using System.Runtime.Intrinsics;
using static Mezzotint.Engine.WinogradMatrices;

namespace Mezzotint.Engine;

/// <summary>
/// A convolution of 3 x 3 of a large network, with a quarter of the multiplications as <see cref="PackedWinograd"/> has it, by
/// threads that read the weights where they lie.
/// </summary>
/// <remarks>
/// The threads first bring the patches of a group of tiles there, which fits the furthest cache. Then each takes some of the
/// tiles and a block of outputs. It brings that block's weights there a part at a time, as they are read where they lie
/// (<see cref="WeightPieces"/>): about a tenth of the multiplying for 64 tiles. The numbers of the 36 products lie a vector
/// further apart than they are long, or all 36 would want the same lines of a cache.
/// The sums differ from those of <see cref="StreamedWeights"/> by rounding alone: WinogradTests has how much.
/// </remarks>
internal sealed unsafe class StreamedWinograd : IDisposable
{
    private const int Taps = Kernel * Kernel;
    private const int Images = 2; // at once, at most
    private const int FewestPlaces = 64, MostTiles = 128, MostTerms = 256, GroupBytes = 12 << 20;

    private readonly Crew _crew;
    private readonly Scratch _scratch;
    private readonly WeightPieces _pieces;
    private readonly WinogradTiles _tiles;
    private readonly int _inputs, _outputs, _block, _blocks, _terms, _part, _group;
    private readonly int _patchStep, _weightStep, _sumStep, _ownNumbers; // numbers from one of the 36 to the next; of a thread
    private readonly Dictionary<int, (MapProduct First, MapProduct More)> _products = []; // by the number of tiles

    /// <summary>Prepares.</summary>
    /// <param name="crew">The threads.</param>
    /// <param name="inputs">Channels of the input, a multiple of 16.</param>
    /// <param name="output">The map that is made, of the input's size; its channels are a multiple of 16.</param>
    /// <param name="shared">Gives memory that it has while it computes, of so many numbers.</param>
    public StreamedWinograd(Crew crew, int inputs, Map output, Func<long, Scratch> shared)
    {
        (_crew, _inputs, _outputs) = (crew, inputs, output.Channels);
        _tiles = new(output.Height, output.Width, inputs);
        int vectors = MapProduct.VectorsOf(_outputs);
        _block = vectors * Lanes.Count;
        _blocks = _outputs / _block;
        _pieces = new(inputs, Taps, _block);
        _terms = _pieces.Terms * Enumerable.Range(1, Math.Max(1, MostTerms / _pieces.Terms)).Last(n => _pieces.Count % n == 0);
        (_part, _group) = Group(_tiles.Count, inputs);
        int rows = 0;
        foreach (int count in new[] { _tiles.Count, Images * _tiles.Count }.SelectMany(Parts).Distinct())
        {
            int together = WinogradTiles.Quotient(count, TileShape.MostPlaces(vectors));
            int columns = WinogradTiles.Quotient(count, together);
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
    }

    /// <summary>Whether it computes such a convolution.</summary>
    public static bool Does(ConvolutionShape shape, Map input, Map output) =>
        WinogradTiles.Do(shape, input, output, FewestPlaces);

    /// <summary>How many rows of the input it reads at the same time; 0 where it does not compute such a convolution.</summary>
    public static int RowsAtOnce(ConvolutionShape shape, EngineValue input, EngineValue output)
    {
        if (!WinogradTiles.IsOfThree(shape) || output.Places < FewestPlaces
            || PackedWeights.Padded(output.Channels) != output.Channels)
            return 0;
        int across = WinogradTiles.Quotient(output.Width, Side), down = WinogradTiles.Quotient(output.Height, Side);
        int group = Group(across * down, input.Channels).Group;
        return Side * Math.Min(down, (group - 2 + across) / across + 1) + Patch - Side; // it may begin in the midst of a row
    }

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
        int tiles = second is null ? _tiles.Count : Images * _tiles.Count;
        input.Ring?.Begin();
        second?.Ring?.Begin();
        for (int first = 0; first < tiles; first += _group)
        {
            int count = Math.Min(_group, tiles - first);
            input.Ring?.MakeUpTo(_tiles.RowsOf(first + count), _crew);
            second?.Ring?.MakeUpTo(_tiles.RowsOf(first + count - _tiles.Count), _crew);
            _crew.Run(count, (Self: this, input, second, first), static (of, tile, _) => of.Self._tiles.BringPatch(
                of.first + tile < of.Self._tiles.Count ? of.input : of.second!, (of.first + tile) % of.Self._tiles.Count,
                of.Self._scratch.Data + (long)tile * of.Self._inputs, of.Self._patchStep));
            _crew.Run(WinogradTiles.Quotient(count, _part) * _blocks,
                (Self: this, first, count, weights, Output: (nint)output, SecondOutput: (nint)secondOutput, Bias: (nint)bias),
                static (of, part, member) => of.Self.Run(of.first, of.count, part, member, of.weights, (float*)of.Output,
                    (float*)of.SecondOutput, (float*)of.Bias));
        }
    }

    public void Dispose()
    {
        _pieces.Dispose();
        _tiles.Dispose();
    }

    /// <summary>The numbers of tiles that are multiplied at once, of so many in all.</summary>
    private IEnumerable<int> Parts(int tiles)
    {
        for (int first = 0; first < tiles; first += _group)
            for (int from = 0; from < Math.Min(_group, tiles - first); from += _part)
                yield return Math.Min(_part, Math.Min(_group, tiles - first) - from);
    }

    private static int Rounded(int count) => WinogradTiles.Quotient(count, Lanes.Count) * Lanes.Count;

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
            float* to = (all < _tiles.Count ? output : secondOutput) + block * _block;
            for (int lane = 0; lane < _block; lane += Lanes.Count)
                _tiles.BringBack(sums + (long)tile * _block + lane, _sumStep, all % _tiles.Count, to + lane, _outputs,
                    bias == null ? Vector512<float>.Zero : Vector512.Load(bias + block * _block + lane), adds: false);
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
                for (int x = 0; x < Kernel; x++)
                    WeightsToPoints(Vector512.Load(weight + x * tap), Vector512.Load(weight + (3 + x) * tap),
                        Vector512.Load(weight + (6 + x) * tap), columns + x * Lanes.Count, 3 * Lanes.Count);
                for (int y = 0; y < Patch; y++)
                {
                    float* row = columns + y * 3 * Lanes.Count;
                    WeightsToPoints(Vector512.Load(row), Vector512.Load(row + Lanes.Count), Vector512.Load(row + 2 * Lanes.Count),
                        to + piece * _block + at + (long)y * Patch * _weightStep, _weightStep);
                }
            }
        }
    }
}
