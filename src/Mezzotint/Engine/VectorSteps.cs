using Mezzotint.Networks;

namespace Mezzotint.Engine;

/// <summary>W x + b of a vector, or of a few tokens one by one.</summary>
internal sealed class VectorLinearStep(string name, EngineValue x, EngineValue y) : EngineStep(y, x)
{
    private VectorLayer _layer = null!;

    public override bool HasParameters => true;

    public override void Prepare(NetworkEngine engine) =>
        _layer = new VectorLayer(engine.Parameters, name, Inputs[0].Layout.Count, Output.Layout.Count);

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
            y[i] = x[i] / (1 + Rounded.Exp(-x[i]));
    }

    public override void Backward()
    {
        float* x = Inputs[0].Floats, given = Output.Gradient, gradient = Inputs[0].Gradient;
        for (long i = 0; i < Output.Count; i++)
        {
            float sigmoid = 1 / (1 + Rounded.Exp(-x[i]));
            gradient[i] += given[i] * sigmoid * (1 + x[i] * (1 - sigmoid));
        }
    }
}

/// <summary>The sum of two vectors, or of the tokens of a few.</summary>
internal sealed unsafe class VectorSumStep(EngineValue[] parts, EngineValue y) : EngineStep(y, parts)
{
    public override void Forward()
    {
        int width = Output.Layout.Count;
        new Span<float>(Output.Floats, width).Clear();
        foreach (var part in Inputs)
            for (int token = 0; token < part.Places; token++)
                Elementwise.AddScaled(Output.Floats, 1, part.Floats + token * part.Channels, width);
    }

    public override void Backward()
    {
        int width = Output.Layout.Count;
        foreach (var part in Inputs)
            for (int token = 0; token < part.Places && part.HasGradient; token++)
                Elementwise.AddScaled(part.Gradient + token * part.Channels, 1, Output.Gradient, width);
    }
}

/// <summary>Vectors side by side.</summary>
internal sealed unsafe class JoinVectorsStep(EngineValue[] parts, EngineValue y) : EngineStep(y, parts)
{
    public override void Forward()
    {
        float* to = Output.Floats;
        foreach (var part in Inputs)
        {
            new Span<float>(part.Floats, part.Layout.Count).CopyTo(new(to, part.Layout.Count));
            to += part.Layout.Count;
        }
    }

    public override void Backward()
    {
        float* from = Output.Gradient;
        foreach (var part in Inputs)
        {
            if (part.HasGradient)
                Elementwise.AddScaled(part.Gradient, 1, from, part.Layout.Count);
            from += part.Layout.Count;
        }
    }
}

/// <summary>The rows of a table that the labels name.</summary>
internal sealed unsafe class EmbeddingStep : EngineStep
{
    private readonly string _name;
    private NetworkEngine _engine = null!;
    private float* _rows, _gradient;

    public EmbeddingStep(string name, EngineValue y) : base(y)
    {
        _name = name;
        y.ReadPlain();
    }

    public override bool HasParameters => true;

    public override void Prepare(NetworkEngine engine)
    {
        _engine = engine;
        _rows = engine.Parameters.Value($"{_name}.weight");
        _gradient = engine.Parameters.Gradient($"{_name}.weight");
    }

    public override void Forward()
    {
        int width = Output.Layout.Count;
        for (int token = 0; token < Output.Places; token++)
        {
            float* to = Output.Floats + token * Output.Channels;
            new Span<float>(_rows + _engine.Labels[token] * width, width).CopyTo(new(to, width));
            new Span<float>(to + width, Output.Channels - width).Clear();
        }
        CopyWritten();
    }

    public override void Backward()
    {
        int width = Output.Layout.Count;
        for (int token = 0; token < Output.Places; token++)
            Elementwise.AddScaled(_gradient + _engine.Labels[token] * width, 1, Output.Gradient + token * Output.Channels, width);
    }
}

/// <summary>The first rows of a table.</summary>
internal sealed unsafe class PositionsStep : EngineStep
{
    private readonly string _name;
    private float* _rows, _gradient;

    public PositionsStep(string name, EngineValue y) : base(y)
    {
        _name = name;
        y.ReadPlain();
    }

    public override bool HasParameters => true;

    public override void Prepare(NetworkEngine engine)
    {
        _rows = engine.Parameters.Value($"{_name}.weight");
        _gradient = engine.Parameters.Gradient($"{_name}.weight");
    }

    public override void Forward()
    {
        int width = Output.Layout.Count;
        for (int row = 0; row < Output.Places; row++)
        {
            float* to = Output.Floats + row * Output.Channels;
            new Span<float>(_rows + row * width, width).CopyTo(new(to, width));
            new Span<float>(to + width, Output.Channels - width).Clear();
        }
        CopyWritten();
    }

    public override void Backward()
    {
        int width = Output.Layout.Count;
        for (int row = 0; row < Output.Places; row++)
            Elementwise.AddScaled(_gradient + row * width, 1, Output.Gradient + row * Output.Channels, width);
    }
}

/// <summary>Sines and cosines of the time.</summary>
internal sealed unsafe class TimeFeaturesStep(TimeFeaturesNode node, EngineValue y) : EngineStep(y)
{
    private readonly float[] _radians = [.. (node.Frequencies ?? []).Select(f => (float)f * (float)node.Unit)];
    private NetworkEngine _engine = null!;
    private float* _frequencies; // frozen ones

    public override void Prepare(NetworkEngine engine)
    {
        _engine = engine;
        _frequencies = node.Frequencies is null ? engine.Parameters.Value(node.Name!) : null;
    }

    public override void Forward()
    {
        int half = Output.Layout.Count / 2;
        float* sines = Output.Floats + (node.CosineFirst ? half : 0), cosines = Output.Floats + (node.CosineFirst ? 0 : half);
        for (int i = 0; i < half; i++)
        {
            float angle = _frequencies == null ? _engine.Time * _radians[i]
                : _engine.Time * _frequencies[i] * (float)node.Unit;
            (sines[i], cosines[i]) = (Rounded.Sin(angle), Rounded.Cos(angle));
        }
    }

    public override void Backward()
    {
    }
}
