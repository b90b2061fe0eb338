namespace Mezzotint.Engine;

/// <summary>A convolution, a transposed one or a linear layer of a network, with what its training needs.</summary>
internal sealed unsafe class ConvolutionLayer : IDisposable
{
    private readonly ParameterTable _parameters;
    private readonly string _name;
    private readonly bool _transposed;
    private readonly float* _bias, _ofWeight; // the latter the gradient of the weights
    private readonly Convolution _forward;
    private readonly Convolution? _backward;
    private readonly IWeightGradient? _weightGradient;

    /// <summary>Prepares.</summary>
    /// <param name="parameters">Where the layer's weights are.</param>
    /// <param name="name">Its name there.</param>
    /// <param name="shape">The sides.</param>
    /// <param name="input">What it reads, with the border that the shape asks for.</param>
    /// <param name="height">Rows of what it makes.</param>
    /// <param name="width">Columns.</param>
    /// <param name="outputs">Channels that it makes, in whole vectors.</param>
    /// <param name="options">Whether it is transposed, is trained, and what becomes of the gradient of its input.</param>
    public ConvolutionLayer(ParameterTable parameters, string name, ConvolutionShape shape, Map input, int height, int width,
        ChannelLayout outputs, LayerOptions options = default)
    {
        (_parameters, _name, _transposed, Input) = (parameters, name, options.Transposed, input);
        _bias = parameters.BiasOf(name);
        BiasGradient = _bias == null ? null : parameters.Gradient($"{name}.bias");
        int border = Math.Max(1, _transposed ? shape.BigBorder : shape.SmallBorder);
        Gradient = options.Training
            ? new Map(height, width, outputs, border, input.Bfloat16) : new Map(null, height, width, outputs);
        var patches = options.Training && !_transposed && PackedWinograd.Does(shape, input, Gradient, options.Memory)
            ? new WinogradPatches(input) : null;
        var start = _bias == null ? TileStart.Zero : TileStart.Bias;
        _forward = _transposed
            ? Convolution.Spread(shape, Gradient, input, start)
            : Convolution.Gather(shape, input, Gradient, start, options.Memory with { Patches = patches });
        if (!options.Training)
            return;
        _ofWeight = parameters.Gradient($"{name}.weight");
        var gradientStart = options.AddsToGradient ? TileStart.Output : TileStart.Zero;
        if (!options.NoInputGradient)
            _backward = _transposed
                ? Convolution.Gather(shape, Gradient, input, gradientStart)
                : Convolution.Spread(shape, input, Gradient, gradientStart, options.Memory);
        _weightGradient = _transposed ? new WeightGradient(shape, Gradient, input, input.Bfloat16)
            : patches is not null ? new WinogradGradient(patches, Gradient)
            : new WeightGradient(shape, input, Gradient, input.Bfloat16);
    }

    /// <summary>What it reads.</summary>
    public Map Input { get; }

    /// <summary>
    /// The gradient of what it makes, which <see cref="Backward"/> reads; without memory where nothing is trained.
    /// </summary>
    public Map Gradient { get; }

    /// <summary>The gradient of its bias: [outputs]; null where there is none.</summary>
    public float* BiasGradient { get; }

    /// <summary>Takes the weights as they are now.</summary>
    public void Pack()
    {
        if (_forward is StreamedConvolution streamed)
        {
            streamed.Stream(_parameters.Stored($"{_name}.weight"), _bias);
            return;
        }
        float* weight = _parameters.Value($"{_name}.weight");
        _forward.Pack(weight, _bias);
        _backward?.Pack(weight);
    }

    /// <summary>Computes.</summary>
    /// <param name="output">[places, outputs].</param>
    public void Forward(float* output) => _forward.Run(Input, output);

    /// <summary>Computes, and so does the same layer of an engine of another image.</summary>
    /// <param name="output">[places, outputs].</param>
    /// <param name="twin">That layer.</param>
    /// <param name="twinOutput">[places, outputs].</param>
    public void Forward(float* output, ConvolutionLayer twin, float* twinOutput) =>
        _forward.Run(Input, output, twin.Input, twinOutput);

    /// <summary>Takes the gradient of what it made, and adds that of its bias.</summary>
    /// <param name="gradient">[places, outputs].</param>
    /// <param name="stride">From a place to the next.</param>
    public void ReadGradient(float* gradient, int stride)
    {
        Elementwise.Copy(gradient, stride, Gradient);
        if (BiasGradient != null)
            Elementwise.SumPlaces(gradient, stride, Gradient.Places, Gradient.Layout, BiasGradient);
    }

    /// <summary>
    /// Adds this image to the gradient of the weights, and makes that of the input; the bias's is the caller's.
    /// </summary>
    /// <param name="inputGradient">[places, inputs]; null where it is not asked for.</param>
    public void Backward(float* inputGradient)
    {
        if (_transposed)
            _weightGradient!.Add(Gradient, Input);
        else
            _weightGradient!.Add(Input, Gradient);
        _backward?.Run(Gradient, inputGradient);
    }

    /// <summary>Adds what has been summed to the gradient of the weights.</summary>
    public void TakeGradients() => _weightGradient!.Take(_ofWeight);

    public void Dispose()
    {
        Gradient.Dispose();
        _forward.Dispose();
        _backward?.Dispose();
        _weightGradient?.Dispose();
    }
}

/// <summary>How a <see cref="ConvolutionLayer"/> is used.</summary>
/// <param name="Training">Whether it has gradients.</param>
/// <param name="Transposed">Whether it is a transposed convolution.</param>
/// <param name="AddsToGradient">Whether the gradient of its input is added to what is there.</param>
/// <param name="NoInputGradient">Whether nobody asks for that.</param>
/// <param name="Memory">What its convolutions may use.</param>
internal readonly record struct LayerOptions(
    bool Training, bool Transposed = false, bool AddsToGradient = false, bool NoInputGradient = false,
    ConvolutionMemory Memory = default);
