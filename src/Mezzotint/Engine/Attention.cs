using System.Runtime.Intrinsics;

namespace Mezzotint.Engine;

/// <summary>What attends to what.</summary>
/// <param name="Queries">T: tokens that ask.</param>
/// <param name="Keys">K: tokens that are asked.</param>
/// <param name="Heads">n.</param>
/// <param name="Width">d, a multiple of 16: a head's channels.</param>
internal readonly record struct AttentionShape(int Queries, int Keys, int Heads, int Width)
{
    /// <summary>Whether a token sees only itself and those before it.</summary>
    public bool Causal { get; init; }

    /// <summary>Which keys are seen: [K]; null for all.</summary>
    public bool[]? Seen { get; init; }

    /// <summary>From a token to the next in the queries and their gradient, in numbers.</summary>
    public required int QueryStride { get; init; }

    /// <summary>Likewise in keys and values.</summary>
    public required int KeyStride { get; init; }

    public int OutputStride => Heads * Width;

    /// <summary>The channels of a head without those that fill it up.</summary>
    public int Terms { get; init; } = Width;

    /// <summary>1 / sqrt(d), where d is the channels of a head without those that fill it up.</summary>
    public float Scale { get; init; } = (float)(1 / Math.Sqrt(Width));
}

/// <summary>
/// softmax(q k^T / sqrt(d)) v in heads, in float32, by blocks of keys: memory grows with the number of queries, not with its
/// square. Vaswani et al. 2017, arXiv 1706.03762, equation 1; the running maximum and sum of Milakov, Gimelshein 2018, arXiv
/// 1805.02867, algorithm 3; blocks and their gradients as in Dao et al. 2022, arXiv 2205.14135, algorithms 1 and 4.
/// </summary>
internal sealed unsafe class Attention : IDisposable
{
    /// <summary>
    /// Keys of a block. The weights of a single one are kept for the gradients; those of several are computed again.
    /// </summary>
    public const int MostKeys = 256;

    /// <summary>Queries of a block: with as many keys their weights fit a core's own cache.</summary>
    private const int MostQueries = 96;

    private readonly AttentionShape _shape;
    private readonly Crew _crew;
    private readonly KeyBlock[] _blocks;
    private readonly int _padded;
    private readonly NativeArray<float> _highest, _sums;
    private readonly NativeArray<float>? _transposed;
    private readonly Scratch? _shared; // in its place
    private readonly NativeArray<float>? _weights, _slopes; // of all queries, for the gradients
    private readonly NativeArray<float>[] _scratch; // of each thread: the weights of a block of queries

    /// <summary>Prepares.</summary>
    /// <param name="shape">What attends to what.</param>
    /// <param name="training">Whether it has gradients.</param>
    /// <param name="crew">The threads; null for the caller's alone.</param>
    /// <param name="shared">Gives memory that it has while it computes, of so many numbers; null for memory of its own.</param>
    public Attention(AttentionShape shape, bool training, Crew? crew = null, Func<long, Scratch>? shared = null)
    {
        (_shape, _crew) = (shape, crew ?? Crew.Alone);
        int count = (shape.Keys + MostKeys - 1) / MostKeys;
        _padded = PackedWeights.Padded(Math.Min(shape.Keys, MostKeys));
        long transposed = (long)shape.Heads * count * shape.Width * _padded;
        _shared = shared?.Invoke(transposed);
        _transposed = _shared is null ? new(transposed) : null;
        _highest = new((long)shape.Heads * shape.Queries);
        _sums = new((long)shape.Heads * shape.Queries);
        if (training)
        {
            _weights = new((long)(count == 1 ? shape.Heads : 1) * shape.Queries * _padded);
            _slopes = new((long)shape.Queries * _padded);
        }
        _scratch = [.. Enumerable.Range(0, _crew.Count).Select(_ => new NativeArray<float>((long)MostQueries * _padded))];
        _blocks = [.. Enumerable.Range(0, count).Select(i => new KeyBlock(
            shape, i * MostKeys, Math.Min(MostKeys, shape.Keys - i * MostKeys), _padded, training))];
    }

    private bool IsSingle => _blocks.Length == 1;

    private int QueryBlocks => (_shape.Queries + MostQueries - 1) / MostQueries;

    /// <summary>Computes.</summary>
    /// <param name="q">[T, n d] at the queries' stride.</param>
    /// <param name="k">[K, n d] at the keys'; likewise v.</param>
    /// <param name="v">What is mixed.</param>
    /// <param name="output">[T, n d].</param>
    public void Forward(float* q, float* k, float* v, float* output)
    {
        _crew.Run(_shape.Heads * _blocks.Length, (Self: this, K: (nint)k), static (of, i, _) =>
            of.Self.Transpose(of.Self._blocks[i % of.Self._blocks.Length],
                (float*)of.K + i / of.Self._blocks.Length * of.Self._shape.Width, of.Self.Transposed(i)));
        _crew.Run(_shape.Heads * QueryBlocks, (Self: this, Q: (nint)q, V: (nint)v, Output: (nint)output),
            static (of, i, member) => of.Self.Forward(i, member, (float*)of.Q, (float*)of.V, (float*)of.Output));
    }

    private void Forward(int piece, int member, float* q, float* v, float* output)
    {
        var (head, first) = (piece / QueryBlocks, piece % QueryBlocks * MostQueries);
        float* weights = IsSingle && _weights is not null ? Weights(head) + (long)first * _padded : _scratch[member].Data;
        Forward(new(head, first, Math.Min(MostQueries, _shape.Queries - first)), q, v, output, weights);
    }

    /// <summary>Some queries of a head.</summary>
    private void Forward(QueryBlock queries, float* q, float* v, float* output, float* weights)
    {
        var (head, first, count) = queries;
        long channel = (long)head * _shape.Width;
        q += channel + (long)first * _shape.QueryStride;
        output += channel + (long)first * _shape.OutputStride;
        foreach (var block in _blocks)
        {
            var products = block.Of(count);
            products.Scores.Run((byte*)q, (byte*)Transposed(head * _blocks.Length + block.Index), weights);
            for (int query = 0; query < count; query++)
                Weigh(block, head, first + query, weights + (long)query * _padded, output + (long)query * _shape.OutputStride);
            products.Mix(IsSingle || block.First == 0).Run((byte*)weights,
                (byte*)(v + channel + block.First * (long)_shape.KeyStride), output);
        }
        for (int query = 0; query < count && !IsSingle; query++)
            Elementwise.Scale(output + (long)query * _shape.OutputStride, Inverse(Sums(head)[first + query]), _shape.Width);
    }

    /// <summary>The gradients of q, k and v: set, not added to.</summary>
    public void Backward(float* q, float* k, float* v, float* output, float* gradient, float* qGradient, float* kGradient,
        float* vGradient)
    {
        for (int head = 0; head < _shape.Heads; head++)
        {
            int first = head * _shape.Width;
            foreach (var block in _blocks)
            {
                long keys = first + block.First * (long)_shape.KeyStride;
                float* weights = Weights(head), slopes = _slopes!.Data;
                if (!IsSingle)
                    WeighAgain(block, head, q + first, k + first);
                block.FromOutputs.Run((byte*)weights, (byte*)(gradient + first), vGradient + keys);
                Transpose(block, v + first, Transposed(0));
                block.OutputScores.Run((byte*)(gradient + first), (byte*)Transposed(0), slopes);
                for (int query = 0; query < _shape.Queries; query++)
                    Slope(weights + (long)query * _padded, slopes + (long)query * _padded, gradient + first, output + first,
                        query);
                block.MixSlopes(block.First == 0).Run((byte*)slopes, (byte*)(k + keys), qGradient + first);
                block.FromQueries.Run((byte*)slopes, (byte*)(q + first), kGradient + keys);
            }
        }
    }

    public void Dispose()
    {
        foreach (var array in new[] { _weights, _transposed, _slopes, _highest, _sums }.Concat(_scratch))
            array?.Dispose();
    }

    private float* Transposed(int headAndBlock) => (_shared is null ? _transposed!.Data : _shared.Data)
        + (long)headAndBlock * _shape.Width * _padded;

    private float* Weights(int head) => _weights!.Data + (IsSingle ? (long)head * _shape.Queries * _padded : 0);

    private float* Highest(int head) => _highest.Data + (long)head * _shape.Queries;

    private float* Sums(int head) => _sums.Data + (long)head * _shape.Queries;

    /// <summary>1 / sum; 0 where a query sees no key.</summary>
    private static float Inverse(float sum) => sum > 0 ? 1 / sum : 0;

    /// <summary>How many keys of a block a query sees, those that are not seen at all aside.</summary>
    private int Visible(KeyBlock block, int query) =>
        _shape.Causal ? Math.Clamp(query + 1 - block.First, 0, block.Count) : block.Count;

    /// <summary>A block's keys of a head, [K, d] to [d, K], filled up with zeros.</summary>
    private void Transpose(KeyBlock block, float* from, float* to)
    {
        from += block.First * (long)_shape.KeyStride;
        for (int key = 0; key < block.Count; key++, from += _shape.KeyStride)
            for (int i = 0; i < _shape.Width; i++)
                to[(long)i * _padded + key] = from[i];
        for (int i = 0; i < _shape.Width && block.Count < _padded; i++)
            new Span<float>(to + (long)i * _padded + block.Count, _padded - block.Count).Clear();
    }

    /// <summary>
    /// e^(score - highest) of a query, in place of its scores; what was mixed before is brought to the new maximum.
    /// </summary>
    private void Weigh(KeyBlock block, int head, int query, float* row, float* output)
    {
        int visible = Visible(block, query);
        Hide(block, row, visible, float.NegativeInfinity);
        float before = block.First == 0 ? float.NegativeInfinity : Highest(head)[query],
            highest = MathF.Max(before, Largest(row));
        float sum = Exponentials(block, row, visible, highest);
        Highest(head)[query] = highest;
        if (IsSingle)
        {
            Elementwise.Scale(row, Inverse(sum), _padded);
            return;
        }
        float kept = block.First == 0 || before == float.NegativeInfinity ? 0 : Rounded.Exp((before - highest) * _shape.Scale);
        Sums(head)[query] = kept * (block.First == 0 ? 0 : Sums(head)[query]) + sum;
        if (block.First > 0 && kept != 1)
            Elementwise.Scale(output, kept, _shape.Width);
    }

    private void WeighAgain(KeyBlock block, int head, float* q, float* k)
    {
        Transpose(block, k, Transposed(0));
        block.QueryScores.Run((byte*)q, (byte*)Transposed(0), Weights(head));
        for (int query = 0; query < _shape.Queries; query++)
        {
            float* row = Weights(head) + (long)query * _padded;
            Hide(block, row, Visible(block, query), float.NegativeInfinity);
            Exponentials(block, row, Visible(block, query), Highest(head)[query]);
            Elementwise.Scale(row, Inverse(Sums(head)[query]), _padded);
        }
    }

    /// <summary>Gives the keys that a query does not see a number.</summary>
    private void Hide(KeyBlock block, float* row, int visible, float value)
    {
        for (int i = visible; i < _padded; i++)
            row[i] = value;
        for (int i = 0; i < visible && _shape.Seen is not null; i++)
            if (!_shape.Seen[block.First + i])
                row[i] = value;
    }

    private float Largest(float* row)
    {
        var highest = Vector512.Create(float.NegativeInfinity);
        for (int i = 0; i < _padded; i += Lanes.Count)
            highest = Vector512.Max(highest, Vector512.Load(row + i));
        return Lanes.Largest(highest);
    }

    /// <summary>e^(scale (score - highest)) in place, 0 where nothing is seen; and their sum.</summary>
    private float Exponentials(KeyBlock block, float* row, int visible, float highest)
    {
        if (highest == float.NegativeInfinity)
        {
            new Span<float>(row, _padded).Clear();
            return 0;
        }
        var (top, sum) = (Vector512.Create(highest), Vector512<float>.Zero);
        var scale = Vector512.Create(_shape.Scale * 1.44269504f); // e^x = 2^(x / ln 2)
        for (int i = 0; i < _padded; i += Lanes.Count)
        {
            var weight = Lanes.Exp2((Vector512.Load(row + i) - top) * scale);
            weight.Store(row + i);
            sum += weight;
        }
        Hide(block, row, visible, 0); // it was 2^-126
        return Vector512.Sum(sum);
    }

    /// <summary>
    /// The gradient of a query's scores, in place of that of its weights: w (dw - sum of w dw) / sqrt(d); the sum is that of o
    /// do.
    /// </summary>
    private void Slope(float* weight, float* row, float* gradient, float* output, int query)
    {
        long at = (long)query * _shape.OutputStride;
        float mean = IsSingle ? Elementwise.Dot(row, weight, _padded) : Elementwise.Dot(gradient + at, output + at, _shape.Width);
        var means = Vector512.Create(mean);
        for (int i = 0; i < _padded; i += Lanes.Count)
            (Vector512.Load(weight + i) * (Vector512.Load(row + i) - means) * _shape.Scale).Store(row + i);
    }

    /// <summary>Some queries of a head.</summary>
    private readonly record struct QueryBlock(int Head, int First, int Count);

    /// <summary>Products that a block of queries has with a block of keys.</summary>
    private sealed class QueryProducts
    {
        private readonly MapProduct _mix, _mixMore;

        public QueryProducts(AttentionShape shape, int queries, int keys, int padded)
        {
            int row = padded * sizeof(float), key = shape.KeyStride * sizeof(float), output = shape.OutputStride * sizeof(float);
            // q [T, d] k^T [d, K]
            Scores = Product(padded, queries, shape.Terms, shape.QueryStride * sizeof(float), sizeof(float), row, row);
            // w [T, K] v [K, d]
            _mix = Product(shape.Width, queries, keys, row, sizeof(float), key, output);
            _mixMore = Product(shape.Width, queries, keys, row, sizeof(float), key, output, TileStart.Output);
        }

        public MapProduct Scores { get; }

        /// <summary>Weights times values, set or added.</summary>
        public MapProduct Mix(bool sets) => sets ? _mix : _mixMore;
    }

    /// <summary>The products of a block of keys.</summary>
    private sealed class KeyBlock
    {
        private readonly QueryProducts _whole, _rest; // with blocks of queries, and with the last of them
        private readonly MapProduct? _queryScores, _outputScores, _fromOutputs, _fromQueries, _mixSlopes, _mixSlopesMore;

        public KeyBlock(AttentionShape shape, int first, int count, int padded, bool training)
        {
            (First, Count) = (first, count);
            int rest = shape.Queries % MostQueries;
            _whole = new(shape, Math.Min(MostQueries, shape.Queries), count, padded);
            _rest = rest == 0 || shape.Queries < MostQueries ? _whole : new(shape, rest, count, padded);
            if (!training)
                return;
            int row = padded * sizeof(float), query = shape.QueryStride * sizeof(float), key = shape.KeyStride * sizeof(float);
            int output = shape.OutputStride * sizeof(float);
            _queryScores = Product(padded, shape.Queries, shape.Terms, query, sizeof(float), row, row);
            // do [T, d] v^T [d, K]
            _outputScores = Product(padded, shape.Queries, shape.Width, output, sizeof(float), row, row);
            // ds [T, K] k [K, d]
            _mixSlopes = Product(shape.Width, shape.Queries, count, row, sizeof(float), key, query);
            _mixSlopesMore = Product(shape.Width, shape.Queries, count, row, sizeof(float), key, query, TileStart.Output);
            _fromOutputs = Product(shape.Width, count, shape.Queries, sizeof(float), row, output, key);                 // w^T do
            _fromQueries = Product(shape.Width, count, shape.Queries, sizeof(float), row, query, key);                  // ds^T q
        }

        /// <summary>Its first key.</summary>
        public int First { get; }

        public int Count { get; }

        public int Index => First / MostKeys;

        public MapProduct QueryScores => _queryScores!;

        public MapProduct OutputScores => _outputScores!;

        public MapProduct FromOutputs => _fromOutputs!;

        public MapProduct FromQueries => _fromQueries!;

        /// <summary>Those with a block of so many queries.</summary>
        public QueryProducts Of(int queries) => queries == MostQueries ? _whole : _rest;

        /// <summary>Slopes times keys, set or added.</summary>
        public MapProduct MixSlopes(bool sets) => sets ? _mixSlopes! : _mixSlopesMore!;
    }

    private static MapProduct Product(int outputs, int places, int terms, int place, int term, int weight, int output,
        TileStart start = TileStart.Zero) =>
        new(new TileShape(false, MapProduct.VectorsOf(outputs), terms, start) { Inputs = [], Outputs = [], Taps = [0],
            TermStep = term, WeightStep = weight },
            outputs, places, 1, new(place, 0), new(output, 0), MapProduct.VectorsOf(outputs) * TileKernel.VectorBytes);
}
