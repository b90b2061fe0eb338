using Mezzotint.Networks;

namespace Mezzotint.Engine;

/// <summary>ModulatedBlock: h = conv1(silu(norm1(x))); out = skip(x) + conv2(silu((1 + scale) norm2(h) + shift)).</summary>
internal sealed unsafe class ModulatedLayer
{
    private readonly Map _x;
    private readonly NormalisedSilu _norm1, _norm2;
    private readonly ConvolutionLayer _conv1, _conv2;
    private readonly ConvolutionLayer? _skip;
    private readonly VectorLayer _modulation;
    private readonly float* _h, _made, _scaleShift, _scaleShiftGradient;
    private readonly Map? _inputGradient;

    /// <param name="engine">What owns the memory.</param>
    /// <param name="parameters">Where the weights are.</param>
    /// <param name="name">The block's name there.</param>
    /// <param name="x">What it reads: a plain map.</param>
    /// <param name="channels">Of what it makes.</param>
    /// <param name="conditionWidth">E.</param>
    /// <param name="training">Whether it has gradients.</param>
    public ModulatedLayer(NetworkEngine engine, ParameterTable parameters, string name, Map x, int channels, int conditionWidth, bool training)
    {
        const int group = ResidualUNetConfig.GroupChannels;
        _x = x;
        _norm1 = new NormalisedSilu(engine, parameters, $"{name}.norm1", x.Channels, group);
        _norm2 = new NormalisedSilu(engine, parameters, $"{name}.norm2", channels, group);
        _conv1 = engine.NewLayer($"{name}.conv1", new(3, 1, 1), engine.NewMap(x.Height, x.Width, x.Channels), channels);
        _conv2 = engine.NewLayer($"{name}.conv2", new(3, 1, 1), engine.NewMap(x.Height, x.Width, channels), channels);
        if (x.Channels != channels)
            _skip = engine.NewLayer($"{name}.skip", new(1), engine.NewMap(x.Height, x.Width, x.Channels, border: 0), channels);
        _modulation = new VectorLayer(parameters, $"{name}.modulation", conditionWidth, 2 * channels);
        _h = engine.NewFloats((long)x.Places * channels);
        _made = engine.NewFloats((long)x.Places * channels);
        _scaleShift = engine.NewFloats(4L * channels);
        _scaleShiftGradient = _scaleShift + 2 * channels;
        Output = engine.NewPlainMap(x.Height, x.Width, channels);
        _inputGradient = training ? engine.NewPlainMap(x.Height, x.Width, x.Channels) : null;
    }

    /// <summary>What it makes.</summary>
    public Map Output { get; }

    public void Forward(float* condition)
    {
        _norm1.Forward(_x.Floats, _conv1.Input);
        _conv1.Forward(_h);
        _modulation.Forward(condition, _scaleShift);
        _norm2.Forward(_h, _conv2.Input, modulation: _scaleShift);
        _conv2.Forward(_made);
        if (_skip is null)
        {
            Elementwise.Add(_made, _x.Floats, Output);
            return;
        }
        Elementwise.Copy(_x.Floats, _x.Channels, _skip.Input);
        _skip.Forward(Output.Floats);
        Elementwise.AddTo(Output.Floats, _made, (long)Output.Places * Output.Channels);
    }

    /// <summary>Adds the gradients of the parameters and of the condition.</summary>
    /// <returns>That of x: [places, input channels].</returns>
    public float* Backward(float* condition, float* gradient, float* scratch, float* conditionGradient)
    {
        int channels = Output.Channels, places = Output.Places;
        float* inner = scratch, dy = scratch + (long)places * Math.Max(channels, _x.Channels), given = _inputGradient!.Floats;
        Elementwise.Copy(gradient, channels, _conv2.Gradient);
        Elementwise.SumPlaces(gradient, channels, places, channels, _conv2.BiasGradient);
        _conv2.Backward(inner);
        _norm2.Backward(_h, inner, dy, _conv1.Gradient, time: null, modulation: _scaleShiftGradient, bias: _conv1.BiasGradient);
        _modulation.Backward(condition, _scaleShiftGradient, conditionGradient);
        _conv1.Backward(inner);
        if (_skip is null)
            Elementwise.Copy(gradient, channels, _inputGradient);
        else
        {
            Elementwise.Copy(gradient, channels, _skip.Gradient);
            Elementwise.SumPlaces(gradient, channels, places, channels, _skip.BiasGradient);
            _skip.Backward(given);
        }
        _norm1.Backward(_x.Floats, inner, dy, _inputGradient, add: true);
        return given;
    }
}

/// <summary>MapAttention: x + proj(attention over the places of norm(x)).</summary>
internal sealed unsafe class MapAttentionLayer
{
    private readonly Map _x;
    private readonly NormalisedSilu _norm;
    private readonly ConvolutionLayer _qkv, _proj;
    private readonly Attention _attention;
    private readonly float* _all, _mixed, _made;
    private readonly Map? _inputGradient;

    public MapAttentionLayer(NetworkEngine engine, ParameterTable parameters, string name, Map x, int headChannels, bool training)
    {
        int channels = x.Channels;
        _x = x;
        _norm = new NormalisedSilu(engine, parameters, $"{name}.norm", channels, ResidualUNetConfig.GroupChannels);
        _qkv = engine.NewLayer($"{name}.qkv", new(1), engine.NewMap(x.Height, x.Width, channels, border: 0), 3 * channels);
        _proj = engine.NewLayer($"{name}.proj", new(1), engine.NewMap(x.Height, x.Width, channels, border: 0), channels);
        _attention = engine.Owned(new Attention(x.Places, channels / headChannels, headChannels, 3 * channels));
        _all = engine.NewFloats(3L * x.Places * channels);
        _mixed = engine.NewFloats((long)x.Places * channels);
        _made = engine.NewFloats((long)x.Places * channels);
        Output = engine.NewPlainMap(x.Height, x.Width, channels);
        _inputGradient = training ? engine.NewPlainMap(x.Height, x.Width, channels) : null;
    }

    /// <summary>What it makes.</summary>
    public Map Output { get; }

    public void Forward()
    {
        int channels = _x.Channels;
        _norm.ForwardAffine(_x.Floats, _qkv.Input);
        _qkv.Forward(_all);
        _attention.Forward(_all, _all + channels, _all + 2 * channels, _mixed);
        Elementwise.Copy(_mixed, channels, _proj.Input);
        _proj.Forward(_made);
        Elementwise.Add(_made, _x.Floats, Output);
    }

    /// <summary>Adds the gradients of the parameters.</summary>
    /// <returns>That of x: [places, C].</returns>
    public float* Backward(float* gradient, float* scratch)
    {
        int channels = _x.Channels, places = _x.Places;
        float* all = scratch, inner = scratch + 3L * places * channels;
        Elementwise.Copy(gradient, channels, _inputGradient!);
        Elementwise.Copy(gradient, channels, _proj.Gradient);
        Elementwise.SumPlaces(gradient, channels, places, channels, _proj.BiasGradient);
        _proj.Backward(inner);
        _attention.Backward(_all, _all + channels, _all + 2 * channels, inner, all, all + channels, all + 2 * channels);
        Elementwise.Copy(all, 3 * channels, _qkv.Gradient);
        Elementwise.SumPlaces(all, 3 * channels, places, 3 * channels, _qkv.BiasGradient);
        _qkv.Backward(inner);
        _norm.BackwardAffine(_x.Floats, inner, _inputGradient!);
        return _inputGradient!.Floats;
    }
}
