using System.Runtime.Intrinsics;

namespace Mezzotint.Engine;

/// <summary>Some of the keys that <see cref="Attention"/> goes over, and the products that queries have with them.</summary>
internal sealed unsafe class AttentionBlock
{
    private readonly AttentionShape _shape;
    private readonly (int First, int Channels, int Width, TileShape Shape)[] _columns;
    private readonly int _padded;
    private readonly QueryProducts _whole, _rest; // with blocks of queries, and with the last of them
    private readonly MapProduct? _queryScores, _outputScores, _fromOutputs, _fromQueries, _mixSlopes, _mixSlopesMore;

    /// <summary>Prepares.</summary>
    /// <param name="shape">What attends to what.</param>
    /// <param name="first">The first key.</param>
    /// <param name="count">How many.</param>
    /// <param name="padded">From a query's weights to the next one's: the keys of the largest block, to whole vectors.</param>
    /// <param name="mixed">Likewise of what they mix.</param>
    /// <param name="packsValues">Whether values are packed, and not read where they are.</param>
    /// <param name="training">Whether there are gradients.</param>
    public AttentionBlock(AttentionShape shape, int first, int count, int padded, int mixed, bool packsValues, bool training)
    {
        (_shape, First, Count, _padded, PacksValues) = (shape, first, count, padded, packsValues);
        _columns = [.. Columns(shape)];
        int rest = shape.Queries % Attention.MostQueries;
        _whole = new(this, Math.Min(Attention.MostQueries, shape.Queries), mixed);
        _rest = rest == 0 || shape.Queries < Attention.MostQueries ? _whole : new(this, rest, mixed);
        if (!training)
            return;
        int row = padded * sizeof(float), query = shape.QueryStride * sizeof(float), key = shape.KeyStride * sizeof(float);
        int output = shape.OutputStride * sizeof(float);
        _queryScores = Scores(shape.Queries, query);
        _outputScores = Scores(shape.Queries, output); // do [T, d] v^T [d, K]
        // ds [T, K] k [K, d]
        _mixSlopes = Product(shape.Width, shape.Queries, count, row, sizeof(float), key, query);
        _mixSlopesMore = Product(shape.Width, shape.Queries, count, row, sizeof(float), key, query, TileStart.Output);
        _fromOutputs = Product(shape.Width, count, shape.Queries, sizeof(float), row, output, key);                 // w^T do
        _fromQueries = Product(shape.Width, count, shape.Queries, sizeof(float), row, query, key);                  // ds^T q
    }

    /// <summary>Its first key.</summary>
    public int First { get; }

    public int Count { get; }

    public int Index => First / Attention.MostKeys;

    /// <summary>Whether it mixes values that <see cref="PackValues"/> has packed.</summary>
    public bool PacksValues { get; }

    public MapProduct QueryScores => _queryScores!;

    public MapProduct OutputScores => _outputScores!;

    public MapProduct FromOutputs => _fromOutputs!;

    public MapProduct FromQueries => _fromQueries!;

    /// <summary>The products with a block of so many queries.</summary>
    public QueryProducts Of(int queries) => queries == Attention.MostQueries ? _whole : _rest;

    /// <summary>Slopes times keys, set or added.</summary>
    public MapProduct MixSlopes(bool sets) => sets ? _mixSlopes! : _mixSlopesMore!;

    /// <summary>A head's keys as scores read them, some vectors of keys after the other: [K / vectors, d, vectors], filled up
    /// with zeros. Side by side a kernel's weights are close together, and the nearest cache holds them.</summary>
    /// <param name="from">[all keys, d] at the keys' stride.</param>
    /// <param name="to">d times the keys of the largest block, to whole vectors.</param>
    public void PackKeys(float* from, float* to)
    {
        from += First * (long)_shape.KeyStride;
        int lanes = MapProduct.VectorsOf(_padded) * Lanes.Count, terms = _shape.Terms;
        for (int key = 0; key < _padded; key++, from += _shape.KeyStride)
        {
            float* column = to + (long)(key / lanes) * terms * lanes + key % lanes;
            for (int i = 0; i < terms; i++, column += lanes)
                *column = key < Count ? from[i] : 0;
        }
    }

    /// <summary>A head's values as weights mix them, some channels after the other: [d / channels, K, channels].</summary>
    /// <inheritdoc cref="PackKeys"/>
    public void PackValues(float* from, float* to)
    {
        from += First * (long)_shape.KeyStride;
        foreach (var (first, channels, width, _) in _columns)
            for (int channel = first; channel < first + channels; channel += width)
                for (int key = 0; key < Count; key++, to += width)
                    for (int i = 0; i < width; i += Vector256<float>.Count)
                        Vector256.Load(from + (long)key * _shape.KeyStride + channel + i).Store(to + i);
    }

    /// <summary>
    /// The channels of a head as kernels make them: the first, how many, those of a kernel, and its shape without terms. Where a
    /// vector of 256 bits is half of ours, a head of 40 channels is one and a half, and one, instead of three.
    /// </summary>
    private static IEnumerable<(int First, int Channels, int Width, TileShape Shape)> Columns(AttentionShape shape)
    {
        const int half = Lanes.Count / 2;
        int halves = (shape.Terms + half - 1) / half, first = 0, end = shape.Width;
        TileShape Of(int vectors) =>
            new(false, vectors, 0, TileStart.Zero) { Inputs = [], Outputs = [], Taps = [0] };
        if (TileKernel.IsCode && !TileKernel.IsWide && halves % 2 > 0)
        {
            end = halves * half;
            var odd = Of(halves > 1 ? 1 : 0) with { Half = true };
            yield return (0, first = odd.Width, odd.Width, odd);
        }
        var even = Of(MapProduct.VectorsOf(end - first));
        if (first < end)
            yield return (first, end - first, even.Width, even);
    }

    private MapProduct Scores(int queries, int queryBytes) =>
        new(new(false, MapProduct.VectorsOf(_padded), _shape.Terms, TileStart.Zero) { Inputs = [], Outputs = [], Taps = [0] },
            _padded, queries, 1, new(queryBytes, 0), new(_padded * sizeof(float), 0));

    private static MapProduct Product(int outputs, int places, int terms, int place, int term, int weight, int output,
        TileStart start = TileStart.Zero) =>
        new(new TileShape(false, MapProduct.VectorsOf(outputs), terms, start) { Inputs = [], Outputs = [], Taps = [0],
            TermStep = term, WeightStep = weight },
            outputs, places, 1, new(place, 0), new(output, 0), MapProduct.VectorsOf(outputs) * TileKernel.VectorBytes);

    /// <summary>Products that a block of queries has with a block of keys.</summary>
    public sealed class QueryProducts
    {
        private readonly (MapProduct Set, MapProduct Add, int Values, int Mixed)[] _mix; // and where each begins, in numbers

        public QueryProducts(AttentionBlock keys, int queries, int mixed)
        {
            var shape = keys._shape;
            Scores = keys.Scores(queries, shape.QueryStride * sizeof(float)); // q [T, d] k^T [d, K]
            _mix = [.. keys._columns.Select(columns =>
                (Mix(columns, TileStart.Zero), Mix(columns, TileStart.Output),
                    keys.PacksValues ? columns.First * keys.Count : columns.First, columns.First))];

            // w [T, K] v [K, d]
            MapProduct Mix((int First, int Channels, int Width, TileShape Shape) of, TileStart start)
            {
                int width = of.Width * sizeof(float), value = keys.PacksValues ? width : shape.KeyStride * sizeof(float);
                return new(of.Shape with { Terms = keys.Count, Start = start, WeightStep = value }, of.Channels, queries, 1,
                    new(keys._padded * sizeof(float), 0), new(mixed * sizeof(float), 0),
                    keys.PacksValues ? keys.Count * width : width);
            }
        }

        public MapProduct Scores { get; }

        /// <summary>Weights times values, set or added.</summary>
        /// <param name="weights">[queries, keys].</param>
        /// <param name="values">As <see cref="PackValues"/> leaves them, or the block's first of those given.</param>
        /// <param name="mixed">[queries, d].</param>
        /// <param name="sets">Whether it is set.</param>
        public void Mix(float* weights, float* values, float* mixed, bool sets)
        {
            foreach (var (set, add, value, at) in _mix)
                (sets ? set : add).Run((byte*)weights, (byte*)(values + value), mixed + at);
        }
    }
}
