namespace Mezzotint.Engine;

/// <summary>
/// What the first layer sees: the image, with anchors and in patches where the network has those. In float32: a noisy image's
/// last digits matter at low levels of noise.
/// </summary>
internal sealed unsafe class ImageStep(ImageShape shape, EngineValue y) : EngineStep(y)
{
    private NetworkEngine _engine = null!;

    public override void Prepare(NetworkEngine engine) => _engine = engine;

    public override void Forward()
    {
        if (shape.Patch == 1 && shape.Anchors.Count == 0)
            Images.Interleave(_engine.Image, Output.Operand!);
        else
            Images.Unshuffle(_engine.Image, _engine.Time, shape, Output.Operand!);
    }

    public override void Backward()
    {
    }
}

/// <summary>The last convolution, from which the image is put together.</summary>
internal sealed unsafe class ResultStep : EngineStep
{
    private readonly string _name;
    private readonly int _patch;
    private OutputLayer _layer = null!;
    private NetworkEngine _engine = null!;
    private float* _planes;

    public ResultStep(string name, int patch, EngineValue x, EngineValue y) : base(y, x)
    {
        (_name, _patch) = (name, patch);
        x.ReadPlain();
    }

    public override bool HasParameters => true;

    public override void Prepare(NetworkEngine engine)
    {
        _engine = engine;
        _layer = engine.Owned(new OutputLayer(engine.Parameters, _name, Inputs[0].Plain!, Output.Channels, engine.Training));
        _planes = engine.NewFloats(Output.Count);
    }

    public override void Pack() => _layer.Pack();

    public override void Forward()
    {
        if (_patch == 1)
            _layer.Forward(_engine.Result);
        else
        {
            _layer.Forward(_planes);
            Images.Shuffle(_planes, Output.Height, Output.Width, _patch, Output.Channels, _engine.Result);
        }
    }

    public override void Backward()
    {
        if (_patch > 1)
            Images.UnshuffleGradient(_engine.ResultGradient, Output.Height, Output.Width, _patch, Output.Channels, _planes);
        _layer.Backward(_patch > 1 ? _planes : _engine.ResultGradient, Inputs[0].Gradient);
    }

    public override void TakeGradients() => _layer.TakeGradients();
}
