namespace Mezzotint.Engine;

/// <summary>Sums the gradient of a convolution's weights over images, until it is taken.</summary>
internal unsafe interface IWeightGradient : IDisposable
{
    /// <summary>Adds an image's.</summary>
    /// <param name="big">The convolution's big map, as it was read.</param>
    /// <param name="small">The small one's gradient; of a transposed convolution the other way about.</param>
    void Add(Map big, Map small);

    /// <summary>Adds what has been summed to a gradient, and begins anew.</summary>
    /// <param name="to">
    /// [small channels, big channels, kernel, kernel]; with <paramref name="reversed"/> [big channels, small channels, kernel,
    /// kernel], the kernel turned about.
    /// </param>
    /// <param name="reversed">Whether big and small are the other way about than in the layer.</param>
    void Take(float* to, bool reversed = false);
}

/// <summary>
/// The gradient of a <see cref="Convolution"/>'s weights: dW[small channel, big channel, k] = sum over i of big[S i + k - pad]
/// small[i], summed over images until it is taken.
/// </summary>
/// <remarks>
/// The sums are read and written once a product. Small maps have few terms for as many sums, so several images are gathered
/// before they are multiplied.
/// </remarks>
internal sealed unsafe class WeightGradient : IWeightGradient
{
    /// <summary>Terms that are worth reading and writing a sum for.</summary>
    private const int WorthwhileTerms = 128;

    private readonly ConvolutionShape _shape;
    private readonly ChannelLayout _bigLayout, _smallLayout;
    private readonly int _big, _small, _together, _block; // channels of a block of the big map
    private int _waiting; // images that are gathered and not multiplied yet
    private readonly TermMap _bigTerms, _smallTerms;
    private readonly NativeArray<float> _sums; // [k row][big channel][k column][small channel]
    private readonly MapProduct _product;

    /// <summary>Prepares.</summary>
    /// <param name="shape">The sides.</param>
    /// <param name="big">The big map, with a border of the padding or more.</param>
    /// <param name="small">The small map; its channels are a multiple of 16.</param>
    /// <param name="bfloat16">What is multiplied; the sums are float32.</param>
    public WeightGradient(ConvolutionShape shape, Map big, Map small, bool bfloat16)
    {
        (_shape, _bigLayout, _smallLayout) = (shape, big.Layout, small.Layout);
        (_big, _small) = (big.Channels, small.Channels);
        int kernel = shape.Kernel;
        int terms = (bfloat16 ? (small.Width + 1) / 2 : small.Width) * small.Height;
        _together = Math.Max(1, WorthwhileTerms / terms);
        _block = _big % Lanes.Count == 0 ? Lanes.Count : _big;
        int vectors = MapProduct.VectorsOf(_small);
        _bigTerms = new(_together, big.Height, small.Width, _big, _block, shape, bfloat16);
        _smallTerms = new(_together, small.Height, small.Width, _small, vectors * Lanes.Count, new(1), bfloat16);
        _sums = new((long)kernel * kernel * _big * _small);
        int row = _small * sizeof(float);
        _product = new MapProduct(new TileShape(bfloat16, vectors, _smallTerms.Terms, TileStart.Output)
        {
            Inputs = [],
            Outputs = [],
            Taps = [.. from image in Enumerable.Range(0, _together)
                       from y in Enumerable.Range(0, small.Height)
                       select image * _bigTerms.ImageBytes + y * shape.Stride * _bigTerms.RowBytes],
            TermStep = _bigTerms.TermBytes,
            WeightStep = _smallTerms.TermBytes,
        }, _small, _block, kernel, new(sizeof(float), 0), new(kernel * row, row), checked((int)_smallTerms.BlockBytes),
            [.. Enumerable.Range(0, kernel).Select(_bigTerms.ColumnOffset)]);
    }

    public void Add(Map big, Map small)
    {
        _bigTerms.Fill(big, _waiting);
        _smallTerms.Fill(small, _waiting);
        if (++_waiting == _together)
            Multiply();
    }

    private void Multiply()
    {
        _waiting = 0;
        for (int k = 0; k < _shape.Kernel; k++)
            for (int block = 0; block < _big / _block; block++)
                _product.Run(_bigTerms.Data + block * _bigTerms.BlockBytes + k * _bigTerms.RowBytes, _smallTerms.Data,
                    _sums.Data + ((long)k * _big + block * _block) * _shape.Kernel * _small);
    }

    public void Take(float* to, bool reversed = false)
    {
        if (_waiting > 0)
        {
            for (int image = _waiting; image < _together; image++)
                _smallTerms.Clear(image);
            Multiply();
        }
        int kernel = _shape.Kernel, taps = kernel * kernel;
        for (int y = 0; y < kernel; y++)
            for (int big = 0; big < _bigLayout.Count; big++)
                for (int x = 0; x < kernel; x++)
                {
                    float* from = _sums.Data + (((long)y * _big + _bigLayout.At[big]) * kernel + x) * _small;
                    int tap = y * kernel + x;
                    float* at = reversed
                        ? to + (long)big * _smallLayout.Count * taps + (taps - 1 - tap) : to + (long)big * taps + tap;
                    int step = reversed ? taps : _bigLayout.Count * taps;
                    foreach (var part in _smallLayout.Parts)
                        for (int small = 0; small < part.Count; small++)
                            at[(long)(part.Channel + small) * step] += from[part.At + small];
                }
        _sums.Clear();
    }

    public void Dispose()
    {
        _bigTerms.Dispose();
        _smallTerms.Dispose();
        _sums.Dispose();
    }
}
