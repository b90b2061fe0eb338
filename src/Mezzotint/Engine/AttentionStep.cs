namespace Mezzotint.Engine;

/// <summary>Attention: of the places of a map to each other, or of tokens to others.</summary>
internal sealed unsafe class AttentionStep : EngineStep
{
    private readonly int _heads;
    private readonly bool _causal;
    private Attention _attention = null!;

    public AttentionStep(EngineValue q, EngineValue k, EngineValue v, int heads, bool causal, EngineValue y) : base(y, q, k, v)
    {
        (_heads, _causal) = (heads, causal);
        foreach (var value in new[] { q, k, v, y }) // the gradients need what it made
            value.ReadPlain();
    }

    public override void Prepare(NetworkEngine engine) =>
        _attention = engine.Owned(new Attention(new(Output.Places, Inputs[1].Places, _heads, Output.Channels / _heads)
        {
            Causal = _causal,
            QueryStride = Inputs[0].Stride,
            KeyStride = Inputs[1].Stride,
        }));

    public override void Forward()
    {
        _attention.Forward(Inputs[0].Floats, Inputs[1].Floats, Inputs[2].Floats, Output.Floats);
        Output.CopyWritten();
    }

    public override void Backward() => _attention.Backward(Inputs[0].Floats, Inputs[1].Floats, Inputs[2].Floats, Output.Floats,
        Output.Gradient, Inputs[0].Gradient, Inputs[1].Gradient, Inputs[2].Gradient);
}
