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

    private readonly AttentionShape _shape;
    private readonly KeyBlock[] _blocks;
    private readonly int _padded;
    private readonly NativeArray<float> _weights, _transposed, _slopes, _highest, _sums;

    /// <summary>Prepares.</summary>
    public Attention(AttentionShape shape)
    {
        _shape = shape;
        int count = (shape.Keys + MostKeys - 1) / MostKeys;
        _padded = PackedWeights.Padded(Math.Min(shape.Keys, MostKeys));
        _weights = new((long)(count == 1 ? shape.Heads : 1) * shape.Queries * _padded);
        _transposed = new((long)shape.Width * _padded);
        _slopes = new((long)shape.Queries * _padded);
        _highest = new((long)shape.Heads * shape.Queries);
        _sums = new((long)shape.Heads * shape.Queries);
        _blocks = [.. Enumerable.Range(0, count).Select(i =>
            new KeyBlock(shape, i * MostKeys, Math.Min(MostKeys, shape.Keys - i * MostKeys), _padded))];
    }

    private bool IsSingle => _blocks.Length == 1;

    /// <summary>Computes.</summary>
    /// <param name="q">[T, n d] at the queries' stride.</param>
    /// <param name="k">[K, n d] at the keys'; likewise v.</param>
    /// <param name="v">What is mixed.</param>
    /// <param name="output">[T, n d].</param>
    public void Forward(float* q, float* k, float* v, float* output)
    {
        for (int head = 0; head < _shape.Heads; head++)
        {
            int first = head * _shape.Width;
            foreach (var block in _blocks)
            {
                Scores(block, head, q + first, k + first);
                for (int query = 0; query < _shape.Queries; query++)
                    Weigh(block, head, query, output + first);
                block.Mix(IsSingle || block.First == 0).Run((byte*)Weights(head),
                    (byte*)(v + first + block.First * (long)_shape.KeyStride), output + first);
            }
            if (!IsSingle)
                for (int query = 0; query < _shape.Queries; query++)
                    Elementwise.Scale(output + first + (long)query * _shape.OutputStride, Inverse(Sums(head)[query]),
                        _shape.Width);
        }
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
                float* weights = Weights(head), slopes = _slopes.Data;
                if (!IsSingle)
                    WeighAgain(block, head, q + first, k + first);
                block.FromOutputs.Run((byte*)weights, (byte*)(gradient + first), vGradient + keys);
                Transpose(block, v + keys);
                block.OutputScores.Run((byte*)(gradient + first), (byte*)_transposed.Data, slopes);
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
        foreach (var array in new[] { _weights, _transposed, _slopes, _highest, _sums })
            array.Dispose();
    }

    private float* Weights(int head) => _weights.Data + (IsSingle ? (long)head * _shape.Queries * _padded : 0);

    private float* Highest(int head) => _highest.Data + (long)head * _shape.Queries;

    private float* Sums(int head) => _sums.Data + (long)head * _shape.Queries;

    /// <summary>1 / sum; 0 where a query sees no key.</summary>
    private static float Inverse(float sum) => sum > 0 ? 1 / sum : 0;

    /// <summary>How many keys of a block a query sees, those that are not seen at all aside.</summary>
    private int Visible(KeyBlock block, int query) =>
        _shape.Causal ? Math.Clamp(query + 1 - block.First, 0, block.Count) : block.Count;

    private void Scores(KeyBlock block, int head, float* q, float* k)
    {
        Transpose(block, k + block.First * (long)_shape.KeyStride);
        block.Scores.Run((byte*)q, (byte*)_transposed.Data, Weights(head));
    }

    /// <summary>[K, d] to [d, K], filled up with zeros.</summary>
    private void Transpose(KeyBlock block, float* from)
    {
        for (int key = 0; key < block.Count; key++, from += _shape.KeyStride)
            for (int i = 0; i < _shape.Width; i++)
                _transposed.Data[(long)i * _padded + key] = from[i];
        for (int i = 0; i < _shape.Width && block.Count < _padded; i++)
            new Span<float>(_transposed.Data + (long)i * _padded + block.Count, _padded - block.Count).Clear();
    }

    /// <summary>
    /// e^(score - highest) of a query, in place of its scores; what was mixed before is brought to the new maximum.
    /// </summary>
    private void Weigh(KeyBlock block, int head, int query, float* output)
    {
        float* row = Weights(head) + (long)query * _padded;
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
            Elementwise.Scale(output + (long)query * _shape.OutputStride, kept, _shape.Width);
    }

    private void WeighAgain(KeyBlock block, int head, float* q, float* k)
    {
        Scores(block, head, q, k);
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
        var (scale, top, sum) = (Vector512.Create(_shape.Scale), Vector512.Create(highest), Vector512<float>.Zero);
        if (highest == float.NegativeInfinity)
        {
            new Span<float>(row, _padded).Clear();
            return 0;
        }
        for (int i = 0; i < _padded; i += Lanes.Count)
        {
            var weight = Lanes.Exp((Vector512.Load(row + i) - top) * scale);
            weight.Store(row + i);
            sum += weight;
        }
        Hide(block, row, visible, 0); // it was e^-87
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

    /// <summary>The products of a block of keys.</summary>
    private sealed class KeyBlock
    {
        private readonly MapProduct _mix, _mixMore, _mixSlopes, _mixSlopesMore;

        public KeyBlock(AttentionShape shape, int first, int count, int padded)
        {
            (First, Count) = (first, count);
            int row = padded * sizeof(float), query = shape.QueryStride * sizeof(float), key = shape.KeyStride * sizeof(float);
            int output = shape.OutputStride * sizeof(float);
            // q [T, d] k^T [d, K]
            Scores = Product(padded, shape.Queries, shape.Width, query, sizeof(float), row, row);
            // do [T, d] v^T [d, K]
            OutputScores = Product(padded, shape.Queries, shape.Width, output, sizeof(float), row, row);
            // w [T, K] v [K, d]
            _mix = Product(shape.Width, shape.Queries, count, row, sizeof(float), key, output);
            _mixMore = Product(shape.Width, shape.Queries, count, row, sizeof(float), key, output, TileStart.Output);
            // ds [T, K] k [K, d]
            _mixSlopes = Product(shape.Width, shape.Queries, count, row, sizeof(float), key, query);
            _mixSlopesMore = Product(shape.Width, shape.Queries, count, row, sizeof(float), key, query, TileStart.Output);
            FromOutputs = Product(shape.Width, count, shape.Queries, sizeof(float), row, output, key);                  // w^T do
            FromQueries = Product(shape.Width, count, shape.Queries, sizeof(float), row, query, key);                   // ds^T q
        }

        /// <summary>Its first key.</summary>
        public int First { get; }

        public int Count { get; }

        public MapProduct Scores { get; }

        public MapProduct OutputScores { get; }

        public MapProduct FromOutputs { get; }

        public MapProduct FromQueries { get; }

        /// <summary>Weights times values, set or added.</summary>
        public MapProduct Mix(bool sets) => sets ? _mix : _mixMore;

        /// <summary>Slopes times keys, set or added.</summary>
        public MapProduct MixSlopes(bool sets) => sets ? _mixSlopes : _mixSlopesMore;

        private static MapProduct Product(int outputs, int places, int terms, int place, int term, int weight, int output,
            TileStart start = TileStart.Zero) =>
            new(new TileShape(false, MapProduct.VectorsOf(outputs), terms, start) { Inputs = [], Outputs = [], Taps = [0],
                TermStep = term, WeightStep = weight },
                outputs, places, 1, new(place, 0), new(output, 0), MapProduct.VectorsOf(outputs) * TileKernel.VectorBytes);
    }
}
