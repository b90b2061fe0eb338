using Mezzotint.Networks;

namespace Mezzotint.Engine;

/// <summary>What is done to a map in the pass that normalises it.</summary>
/// <param name="Shift">One number a channel that is added before: [C]; null for none.</param>
/// <param name="Modulation">Scale, then shift, of what is normalised: [2 C]; null for none.</param>
/// <param name="Silu">Whether silu follows.</param>
/// <param name="Residual">Whether the map is added after it, without the shift.</param>
internal sealed record NormFusion(EngineValue? Shift, EngineValue? Modulation, bool Silu, bool Residual);

/// <summary>
/// A group normalisation with what comes before and after it: silu((1 + scale) norm(x + shift) + shift'), and x added to it.
/// </summary>
internal sealed unsafe class GroupNormStep : EngineStep
{
    private readonly string _name;
    private readonly int _groups;
    private readonly double _epsilon;
    private readonly NormFusion _fusion;
    private GroupNormalisation _norm = null!;
    private Map? _inputGradient;
    private float* _gamma, _beta, _gammaGradient, _betaGradient, _slopes;

    public GroupNormStep(GroupNormNode norm, NormFusion fusion, EngineValue x, EngineValue y)
        : base(y, [x, .. new[] { fusion.Shift, fusion.Modulation }.OfType<EngineValue>()])
    {
        (_name, _groups, _epsilon, _fusion) = (norm.Name!, norm.Groups, norm.Epsilon, fusion);
        x.ReadPlain();
    }

    public override bool HasParameters => true;

    private EngineValue X => Inputs[0];

    public override void Prepare(NetworkEngine engine)
    {
        _norm = engine.Owned(new GroupNormalisation(X.Layout, X.Layout.Count / _groups, _epsilon));
        _gamma = engine.Parameters.Value($"{_name}.weight");
        _beta = engine.Parameters.Value($"{_name}.bias");
        _gammaGradient = engine.Parameters.Gradient($"{_name}.weight");
        _betaGradient = engine.Parameters.Gradient($"{_name}.bias");
        _slopes = engine.Slopes;
        if (engine.Training && X.HasGradient)
            _inputGradient = X.Direct?.Layer.Gradient ?? new Map(X.Gradient, X.Height, X.Width, X.Layout);
    }

    public override void Forward()
    {
        _norm.Measure(X.Floats, X.Places, _gamma, _beta, Numbers(_fusion.Shift), Numbers(_fusion.Modulation), Crew);
        MakeAllRows();
    }

    public override bool MakesRows => true;

    public override void MakeRows(Map rows, long first)
    {
        if (_fusion.Silu)
            _norm.Silu(From(0, first), rows, _fusion.Residual);
        else
            _norm.Affine(From(0, first), rows);
    }

    public override void Backward()
    {
        float* gradient = Output.Gradient, slopes = _fusion.Silu ? _slopes : gradient;
        if (_fusion.Silu)
            _norm.SiluBackward(X.Floats, gradient, slopes, _fusion.Residual);
        else
            _norm.AffineBackward(X.Floats, gradient);
        float* bias = X.Direct is { } direct ? direct.Layer.BiasGradient : null;
        _norm.ParametersBackward(_gammaGradient, _betaGradient, Gradient(_fusion.Shift), Gradient(_fusion.Modulation), bias);
        if (_inputGradient is not null)
            _norm.InputBackward(X.Floats, slopes, _fusion.Residual ? gradient : null, _inputGradient, Adds[0]);
    }

    private static float* Numbers(EngineValue? vector) => vector is null ? null : vector.Floats;

    private static float* Gradient(EngineValue? vector) => vector is null ? null : vector.Gradient;
}

/// <summary>A layer normalisation of tokens.</summary>
internal sealed unsafe class LayerNormStep : EngineStep
{
    private readonly LayerNormNode _node;
    private LayerNormalisation _norm = null!;
    private float* _unread; // where nobody asks for the gradient of x

    public LayerNormStep(LayerNormNode node, EngineValue x, EngineValue y) : base(y, x)
    {
        _node = node;
        x.ReadPlain();
    }

    public override bool HasParameters => true;

    public override void Prepare(NetworkEngine engine)
    {
        _norm = engine.Owned(new LayerNormalisation(engine.Parameters, _node, Output.Places, Output.Layout));
        _unread = engine.Slopes;
    }

    public override void Pack() => _norm.Pack();

    public override void Forward()
    {
        Crew.Rows(Output.Written, this, static (step, rows, first) =>
            step._norm.Forward(step.From(0, first), rows, (int)first));
        CopyWritten();
    }

    public override void Backward()
    {
        if (Inputs[0].HasGradient && !Adds[0])
            new Span<float>(Inputs[0].Gradient, (int)Inputs[0].Count).Clear();
        _norm.Backward(Inputs[0].Floats, Output.Gradient, Inputs[0].HasGradient ? Inputs[0].Gradient : _unread);
    }

    public override void TakeGradients() => _norm.TakeGradients();
}
