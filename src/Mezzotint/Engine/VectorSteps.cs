namespace Mezzotint.Engine;

/// <summary>W x + b of a vector, or of a few tokens one by one.</summary>
internal sealed class VectorLinearStep(string name, EngineValue x, EngineValue y) : EngineStep(y, x)
{
    private VectorLayer _layer = null!;

    public override bool HasParameters => true;

    public override void Prepare(NetworkEngine engine) =>
        _layer = new VectorLayer(engine.Parameters, name, Inputs[0].Channels, Output.Channels);

    public override unsafe void Forward()
    {
        for (int token = 0; token < Output.Places; token++)
            _layer.Forward(Inputs[0].Floats + token * Inputs[0].Channels, Output.Floats + token * Output.Channels);
    }

    public override unsafe void Backward()
    {
        for (int token = 0; token < Output.Places; token++)
        {
            int from = token * Inputs[0].Channels;
            float* gradient = Inputs[0].HasGradient ? Inputs[0].Gradient + from : null;
            _layer.Backward(Inputs[0].Floats + from, Output.Gradient + token * Output.Channels, gradient);
        }
    }
}

/// <summary>silu of a vector.</summary>
internal sealed unsafe class VectorSiluStep(EngineValue x, EngineValue y) : EngineStep(y, x)
{
    public override void Forward()
    {
        float* x = Inputs[0].Floats, y = Output.Floats;
        for (long i = 0; i < Output.Count; i++)
            y[i] = x[i] / (1 + MathF.Exp(-x[i]));
    }

    public override void Backward()
    {
        float* x = Inputs[0].Floats, given = Output.Gradient, gradient = Inputs[0].Gradient;
        for (long i = 0; i < Output.Count; i++)
        {
            float sigmoid = 1 / (1 + MathF.Exp(-x[i]));
            gradient[i] += given[i] * sigmoid * (1 + x[i] * (1 - sigmoid));
        }
    }
}

/// <summary>The sum of two vectors, or of the tokens of a few.</summary>
internal sealed unsafe class VectorSumStep(EngineValue[] parts, EngineValue y) : EngineStep(y, parts)
{
    public override void Forward()
    {
        int width = Output.Channels;
        new Span<float>(Output.Floats, width).Clear();
        foreach (var part in Inputs)
            for (int token = 0; token < part.Places; token++)
                Elementwise.AddScaled(Output.Floats, 1, part.Floats + token * width, width);
    }

    public override void Backward()
    {
        int width = Output.Channels;
        foreach (var part in Inputs)
            for (int token = 0; token < part.Places && part.HasGradient; token++)
                Elementwise.AddScaled(part.Gradient + token * width, 1, Output.Gradient, width);
    }
}

/// <summary>The rows of a table that the labels name.</summary>
internal sealed unsafe class EmbeddingStep(string name, EngineValue y) : EngineStep(y)
{
    private NetworkEngine _engine = null!;
    private float* _rows, _gradient;

    public override bool HasParameters => true;

    public override void Prepare(NetworkEngine engine)
    {
        _engine = engine;
        _rows = engine.Parameters.Value($"{name}.weight");
        _gradient = engine.Parameters.Gradient($"{name}.weight");
    }

    public override void Forward()
    {
        int width = Output.Channels;
        for (int token = 0; token < Output.Places; token++)
            new Span<float>(_rows + _engine.Labels[token] * width, width).CopyTo(new(Output.Floats + token * width, width));
    }

    public override void Backward()
    {
        int width = Output.Channels;
        for (int token = 0; token < Output.Places; token++)
            Elementwise.AddScaled(_gradient + _engine.Labels[token] * width, 1, Output.Gradient + token * width, width);
    }
}

/// <summary>Sines and cosines of the time.</summary>
internal sealed unsafe class TimeFeaturesStep(string? name, double[]? turns, bool cosineFirst, EngineValue y) : EngineStep(y)
{
    private readonly float[] _radians = turns is null ? [] : [.. turns.Select(f => (float)f * (float)(2 * Math.PI))];
    private NetworkEngine _engine = null!;
    private float* _frequencies; // frozen ones, in turns

    public override void Prepare(NetworkEngine engine)
    {
        _engine = engine;
        _frequencies = turns is null ? engine.Parameters.Value(name!) : null;
    }

    public override void Forward()
    {
        int half = Output.Channels / 2;
        float* sines = Output.Floats + (cosineFirst ? half : 0), cosines = Output.Floats + (cosineFirst ? 0 : half);
        for (int i = 0; i < half; i++)
        {
            float angle = _frequencies == null ? _engine.Time * _radians[i]
                : _engine.Time * _frequencies[i] * (float)(2 * Math.PI);
            (sines[i], cosines[i]) = (MathF.Sin(angle), MathF.Cos(angle));
        }
    }

    public override void Backward()
    {
    }
}
