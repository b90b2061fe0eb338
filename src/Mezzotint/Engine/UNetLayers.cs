using Mezzotint.Networks;

namespace Mezzotint.Engine;

/// <summary>ResidualBlock: c = conv(x); out = c + silu(gnorm(c + time)).</summary>
internal sealed unsafe class ResidualLayer
{
    private readonly ConvolutionLayer _convolution;
    private readonly VectorLayer _time;
    private readonly NormalisedSilu _norm;
    private readonly float* _made, _shift, _shiftGradient;
    private readonly int _channels;

    public ResidualLayer(NetworkEngine engine, ParameterTable parameters, string name, Map input, int channels, int timeChannels, bool isFirst = false)
    {
        _channels = channels;
        _convolution = engine.NewLayer($"{name}.conv", new(3, 1, 1), input, channels, new() { NoInputGradient = isFirst });
        _time = new VectorLayer(parameters, $"{name}.time_lin", timeChannels, channels);
        _norm = new NormalisedSilu(engine, parameters, $"{name}.gnorm", channels, channels / UNetConfig.Groups);
        _made = engine.NewFloats((long)input.Places * channels);
        _shift = engine.NewFloats(2L * channels);
        _shiftGradient = _shift + channels;
    }

    public void Forward(float* embedding, Map to)
    {
        _convolution.Forward(_made);
        _time.Forward(embedding, _shift);
        _norm.Forward(_made, to, residual: true, time: _shift);
    }

    /// <param name="embedding">As it was.</param>
    /// <param name="gradient">Of the output: [places, C].</param>
    /// <param name="scratch">As large.</param>
    /// <param name="embeddingGradient">Added to.</param>
    /// <param name="inputGradient">Set: [places, input channels]; null for the first layer.</param>
    public void Backward(float* embedding, float* gradient, float* scratch, float* embeddingGradient, float* inputGradient)
    {
        new Span<float>(_shiftGradient, _channels).Clear();
        _norm.Backward(_made, gradient, scratch, _convolution.Gradient, residual: true, time: _shiftGradient, bias: _convolution.BiasGradient);
        _time.Backward(embedding, _shiftGradient, embeddingGradient);
        _convolution.Backward(inputGradient);
    }
}

/// <summary>SpatialTransformer with one label: cross attention to a single token gives its value, whatever is asked.</summary>
internal sealed unsafe class TransformerLayer
{
    private readonly AttentionLayer[] _blocks;
    private readonly ConvolutionLayer _proj;
    private readonly float* _x, _made;

    public TransformerLayer(NetworkEngine engine, ParameterTable parameters, string name, Map input, TransformerConfig config)
    {
        _x = input.Floats;
        _blocks = new AttentionLayer[config.NumLayers];
        for (int i = 0; i < _blocks.Length; i++)
            _blocks[i] = new AttentionLayer(engine, parameters, $"{name}.blocks.{i}", input.Height, input.Width, input.Channels, config);
        var mixed = engine.NewMap(input.Height, input.Width, input.Channels, border: 0);
        _proj = engine.NewLayer($"{name}.proj_out", new(1), mixed, input.Channels);
        _made = engine.NewFloats((long)input.Places * input.Channels);
    }

    public void Forward(float* context, Map to)
    {
        float* x = _x;
        foreach (var block in _blocks)
            x = block.Forward(x, context);
        Elementwise.Copy(x, _proj.Input.Channels, _proj.Input);
        _proj.Forward(_made);
        Elementwise.Add(_x, _made, to);
    }

    /// <param name="context">As it was.</param>
    /// <param name="gradient">Of the output: [places, C]; becomes that of the input.</param>
    /// <param name="scratch">Three times as large.</param>
    /// <param name="contextGradient">Added to.</param>
    public void Backward(float* context, float* gradient, float* scratch, float* contextGradient)
    {
        int channels = _proj.Input.Channels, places = _proj.Input.Places;
        long count = (long)channels * places;
        Elementwise.Copy(gradient, channels, _proj.Gradient);
        Elementwise.SumPlaces(gradient, channels, places, channels, _proj.BiasGradient);
        float* inner = scratch;
        _proj.Backward(inner);
        for (int i = _blocks.Length - 1; i >= 0; i--)
            _blocks[i].Backward(i == 0 ? _x : _blocks[i - 1].Output, context, inner, scratch + count, contextGradient);
        Elementwise.AddTo(gradient, inner, count);
    }
}

/// <summary>AttentionBlock: self attention, the context's value, a perceptron.</summary>
internal sealed unsafe class AttentionLayer
{
    private readonly int _channels, _places;
    private readonly LayerNormalisation _norm1, _norm3;
    private readonly ConvolutionLayer _q, _k, _v, _mlp1, _mlp2;
    private readonly VectorLayer _value;
    private readonly Attention _attention;
    private readonly float* _qs, _ks, _vs, _x1, _hidden, _context, _contextGradient;

    public AttentionLayer(NetworkEngine engine, ParameterTable parameters, string name, int height, int width, int channels, TransformerConfig config)
    {
        (_channels, _places) = (channels, height * width);
        Map Tokens() => engine.NewMap(height, width, channels, border: 0);
        var normed = Tokens();
        _norm1 = engine.Owned(new LayerNormalisation(parameters, $"{name}.self_attn_norm", _places, channels));
        _norm3 = engine.Owned(new LayerNormalisation(parameters, $"{name}.mlp_norm", _places, channels));
        _q = engine.NewLayer($"{name}.self_attn.q_proj", new(1), normed, channels);
        _k = engine.NewLayer($"{name}.self_attn.k_proj", new(1), normed, channels, new() { AddsToGradient = true });
        _v = engine.NewLayer($"{name}.self_attn.v_proj", new(1), normed, channels, new() { AddsToGradient = true });
        _attention = engine.Owned(new Attention(_places, config.NumHeads, channels / config.NumHeads, channels));
        _value = new VectorLayer(parameters, $"{name}.cross_attn.v_proj", config.ContextDim, channels);
        _mlp1 = engine.NewLayer($"{name}.mlp.net.0", new(1), Tokens(), channels);
        _mlp2 = engine.NewLayer($"{name}.mlp.net.2", new(1), Tokens(), channels);
        long count = (long)_places * channels;
        _qs = engine.NewFloats(count);
        _ks = engine.NewFloats(count);
        _vs = engine.NewFloats(count);
        _x1 = engine.NewFloats(count);
        _hidden = engine.NewFloats(count);
        _context = engine.NewFloats(2L * channels);
        _contextGradient = _context + channels;
        Output = engine.NewFloats(count);
    }

    /// <summary>What the last image gave: [places, C].</summary>
    public float* Output { get; }

    public float* Forward(float* x, float* context)
    {
        long count = (long)_places * _channels;
        _norm1.Forward(x, _q.Input);
        _q.Forward(_qs);
        _k.Forward(_ks);
        _v.Forward(_vs);
        _attention.Forward(_qs, _ks, _vs, _x1);
        Elementwise.AddTo(_x1, x, count);
        _value.Forward(context, _context);
        Elementwise.AddToPlaces(_x1, _context, _places, _channels);
        _norm3.Forward(_x1, _mlp1.Input);
        _mlp1.Forward(_hidden);
        Elementwise.Relu(_hidden, _mlp2.Input);
        _mlp2.Forward(Output);
        Elementwise.AddTo(Output, _x1, count);
        return Output;
    }

    /// <param name="x">As it was.</param>
    /// <param name="context">As it was.</param>
    /// <param name="gradient">Of the output: [places, C]; becomes that of x.</param>
    /// <param name="scratch">Twice as large.</param>
    /// <param name="contextGradient">Added to.</param>
    public void Backward(float* x, float* context, float* gradient, float* scratch, float* contextGradient)
    {
        long count = (long)_places * _channels;
        Give(_mlp2, gradient);
        _mlp2.Backward(scratch);
        Elementwise.ReluBackward(_hidden, scratch, count);
        Give(_mlp1, scratch);
        _mlp1.Backward(scratch);
        _norm3.Backward(_x1, scratch, gradient);

        new Span<float>(_contextGradient, _channels).Clear();
        Elementwise.SumPlaces(gradient, _channels, _places, _channels, _contextGradient);
        _value.Backward(context, _contextGradient, contextGradient);

        float* q = scratch, k = scratch + count, v = _hidden; // the hidden layer's numbers are not needed any more
        _attention.Backward(_qs, _ks, _vs, gradient, q, k, v);
        Elementwise.Copy(q, _channels, _q.Gradient);
        Elementwise.Copy(k, _channels, _k.Gradient);
        Elementwise.Copy(v, _channels, _v.Gradient);
        _q.Backward(scratch);
        _k.Backward(scratch);
        _v.Backward(scratch);
        _norm1.Backward(x, scratch, gradient);
    }

    private void Give(ConvolutionLayer layer, float* gradient)
    {
        Elementwise.Copy(gradient, _channels, layer.Gradient);
        Elementwise.SumPlaces(gradient, _channels, _places, _channels, layer.BiasGradient);
    }
}
