using Mezzotint.Networks;

namespace Mezzotint.Engine;

/// <summary>A convolution, a transposed one, or a linear layer of tokens.</summary>
internal sealed unsafe class ConvolutionStep : EngineStep
{
    private readonly string _name;
    private readonly ConvolutionShape _shape;
    private readonly bool _transposed;
    private ConvolutionLayer _layer = null!;
    private float* _made;

    public ConvolutionStep(string name, KernelShape shape, EngineValue x, EngineValue y) : base(y, x)
    {
        (_name, _transposed) = (name, shape.Transposed);
        _shape = new(shape.Kernel, shape.Stride, shape.Padding) { After = shape.After };
        x.ReadOperand(_transposed ? Math.Max(1, _shape.SmallBorder) : _shape.BigBorder);
    }

    public override bool HasParameters => true;

    public override long Products => (long)(_transposed ? Inputs[0].Places : Output.Places) * _shape.Kernel * _shape.Kernel
        * Inputs[0].Layout.Count * Output.Layout.Count;

    /// <summary>How many rows of its input it reads at the same time, where that need not be whole; 0 where it must be.</summary>
    public int RowsAtOnce => !_transposed && Inputs[0].Layout.IsFull && Output.Layout.IsFull
        ? StreamedWinograd.RowsAtOnce(_shape, Inputs[0], Output) : 0;

    /// <summary>Where it reads the gradient of what it made, and leaves that of its bias.</summary>
    public ConvolutionLayer Layer => _layer;

    public override void Prepare(NetworkEngine engine)
    {
        var options = new LayerOptions(engine.Training, _transposed, Adds[0], NoInputGradient: !Inputs[0].HasGradient,
            Memory: new(count => engine.SharedScratch(0, count), engine.Streams ? Crew : null));
        _layer = engine.Owned(new ConvolutionLayer(engine.Parameters, _name, _shape, Inputs[0].Operand!, Output.Height,
            Output.Width, Output.Layout, options));
        _made = Output.Plain is { } plain ? plain.Floats : engine.Made;
    }

    public override void Pack() => _layer.Pack();

    public override void Forward()
    {
        _layer.Forward(_made);
        Finish();
    }

    public override void Forward(EngineStep twin)
    {
        var other = (ConvolutionStep)twin;
        _layer.Forward(_made, other._layer, other._made);
        Finish();
        other.Finish();
    }

    private void Finish()
    {
        if (Output.Operand is { } operand && operand != Output.Plain)
            Crew.Rows(operand, this, static (step, rows, first) =>
                Elementwise.Copy(step._made + first * step.Output.Channels, step.Output.Channels, rows));
    }

    public override void Backward()
    {
        if (Output.Direct is null)
            _layer.ReadGradient(Output.Gradient, Output.Channels);
        _layer.Backward(Inputs[0].HasGradient ? Inputs[0].Gradient : null);
    }

    public override void TakeGradients() => _layer.TakeGradients();
}
