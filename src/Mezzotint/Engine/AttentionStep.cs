using Mezzotint.Networks;

namespace Mezzotint.Engine;

/// <summary>Attention: of the places of a map to each other, or of tokens to others.</summary>
internal sealed unsafe class AttentionStep : EngineStep
{
    private readonly int _heads;
    private readonly bool _causal, _hasMask;
    private Attention _attention = null!;
    private HeadBuffer[] _buffers = []; // of the queries, keys, values and the output, where they are not read in place

    public AttentionStep(AttentionNode node, EngineValue q, EngineValue k, EngineValue v, EngineValue y) : base(y, q, k, v)
    {
        (_heads, _causal, _hasMask) = (node.Heads, node.Causal, node.Mask is not null);
        foreach (var value in new[] { q, k, v, y }) // the gradients need what it made
            value.ReadPlain();
    }

    /// <summary>Channels of a head.</summary>
    private int Width => Output.Layout.Count / _heads;

    /// <summary>Whether queries, keys and values are read where they are: with gradients, which it sets, where the heads are
    /// whole vectors and the gradients nobody else's.</summary>
    private bool IsInPlace(bool training) => Inputs[1].Stride == Inputs[2].Stride && Output.Layout.IsFull
        && (!training || (Width % Lanes.Count == 0 && Inputs.All(input => input is { HasGradient: true, Readers.Count: 1 })));

    public override long Products => 2L * Output.Places * Inputs[1].Places * Output.Layout.Count;

    public override void Prepare(NetworkEngine engine)
    {
        bool inPlace = IsInPlace(engine.Training);
        if (!inPlace)
            _buffers = [.. Inputs.Append(Output).Select(value =>
                engine.Owned(new HeadBuffer(value, _heads, engine.Training)))];
        int padded = PackedWeights.Padded(Width);
        _attention = engine.Owned(new Attention(
            new(Output.Places, Inputs[1].Places, _heads, padded)
            {
                Causal = _causal,
                Seen = _hasMask ? engine.Mask : null,
                Scale = (float)(1 / Math.Sqrt(Width)),
                Terms = Width,
                HeadStep = inPlace ? Width : padded,
                QueryStride = inPlace ? Inputs[0].Stride : _buffers[0].Stride,
                KeyStride = inPlace ? Inputs[1].Stride : _buffers[1].Stride,
                OutputStride = inPlace ? Output.Stride : _buffers[3].Stride,
            }, engine.Training, Crew, engine.Streams ? count => engine.SharedScratch(0, count) : null));
    }

    public override void Forward()
    {
        if (_buffers is [])
            _attention.Forward(Inputs[0].Floats, Inputs[1].Floats, Inputs[2].Floats, Output.Floats);
        else
        {
            for (int i = 0; i < 3; i++)
                _buffers[i].Read();
            _attention.Forward(_buffers[0].Floats, _buffers[1].Floats, _buffers[2].Floats, _buffers[3].Floats);
            _buffers[3].Write();
        }
        CopyWritten();
    }

    public override void Backward()
    {
        if (_buffers is [])
        {
            _attention.Backward(Inputs[0].Floats, Inputs[1].Floats, Inputs[2].Floats, Output.Floats, Output.Gradient,
                Inputs[0].Gradient, Inputs[1].Gradient, Inputs[2].Gradient);
            return;
        }
        var (q, k, v, y) = (_buffers[0], _buffers[1], _buffers[2], _buffers[3]);
        y.ReadGradient();
        _attention.Backward(q.Floats, k.Floats, v.Floats, y.Floats, y.Gradient, q.Gradient, k.Gradient, v.Gradient);
        for (int i = 0; i < 3; i++)
            if (Inputs[i].HasGradient)
                _buffers[i].WriteGradient(Adds[i]);
    }
}
