namespace Mezzotint.Engine;

/// <summary>
/// What the first layer sees: the image, with anchors and in patches where the network has those. In float32: a noisy image's
/// last digits matter at low levels of noise.
/// </summary>
internal sealed unsafe class ImageStep(ImageShape shape, EngineValue y) : EngineStep(y)
{
    private NetworkEngine _engine = null!;

    public override GivenGradients Given => GivenGradients.Image;

    public override void Prepare(NetworkEngine engine) => _engine = engine;

    public override void Forward()
    {
        if (shape.Patch == 1 && shape.Anchors.Count == 0)
            Images.Interleave(_engine.Image, Output.Written);
        else
            Images.Unshuffle(_engine.Image, _engine.Time, shape, Output.Written);
        CopyWritten();
    }

    public override void Backward()
    {
        if (Output.HasGradient && _engine.ImageGradient != null)
            Images.Separate(Output.Gradient, Output.Channels, Output.Places, Output.Layout.Count, _engine.ImageGradient);
    }
}

/// <summary>The tokens of the context, or its vector: rows of numbers that the network is given.</summary>
internal sealed unsafe class GivenStep : EngineStep
{
    private readonly bool _isContext;
    private NetworkEngine _engine = null!;

    public GivenStep(bool isContext, EngineValue y) : base(y)
    {
        _isContext = isContext;
        y.ReadPlain();
    }

    public override GivenGradients Given => _isContext ? GivenGradients.Context : GivenGradients.None;

    public override void Prepare(NetworkEngine engine) => _engine = engine;

    public override void Forward()
    {
        float* from = _isContext ? _engine.Context : _engine.Vector, to = Output.Floats;
        int count = Output.Layout.Count;
        for (int row = 0; row < Output.Places; row++, to += Output.Channels)
        {
            new Span<float>(to, Output.Channels).Clear();
            if (from != null) // else it is that of images that training has not changed
                new ReadOnlySpan<float>(from + row * count, count).CopyTo(new(to, count));
        }
        CopyWritten();
    }

    public override void Backward()
    {
        if (!Output.HasGradient || _engine.ContextGradient == null)
            return;
        float* from = Output.Gradient, to = _engine.ContextGradient;
        int count = Output.Layout.Count;
        for (int row = 0; row < Output.Places; row++, from += Output.Channels, to += count)
            new ReadOnlySpan<float>(from, count).CopyTo(new(to, count));
    }
}

/// <summary>A value that the network gives: a map as planes, tokens and vectors as they are.</summary>
internal sealed unsafe class ResultStep : EngineStep
{
    private readonly long _first;
    private readonly int _place, _channel; // from a place's number to the next place's, and to the next channel's, in the result
    private NetworkEngine _engine = null!;

    /// <summary>Prepares.</summary>
    /// <param name="first">Where its numbers begin in the result.</param>
    /// <param name="isMap">Whether its places are those of a map.</param>
    /// <param name="x">The value.</param>
    public ResultStep(long first, bool isMap, EngineValue x) : base(new(x.Height, x.Width, x.Layout.Count) { IsResult = true }, x)
    {
        (_first, _place, _channel) = (first, isMap ? 1 : x.Layout.Count, isMap ? x.Places : 1);
        x.ReadPlain();
    }

    public override void Prepare(NetworkEngine engine) => _engine = engine;

    public override void Forward()
    {
        float* x = Inputs[0].Floats, to = _engine.Result + _first;
        int[] at = Inputs[0].Layout.At;
        for (int place = 0; place < Output.Places; place++, x += Inputs[0].Channels)
            for (int c = 0; c < at.Length; c++)
                to[(long)place * _place + (long)c * _channel] = x[at[c]];
    }

    public override void Backward()
    {
        if (!Inputs[0].HasGradient)
            return;
        float* from = _engine.ResultGradient + _first, to = Inputs[0].Gradient;
        int[] at = Inputs[0].Layout.At;
        if (!Adds[0])
            new Span<float>(to, checked((int)Inputs[0].Count)).Clear();
        for (int place = 0; place < Output.Places; place++, to += Inputs[0].Channels)
            for (int c = 0; c < at.Length; c++)
                to[at[c]] += from[(long)place * _place + (long)c * _channel];
    }
}

/// <summary>The last convolution, from which the image is put together.</summary>
internal sealed unsafe class ImageResultStep : EngineStep
{
    private readonly string _name;
    private readonly int _patch;
    private OutputLayer _layer = null!;
    private NetworkEngine _engine = null!;
    private float* _planes;

    public ImageResultStep(string name, int patch, EngineValue x, EngineValue y) : base(y, x)
    {
        (_name, _patch) = (name, patch);
        x.ReadPlain();
    }

    public override bool HasParameters => true;

    public override void Prepare(NetworkEngine engine)
    {
        _engine = engine;
        var options = new LayerOptions(engine.Training, AddsToGradient: Adds[0], NoInputGradient: !Inputs[0].HasGradient);
        _layer = engine.Owned(new OutputLayer(engine.Parameters, _name, Inputs[0].Plain!, Output.Channels, options));
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
        _layer.Backward(_patch > 1 ? _planes : _engine.ResultGradient, Inputs[0].HasGradient ? Inputs[0].Gradient : null);
    }

    public override void TakeGradients() => _layer.TakeGradients();
}
