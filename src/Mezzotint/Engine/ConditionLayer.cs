using Mezzotint.Networks;

namespace Mezzotint.Engine;

/// <summary>ConditionEmbedding: silu(time2(silu(time1(features of the time))) + the label's embedding).</summary>
internal sealed unsafe class ConditionLayer
{
    private readonly VectorLayer _time1, _time2;
    private readonly float[] _frequencies;
    private readonly float* _labels, _labelsGradient, _features, _hidden, _active, _sum, _gradient;
    private readonly int _width;

    public ConditionLayer(NetworkEngine engine, ParameterTable parameters, ResidualUNetConfig config)
    {
        _width = config.EmbeddingWidth;
        _frequencies = [.. ResidualUNet.Frequencies(config.ModelChannels / 2).Select(f => (float)f * (float)(2 * Math.PI))];
        _time1 = new VectorLayer(parameters, "embedding.time1", config.ModelChannels, _width);
        _time2 = new VectorLayer(parameters, "embedding.time2", _width, _width);
        _labels = parameters.Value("embedding.labels.weight");
        _labelsGradient = parameters.Gradient("embedding.labels.weight");
        _features = engine.NewFloats(config.ModelChannels);
        _hidden = engine.NewFloats(_width);
        _active = engine.NewFloats(_width);
        _sum = engine.NewFloats(_width);
        _gradient = engine.NewFloats(_width);
        Output = engine.NewFloats(_width);
        OutputGradient = engine.NewFloats(_width);
    }

    /// <summary>What the last time and label gave: [E].</summary>
    public float* Output { get; }

    /// <summary>Its gradient, which the layers add to: [E].</summary>
    public float* OutputGradient { get; }

    public void Forward(float t, long label)
    {
        int half = _frequencies.Length;
        for (int i = 0; i < half; i++)
            (_features[i], _features[half + i]) = (MathF.Cos(t * _frequencies[i]), MathF.Sin(t * _frequencies[i]));
        _time1.Forward(_features, _hidden);
        Silu(_hidden, _active);
        _time2.Forward(_active, _sum);
        Elementwise.AddScaled(_sum, 1, _labels + label * _width, _width);
        Silu(_sum, Output);
        new Span<float>(OutputGradient, _width).Clear();
    }

    public void Backward(long label)
    {
        SiluBackward(_sum, OutputGradient);
        Elementwise.AddScaled(_labelsGradient + label * _width, 1, OutputGradient, _width);
        new Span<float>(_gradient, _width).Clear();
        _time2.Backward(_active, OutputGradient, _gradient);
        SiluBackward(_hidden, _gradient);
        _time1.Backward(_features, _gradient, null);
    }

    private void Silu(float* x, float* to)
    {
        for (int i = 0; i < _width; i++)
            to[i] = x[i] / (1 + MathF.Exp(-x[i]));
    }

    private void SiluBackward(float* x, float* gradient)
    {
        for (int i = 0; i < _width; i++)
        {
            float sigmoid = 1 / (1 + MathF.Exp(-x[i]));
            gradient[i] *= sigmoid * (1 + x[i] * (1 - sigmoid));
        }
    }
}
