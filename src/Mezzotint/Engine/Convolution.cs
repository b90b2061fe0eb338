namespace Mezzotint.Engine;

/// <summary>
/// The relation of a convolution, big[S i + k - pad] to small[i] through W[small channel, big channel, k], in both directions: gathered, it is a convolution forward
/// and a transposed one's gradient; spread, a transposed convolution and a convolution's gradient. A linear layer is one of side 1.
/// </summary>
/// <remarks>Dumoulin, Visin 2016, "A guide to convolution arithmetic for deep learning", arXiv 1603.07285, section 4. What is spread with a stride S falls into S^2 phases,
/// each an ordinary convolution with the taps that reach it.</remarks>
internal sealed unsafe class Convolution : IDisposable
{
    private readonly PackedWeights? _gathered;
    private readonly MapProduct? _gather;
    private readonly List<(PackedWeights Weights, MapProduct Product, long Output)> _phases = [];
    private readonly NativeArray<float>? _bias;

    private Convolution(ConvolutionShape shape, Map big, Map small, bool spread, TileStart start, int outputs)
    {
        var (kernel, stride, pad) = shape;
        int taps = kernel * kernel;
        if (start == TileStart.Bias)
            _bias = new(PackedWeights.Padded(outputs));
        if (!spread)
        {
            int[] all = [.. Enumerable.Range(0, taps)];
            _gathered = new(small.Channels, big.Channels, big.Channels * taps, taps, all, big.Bfloat16);
            _gather = new(new TileShape(big.Bfloat16, MapProduct.VectorsOf(PackedWeights.Padded(outputs)), PackedWeights.TermsOf(big.Channels, big.Bfloat16), start)
            {
                Inputs = [],
                Outputs = [],
                Taps = [.. all.Select(k => (k / kernel - pad) * big.RowBytes + (k % kernel - pad) * big.PlaceBytes)],
            }, outputs, small.Height, small.Width, new(stride * big.RowBytes, stride * big.PlaceBytes), new(small.Width * outputs * sizeof(float), outputs * sizeof(float)));
            return;
        }
        for (int y = 0; y < stride; y++)
            for (int x = 0; x < stride; x++)
            {
                int[] reaching = [.. Enumerable.Range(0, taps).Where(k => (y + pad - k / kernel) % stride == 0 && (x + pad - k % kernel) % stride == 0)];
                var weights = new PackedWeights(big.Channels, small.Channels, taps, big.Channels * taps, reaching, small.Bfloat16);
                var product = new MapProduct(new TileShape(small.Bfloat16, MapProduct.VectorsOf(PackedWeights.Padded(outputs)), PackedWeights.TermsOf(small.Channels, small.Bfloat16), start)
                {
                    Inputs = [],
                    Outputs = [],
                    Taps = [.. reaching.Select(k => (y + pad - k / kernel) / stride * small.RowBytes + (x + pad - k % kernel) / stride * small.PlaceBytes)],
                }, outputs, big.Height / stride, big.Width / stride, new(small.RowBytes, small.PlaceBytes), new(stride * big.Width * outputs * sizeof(float), stride * outputs * sizeof(float)));
                _phases.Add((weights, product, (y * big.Width + x) * outputs));
            }
    }

    /// <summary>From big to small: [h, w, small channels, filled up to a multiple of 16] in float32.</summary>
    public static Convolution Gather(ConvolutionShape shape, Map big, Map small, TileStart start) => new(shape, big, small, false, start, PackedWeights.Padded(small.Channels));

    /// <summary>From small to big, whose sides are multiples of the stride.</summary>
    public static Convolution Spread(ConvolutionShape shape, Map big, Map small, TileStart start) => new(shape, big, small, true, start, PackedWeights.Padded(big.Channels));

    /// <summary>Takes the weights as they are now.</summary>
    /// <param name="weights">[small channels, big channels, kernel, kernel].</param>
    /// <param name="bias">One an output; null for none.</param>
    /// <param name="outputs">How many.</param>
    public void Pack(float* weights, float* bias = null, int outputs = 0)
    {
        _gathered?.Pack(weights);
        foreach (var phase in _phases)
            phase.Weights.Pack(weights);
        for (int i = 0; i < outputs && bias != null; i++)
            _bias!.Data[i] = bias[i];
    }

    /// <summary>Computes.</summary>
    /// <param name="input">The map that is gathered from, or spread.</param>
    /// <param name="output">A plain map of float32.</param>
    public void Run(Map input, float* output)
    {
        float* bias = _bias is null ? null : _bias.Data;
        _gather?.Run(input.Origin, _gathered!.Data, output, bias);
        foreach (var (weights, product, at) in _phases)
            product.Run(input.Origin, weights.Data, output + at, bias);
    }

    public void Dispose()
    {
        _gathered?.Dispose();
        foreach (var phase in _phases)
            phase.Weights.Dispose();
        _bias?.Dispose();
    }
}

/// <summary>The sides of a convolution.</summary>
/// <param name="Kernel">Rows and columns of its weights.</param>
/// <param name="Stride">S.</param>
/// <param name="Pad">Rows and columns of zeros around the big map.</param>
internal readonly record struct ConvolutionShape(int Kernel, int Stride = 1, int Pad = 0);
