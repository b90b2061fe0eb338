namespace Mezzotint.Engine;

/// <summary>A convolution by the products of its taps, with weights that are packed once.</summary>
/// <remarks>What is spread with a stride S falls into S^2 phases, each an ordinary convolution with the taps that reach it; what
/// is gathered is a single one.</remarks>
internal sealed unsafe class DirectConvolution : Convolution
{
    private readonly List<(PackedWeights Weights, MapProduct Product, long Output)> _phases = [];
    private readonly ChannelLayout _small, _big;
    private readonly int _taps;
    private readonly NativeArray<float>? _laid; // the weights as the maps have their channels, where these are filled up

    private DirectConvolution(ConvolutionShape shape, Map big, Map small, ChannelLayout outputs, TileStart start)
        : base(outputs, start)
    {
        (_small, _big, _taps) = (small.Layout, big.Layout, shape.Kernel * shape.Kernel);
        if (!_small.IsFull || !_big.IsFull)
            _laid = new((long)_small.Width * _big.Width * _taps);
    }

    /// <inheritdoc cref="Convolution.Gather"/>
    public static DirectConvolution Gathering(ConvolutionShape shape, Map big, Map small, TileStart start)
    {
        var made = new DirectConvolution(shape, big, small, small.Layout, start);
        var (tile, read, written) = Gathered(shape, big, small, start);
        int outputs = PackedWeights.Padded(small.Layout.Width);
        var weights = new PackedWeights(small.Channels, big.Channels, big.Channels * made._taps, made._taps,
            [.. Enumerable.Range(0, made._taps)], big.Bfloat16);
        made._phases.Add((weights, new(tile, outputs, small.Height, small.Width, read, written), 0));
        return made;
    }

    /// <inheritdoc cref="Convolution.Spread"/>
    public static DirectConvolution Spreading(ConvolutionShape shape, Map big, Map small, TileStart start)
    {
        var (kernel, stride, pad) = shape;
        var made = new DirectConvolution(shape, big, small, big.Layout, start);
        int outputs = PackedWeights.Padded(big.Layout.Width);
        for (int y = 0; y < Math.Min(stride, big.Height); y++)
            for (int x = 0; x < Math.Min(stride, big.Width); x++)
            {
                int[] reaching = [.. Enumerable.Range(0, made._taps).Where(k =>
                    (y + pad - k / kernel) % stride == 0 && (x + pad - k % kernel) % stride == 0)];
                var weights = new PackedWeights(big.Channels, small.Channels, made._taps, big.Channels * made._taps, reaching,
                    small.Bfloat16);
                // where no tap reaches, one of weights that are 0
                var product = new MapProduct(Tile(small, outputs, start, reaching.Length == 0 ? [0] : reaching.Select(k =>
                    (y + pad - k / kernel) / stride * small.RowBytes + (x + pad - k % kernel) / stride * small.PlaceBytes)),
                    outputs, (big.Height - y + stride - 1) / stride, (big.Width - x + stride - 1) / stride,
                    new(small.RowBytes, small.PlaceBytes),
                    new(stride * big.Width * outputs * sizeof(float), stride * outputs * sizeof(float)));
                made._phases.Add((weights, product, ((long)y * big.Width + x) * outputs));
            }
        return made;
    }

    /// <summary>The tile of what is gathered, and where its places are read and written.</summary>
    public static (TileShape Tile, Grid Read, Grid Written) Gathered(
        ConvolutionShape shape, Map big, Map small, TileStart start)
    {
        var (kernel, stride, pad) = shape;
        int outputs = PackedWeights.Padded(small.Layout.Width);
        return (Tile(big, outputs, start, Enumerable.Range(0, kernel * kernel).Select(k =>
                (k / kernel - pad) * big.RowBytes + (k % kernel - pad) * big.PlaceBytes)),
            new(stride * big.RowBytes, stride * big.PlaceBytes),
            new(small.Width * outputs * sizeof(float), outputs * sizeof(float)));
    }

    public override void Dispose()
    {
        base.Dispose();
        foreach (var phase in _phases)
            phase.Weights.Dispose();
        _laid?.Dispose();
    }

    protected override void Take(float* weights)
    {
        float* laid = _laid is null ? weights : Laid(weights);
        foreach (var phase in _phases)
            phase.Weights.Pack(laid);
    }

    protected override void Multiply(Map input, float* output)
    {
        foreach (var (weights, product, at) in _phases)
            product.Run(input.Origin, weights.Data, output + at, Bias);
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
