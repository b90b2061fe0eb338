namespace Mezzotint.Engine;

/// <summary>
/// The relation of a convolution, big[S i + k - pad] to small[i] through W[small channel, big channel, k], in both directions.
/// Gathered, it is a convolution forward and a transposed one's gradient. Spread, it is a transposed convolution and a
/// convolution's gradient. A linear layer is one of side 1.
/// </summary>
/// <remarks>
/// Dumoulin, Visin 2016, "A guide to convolution arithmetic for deep learning", arXiv 1603.07285, section 4. What is spread with
/// a stride S falls into S^2 phases, each an ordinary convolution with the taps that reach it.
/// </remarks>
internal sealed unsafe class Convolution : IDisposable
{
    private readonly PackedWeights? _gathered;
    private readonly MapProduct? _gather;
    private readonly StreamedWeights? _streamed;
    private readonly Winograd? _winograd;
    private StoredWeights _stored;
    private readonly List<(PackedWeights Weights, MapProduct Product, long Output)> _phases = [];
    private readonly ChannelLayout _small, _big, _outputs;
    private readonly int _taps;
    private readonly NativeArray<float>? _bias, _laid; // the weights as the maps have their channels, where these are filled up

    private Convolution(ConvolutionShape shape, Map big, Map small, bool spread, TileStart start, Streaming? streaming = null)
    {
        var (kernel, stride, pad) = shape;
        (_small, _big, _outputs, _taps) = (small.Layout, big.Layout, (spread ? big : small).Layout, kernel * kernel);
        int outputs = PackedWeights.Padded(_outputs.Width);
        if (start == TileStart.Bias)
            _bias = new(outputs);
        if (!_small.IsFull || !_big.IsFull)
            _laid = new((long)_small.Width * _big.Width * _taps);
        if (!spread)
        {
            int[] all = [.. Enumerable.Range(0, _taps)];
            var tile = Tile(big, outputs, start, all.Select(k =>
                (k / kernel - pad) * big.RowBytes + (k % kernel - pad) * big.PlaceBytes));
            var (read, made) = (new Grid(stride * big.RowBytes, stride * big.PlaceBytes),
                new Grid(small.Width * outputs * sizeof(float), outputs * sizeof(float)));
            MapProduct Product(TileShape of, int rows) => new(of, outputs, rows, small.Width, read, made);
            if (streaming is { Crew: var crew } && _laid is null && big.Channels % Lanes.Count == 0 && outputs == small.Channels)
            {
                if (Winograd.Does(shape, big, small))
                    _winograd = new(crew, big.Channels, small, streaming.Value.Shared);
                else
                    _streamed = new(crew, tile, big.Channels, outputs, small.Height, (read.Row, made.Row), Product);
                return;
            }
            _gathered = new(small.Channels, big.Channels, big.Channels * _taps, _taps, all, big.Bfloat16);
            _gather = Product(tile, small.Height);
            return;
        }
        for (int y = 0; y < Math.Min(stride, big.Height); y++)
            for (int x = 0; x < Math.Min(stride, big.Width); x++)
            {
                int[] reaching = [.. Enumerable.Range(0, _taps).Where(k =>
                    (y + pad - k / kernel) % stride == 0 && (x + pad - k % kernel) % stride == 0)];
                var weights = new PackedWeights(big.Channels, small.Channels, _taps, big.Channels * _taps, reaching,
                    small.Bfloat16);
                // where no tap reaches, one of weights that are 0
                var product = new MapProduct(Tile(small, outputs, start, reaching.Length == 0 ? [0] : reaching.Select(k =>
                    (y + pad - k / kernel) / stride * small.RowBytes + (x + pad - k % kernel) / stride * small.PlaceBytes)),
                    outputs, (big.Height - y + stride - 1) / stride, (big.Width - x + stride - 1) / stride,
                    new(small.RowBytes, small.PlaceBytes),
                    new(stride * big.Width * outputs * sizeof(float), stride * outputs * sizeof(float)));
                _phases.Add((weights, product, ((long)y * big.Width + x) * outputs));
            }
    }

    /// <summary>From big to small: [h, w, small channels, filled up to a multiple of 16] in float32.</summary>
    /// <param name="shape">The sides.</param>
    /// <param name="big">What is read.</param>
    /// <param name="small">What is made.</param>
    /// <param name="start">What is added to.</param>
    /// <param name="streaming">How the weights are streamed, where the channels are whole vectors; null for weights that are
    /// packed.</param>
    public static Convolution Gather(
        ConvolutionShape shape, Map big, Map small, TileStart start, Streaming? streaming = null) =>
        new(shape, big, small, false, start, streaming);

    /// <summary>From small to big.</summary>
    public static Convolution Spread(ConvolutionShape shape, Map big, Map small, TileStart start) =>
        new(shape, big, small, true, start);

    /// <summary>Whether the weights are read where they lie, whenever it computes.</summary>
    public bool IsStreamed => _streamed is not null || _winograd is not null;

    /// <summary>Takes the place of weights that are streamed, and the bias as it is now.</summary>
    /// <param name="weights">[small channels, big channels, kernel, kernel].</param>
    /// <param name="bias">One a channel that is made; null for none.</param>
    public void Stream(StoredWeights weights, float* bias)
    {
        _stored = weights;
        TakeBias(bias);
    }

    /// <summary>Takes the weights as they are now.</summary>
    /// <param name="weights">[small channels, big channels, kernel, kernel].</param>
    /// <param name="bias">One a channel that is made; null for none.</param>
    public void Pack(float* weights, float* bias = null)
    {
        if (_laid is not null)
            weights = Laid(weights);
        _gathered?.Pack(weights);
        foreach (var phase in _phases)
            phase.Weights.Pack(weights);
        TakeBias(bias);
    }

    private void TakeBias(float* bias)
    {
        for (int i = 0; i < _outputs.Count && bias != null; i++)
            _bias!.Data[_outputs.At[i]] = bias[i];
    }

    /// <summary>Computes.</summary>
    /// <param name="input">The map that is gathered from, or spread.</param>
    /// <param name="output">A plain map of float32.</param>
    /// <param name="second">A map of another image; null for none.</param>
    /// <param name="secondOutput">Likewise.</param>
    public void Run(Map input, float* output, Map? second = null, float* secondOutput = null)
    {
        float* bias = _bias is null ? null : _bias.Data;
        _streamed?.Run(input.Origin, _stored, output, bias, second is null ? null : second.Origin, secondOutput);
        _winograd?.Run(input, _stored, output, bias, second, secondOutput);
        if (IsStreamed)
            return;
        Multiply(input, output, bias);
        if (second is not null)
            Multiply(second, secondOutput, bias);
    }

    private void Multiply(Map input, float* output, float* bias)
    {
        _gather?.Run(input.Origin, _gathered!.Data, output, bias);
        foreach (var (weights, product, at) in _phases)
            product.Run(input.Origin, weights.Data, output + at, bias);
    }

    public void Dispose()
    {
        _gathered?.Dispose();
        _streamed?.Dispose();
        _winograd?.Dispose();
        foreach (var phase in _phases)
            phase.Weights.Dispose();
        _bias?.Dispose();
        _laid?.Dispose();
    }

    private static TileShape Tile(Map input, int outputs, TileStart start, IEnumerable<int> taps) =>
        new(input.Bfloat16, MapProduct.VectorsOf(outputs), PackedWeights.TermsOf(input.Channels, input.Bfloat16), start)
        {
            Inputs = [],
            Outputs = [],
            Taps = [.. taps],
        };

    private float* Laid(float* weights)
    {
        for (int small = 0; small < _small.Count; small++)
            foreach (var part in _big.Parts)
                new ReadOnlySpan<float>(weights + ((long)small * _big.Count + part.Channel) * _taps, part.Count * _taps).CopyTo(
                    new(_laid!.Data + ((long)_small.At[small] * _big.Width + part.At) * _taps, part.Count * _taps));
        return _laid!.Data;
    }
}

/// <summary>How a large network reads its weights where they lie.</summary>
/// <param name="Crew">The threads.</param>
/// <param name="Shared">Gives memory that a layer has while it computes, of so many numbers.</param>
internal readonly record struct Streaming(Crew Crew, Func<long, Scratch> Shared);

/// <summary>The sides of a convolution.</summary>
/// <param name="Kernel">Rows and columns of its weights.</param>
/// <param name="Stride">S.</param>
/// <param name="Pad">Rows above the big map, and columns before it, that count as zeros.</param>
internal readonly record struct ConvolutionShape(int Kernel, int Stride = 1, int Pad = 0)
{
    /// <summary>Rows below the big map, and columns after it, that count as zeros.</summary>
    public int After { get; init; } = Pad;

    /// <summary>Zeros that the big map needs around it, where it is gathered.</summary>
    public int BigBorder => Math.Max(Pad, After);

    /// <summary>Zeros that the small map needs around it, where it is spread.</summary>
    public int SmallBorder => Math.Max((Kernel - 1 - Pad) / Stride, (Stride - 1 + Pad) / Stride);
}
