namespace Mezzotint.Engine;

/// <summary>The last convolution, 3 x 3 from many channels to the few of an image, in float32.</summary>
/// <remarks>
/// A vector of outputs would be nearly empty. So each place is first multiplied with the weights of all nine taps, as the outputs
/// of a linear layer. Then the nine numbers of a pixel are added: a ninth of the work.
/// </remarks>
internal sealed unsafe class OutputLayer : IDisposable
{
    private const int Kernel = 3, Taps = Kernel * Kernel;
    private static readonly ConvolutionShape Shape = new(Kernel, 1, 1);

    private readonly ParameterTable _parameters;
    private readonly string _name;
    private readonly Map _input;
    private readonly Map? _gradient;
    private readonly float* _ofWeight, _ofBias; // gradients
    private readonly int _outputs, _padded;
    private readonly Convolution _taps;
    private readonly Convolution? _backward;
    private readonly WeightGradient? _weightGradient;
    private readonly NativeArray<float> _turned, _parts;

    /// <summary>Prepares.</summary>
    /// <param name="parameters">Where the weights are: [outputs, C, 3, 3] and a bias.</param>
    /// <param name="name">The layer's name there.</param>
    /// <param name="input">A plain map of float32.</param>
    /// <param name="outputs">Channels of the image.</param>
    /// <param name="options">Whether it is trained, and what becomes of the gradient of its input.</param>
    public OutputLayer(ParameterTable parameters, string name, Map input, int outputs, LayerOptions options)
    {
        (_parameters, _name, _input, _outputs) = (parameters, name, input, outputs);
        _padded = PackedWeights.Padded(outputs * Taps);
        _turned = new((long)outputs * Taps * input.Layout.Count);
        _parts = new((long)input.Places * _padded);
        using var parts = new Map(input.Height, input.Width, outputs * Taps, 0, false);
        _taps = Convolution.Gather(new(1), input, parts, TileStart.Zero);
        if (!options.Training)
            return;
        _ofWeight = parameters.Gradient($"{name}.weight");
        _ofBias = parameters.Gradient($"{name}.bias");
        _gradient = new Map(input.Height, input.Width, outputs, 1, false);
        if (!options.NoInputGradient)
            _backward = Convolution.Spread(Shape, input, _gradient, options.AddsToGradient ? TileStart.Output : TileStart.Zero);
        _weightGradient = new WeightGradient(Shape, _gradient, input, false);
    }

    /// <summary>Takes the weights as they are now.</summary>
    public void Pack()
    {
        float* weight = _parameters.Value($"{_name}.weight");
        int channels = _input.Layout.Count;
        for (int o = 0; o < _outputs; o++)
            for (int c = 0; c < channels; c++)
                for (int tap = 0; tap < Taps; tap++)
                    _turned.Data[(o * Taps + tap) * channels + c] = weight[(o * channels + c) * Taps + tap];
        _taps.Pack(_turned.Data);
        _backward?.Pack(weight);
    }

    /// <summary>Computes.</summary>
    /// <param name="image">[outputs, H, W].</param>
    public void Forward(float* image)
    {
        _taps.Run(_input, _parts.Data);
        int height = _input.Height, width = _input.Width;
        float* bias = _parameters.Value($"{_name}.bias");
        for (int o = 0; o < _outputs; o++)
            for (int y = 0; y < height; y++, image += width)
            {
                new Span<float>(image, width).Fill(bias[o]);
                for (int tap = 0; tap < Taps; tap++)
                {
                    int row = y + tap / Kernel - 1, shift = tap % Kernel - 1;
                    if (row < 0 || row >= height)
                        continue;
                    int end = Math.Min(width, width - shift);
                    float* part = _parts.Data + (long)row * width * _padded + o * Taps + tap;
                    for (int x = Math.Max(0, -shift); x < end; x++)
                        image[x] += part[(long)(x + shift) * _padded];
                }
            }
    }

    /// <summary>Adds this image to the gradients of weights and bias, and makes that of the input.</summary>
    /// <param name="imageGradient">[outputs, H, W].</param>
    /// <param name="inputGradient">[places, C]; null where it is not asked for.</param>
    public void Backward(float* imageGradient, float* inputGradient)
    {
        for (int o = 0; o < _outputs; o++)
            for (int y = 0; y < _input.Height; y++)
                for (int x = 0; x < _input.Width; x++, imageGradient++)
                {
                    *((float*)(_gradient!.Origin + y * _gradient.RowBytes + x * _gradient.PlaceBytes) + o) = *imageGradient;
                    _ofBias[o] += *imageGradient;
                }
        _weightGradient!.Add(_gradient!, _input);
        _backward?.Run(_gradient!, inputGradient);
    }

    /// <summary>Adds what has been summed to the gradient of the weights.</summary>
    public void TakeGradients() => _weightGradient!.Take(_ofWeight, reversed: true);

    public void Dispose()
    {
        _gradient?.Dispose();
        _taps.Dispose();
        _backward?.Dispose();
        _weightGradient?.Dispose();
        _turned.Dispose();
        _parts.Dispose();
    }
}
