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

    /// <summary>Likewise in what is made and its gradient.</summary>
    public int OutputStride { get; init; } = Heads * Width;

    /// <summary>From a head to the next in all of them.</summary>
    public int HeadStep { get; init; } = Width;

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
    public const int MostQueries = 96;

    private readonly AttentionShape _shape;
    private readonly Crew _crew;
    private readonly AttentionBlock[] _blocks;
    private readonly int _padded;
    private readonly NativeArray<float> _highest, _sums;
    private readonly NativeArray<float>? _packed;
    private readonly Scratch? _shared; // in its place
    private readonly NativeArray<float>? _weights, _slopes; // of all queries, for the gradients
    private readonly NativeArray<float>[] _scratch; // of each thread: the weights of a block of queries, and what they mix

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
        bool packsValues = count > 1 && !training;
        long packed = (long)shape.Heads * count * shape.Width * _padded * (packsValues ? 2 : 1);
        _shared = shared?.Invoke(packed);
        _packed = _shared is null ? new(packed) : null;
        _highest = new((long)shape.Heads * shape.Queries);
        _sums = new((long)shape.Heads * shape.Queries);
        if (training)
        {
            _weights = new((long)(count == 1 ? shape.Heads : 1) * shape.Queries * _padded);
            _slopes = new((long)shape.Queries * _padded);
        }
        _scratch = [.. Enumerable.Range(0, _crew.Count).Select(_ =>
            new NativeArray<float>((long)MostQueries * (_padded + shape.Width)))];
        int mixed = MixesInPlace(count) ? shape.OutputStride : shape.Width;
        _blocks = [.. Enumerable.Range(0, count).Select(i => new AttentionBlock(
            shape, i * MostKeys, Math.Min(MostKeys, shape.Keys - i * MostKeys), _padded, mixed, packsValues, training))];
    }

    private bool IsSingle => _blocks.Length == 1;

    /// <summary>Whether weights mix values where the result belongs, and not in a thread's memory first: they are the last, and
    /// no vector reaches into the next head.</summary>
    private bool MixesInPlace(int blocks) => blocks == 1 && _shape.Terms == _shape.Width;

    private int QueryBlocks => (_shape.Queries + MostQueries - 1) / MostQueries;

    /// <summary>Computes.</summary>
    /// <param name="q">[T, n d] at the queries' stride.</param>
    /// <param name="k">[K, n d] at the keys'; likewise v.</param>
    /// <param name="v">What is mixed.</param>
    /// <param name="output">[T, n d].</param>
    public void Forward(float* q, float* k, float* v, float* output)
    {
        _crew.Run(_shape.Heads * _blocks.Length, (Self: this, K: (nint)k, V: (nint)v), static (of, i, _) =>
        {
            var block = of.Self._blocks[i % of.Self._blocks.Length];
            int channel = i / of.Self._blocks.Length * of.Self._shape.HeadStep;
            block.PackKeys((float*)of.K + channel, of.Self.Keys(i));
            if (block.PacksValues)
                block.PackValues((float*)of.V + channel, of.Self.Values(i));
        });
        _crew.Run(_shape.Heads * QueryBlocks, (Self: this, Q: (nint)q, V: (nint)v, Output: (nint)output),
            static (of, i, member) => of.Self.Forward(i, member, (float*)of.Q, (float*)of.V, (float*)of.Output));
    }

    private void Forward(int piece, int member, float* q, float* v, float* output)
    {
        var (head, first) = (piece / QueryBlocks, piece % QueryBlocks * MostQueries);
        int count = Math.Min(MostQueries, _shape.Queries - first);
        float* scratch = _scratch[member].Data, mixed = scratch + (long)MostQueries * _padded;
        float* weights = IsSingle && _weights is not null ? Weights(head) + (long)first * _padded : scratch;
        q += (long)head * _shape.HeadStep + (long)first * _shape.QueryStride;
        v += (long)head * _shape.HeadStep;
        output += (long)head * _shape.HeadStep + (long)first * _shape.OutputStride;
        if (MixesInPlace(_blocks.Length))
        {
            Forward(new(head, first, count), q, v, output, _shape.OutputStride, weights);
            return;
        }
        Forward(new(head, first, count), q, v, mixed, _shape.Width, weights);
        for (int query = 0; query < count; query++, mixed += _shape.Width, output += _shape.OutputStride)
            Elementwise.Scale(mixed, IsSingle ? 1 : Inverse(Sums(head)[first + query]), output, _shape.Terms);
    }

    /// <summary>Some queries of a head: what the weights mix, which are not divided by their sum yet where there are several
    /// blocks of keys.</summary>
    private void Forward(QueryBlock queries, float* q, float* v, float* mixed, int stride, float* weights)
    {
        var (head, first, count) = queries;
        foreach (var block in _blocks)
        {
            var products = block.Of(count);
            products.Scores.Run((byte*)q, (byte*)Keys(head * _blocks.Length + block.Index), weights);
            for (int query = 0; query < count; query++)
                Weigh(block, head, first + query, weights + (long)query * _padded, mixed + (long)query * stride);
            products.Mix(weights, block.PacksValues ? Values(head * _blocks.Length + block.Index)
                : v + block.First * (long)_shape.KeyStride, mixed, sets: block.First == 0);
        }
    }

    /// <summary>The gradients of q, k and v: set, not added to.</summary>
    public void Backward(float* q, float* k, float* v, float* output, float* gradient, float* qGradient, float* kGradient,
        float* vGradient)
    {
        for (int head = 0; head < _shape.Heads; head++)
        {
            int first = head * _shape.HeadStep;
            foreach (var block in _blocks)
            {
                long keys = first + block.First * (long)_shape.KeyStride;
                float* weights = Weights(head), slopes = _slopes!.Data;
                if (!IsSingle)
                    WeighAgain(block, head, q + first, k + first);
                block.FromOutputs.Run((byte*)weights, (byte*)(gradient + first), vGradient + keys);
                block.PackKeys(v + first, Keys(0));
                block.OutputScores.Run((byte*)(gradient + first), (byte*)Keys(0), slopes);
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
        foreach (var array in new[] { _weights, _packed, _slopes, _highest, _sums }.Concat(_scratch))
            array?.Dispose();
    }

    /// <summary>Packed keys; of a head and a block.</summary>
    private float* Keys(int headAndBlock) => (_shared is null ? _packed!.Data : _shared.Data)
        + (long)headAndBlock * _shape.Width * _padded;

    /// <summary>Likewise values, which lie behind all keys.</summary>
    private float* Values(int headAndBlock) => Keys(_shape.Heads * _blocks.Length + headAndBlock);

    private float* Weights(int head) => _weights!.Data + (IsSingle ? (long)head * _shape.Queries * _padded : 0);

    private float* Highest(int head) => _highest.Data + (long)head * _shape.Queries;

    private float* Sums(int head) => _sums.Data + (long)head * _shape.Queries;

    /// <summary>1 / sum; 0 where a query sees no key.</summary>
    private static float Inverse(float sum) => sum > 0 ? 1 / sum : 0;

    /// <summary>How many keys of a block a query sees, those that are not seen at all aside.</summary>
    private int Visible(AttentionBlock block, int query) =>
        _shape.Causal ? Math.Clamp(query + 1 - block.First, 0, block.Count) : block.Count;

    /// <summary>
    /// e^(score - highest) of a query, in place of its scores; what was mixed before is brought to the new maximum.
    /// </summary>
    private void Weigh(AttentionBlock block, int head, int query, float* row, float* output)
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
        float kept = block.First == 0 || before == float.NegativeInfinity ? 0
            : before == highest ? 1
            : Rounded.Exp((before - highest) * _shape.Scale);
        Sums(head)[query] = kept * (block.First == 0 ? 0 : Sums(head)[query]) + sum;
        if (block.First > 0 && kept != 1)
            Elementwise.Scale(output, kept, _shape.Width);
    }

    private void WeighAgain(AttentionBlock block, int head, float* q, float* k)
    {
        block.PackKeys(k, Keys(0));
        block.QueryScores.Run((byte*)q, (byte*)Keys(0), Weights(head));
        for (int query = 0; query < _shape.Queries; query++)
        {
            float* row = Weights(head) + (long)query * _padded;
            Hide(block, row, Visible(block, query), float.NegativeInfinity);
            Exponentials(block, row, Visible(block, query), Highest(head)[query]);
            Elementwise.Scale(row, Inverse(Sums(head)[query]), _padded);
        }
    }

    /// <summary>Gives the keys that a query does not see a number.</summary>
    private void Hide(AttentionBlock block, float* row, int visible, float value)
    {
        for (int i = visible; i < _padded; i++)
            row[i] = value;
        for (int i = 0; i < visible && _shape.Seen is not null; i++)
            if (!_shape.Seen[block.First + i])
                row[i] = value;
    }

    private float Largest(float* row)
    {
        var (one, two) = (Vector512.Load(row), Vector512.Load(row + _padded - Lanes.Count)); // one would wait for itself
        for (int i = Lanes.Count; i + Lanes.Count < _padded; i += 2 * Lanes.Count)
            (one, two) = (Vector512.MaxNative(one, Vector512.Load(row + i)),
                Vector512.MaxNative(two, Vector512.Load(row + i + Lanes.Count)));
        return Lanes.Largest(Vector512.MaxNative(one, two));
    }

    /// <summary>e^(scale (score - highest)) in place, 0 where nothing is seen; and their sum.</summary>
    private float Exponentials(AttentionBlock block, float* row, int visible, float highest)
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
}
