using Mezzotint.Networks;

namespace Mezzotint.Engine;

/// <summary>a + b.</summary>
internal sealed unsafe class AddStep : EngineStep
{
    private readonly bool[] _isTheSame = new bool[2];

    public AddStep(EngineValue a, EngineValue b, EngineValue y) : base(y, a, b)
    {
        a.ReadPlain();
        b.ReadPlain();
    }

    /// <summary>
    /// The gradient of the sum is that of both: one takes its memory over, and a convolution that reads it before that changes
    /// borrows it.
    /// </summary>
    public override void PlanBackward(GradientPlan plan)
    {
        int[] order = IsReadOnly(Inputs[0]) && !IsReadOnly(Inputs[1]) ? [1, 0] : [0, 1];
        EngineValue? owner = null;
        foreach (int i in order)
        {
            var input = Inputs[i];
            bool takes = input is { HasGradient: true, Contributed: false }
                && (owner is null ? GradientPlan.IsOwn(Output) : MayBorrow(input, owner));
            if (!takes)
            {
                Adds[i] = input.HasGradient && plan.Contribute(input);
                continue;
            }
            GradientPlan.Share(Output, input);
            _isTheSame[i] = true;
            owner ??= input;
        }
    }

    public override void Forward()
    {
        Crew.Rows(Output.Written, this, static (step, rows, first) =>
            Elementwise.Add(step.From(0, first), step.From(1, first), rows));
        CopyWritten();
    }

    public override void Backward()
    {
        for (int i = 0; i < 2; i++)
            if (Inputs[i].HasGradient && !_isTheSame[i])
                Elementwise.Pass(Output.Gradient, Output.Channels, Inputs[i].Gradient, Inputs[i].Places, Inputs[i].Channels,
                    Adds[i]);
    }

    private static bool IsReadOnly(EngineValue value) => value is { Maker: ConvolutionStep, Readers.Count: 1 };

    private bool MayBorrow(EngineValue value, EngineValue owner) => IsReadOnly(value) && (IsReadOnly(owner)
        || (value.Maker!.Index > (owner.Maker?.Index ?? -1)
            && owner.Readers.All(reader => reader == this || reader.Index <= value.Maker.Index)));
}

/// <summary>x + a vector at every place.</summary>
internal sealed unsafe class AddVectorStep : EngineStep
{
    private bool _isTheSame;

    public AddVectorStep(EngineValue x, EngineValue vector, EngineValue y) : base(y, x, vector) => x.ReadPlain();

    public override void PlanBackward(GradientPlan plan)
    {
        _isTheSame = Inputs[0] is { HasGradient: true, Contributed: false } && GradientPlan.IsOwn(Output);
        if (_isTheSame)
            GradientPlan.Share(Output, Inputs[0]);
        else
            base.PlanBackward(plan);
    }

    public override void Forward()
    {
        Crew.Rows(Output.Written, this, static (step, rows, first) =>
            Elementwise.AddVector(step.From(0, first), step.Inputs[1].Floats, rows));
        CopyWritten();
    }

    public override void Backward()
    {
        Elementwise.SumPlaces(Output.Gradient, Output.Channels, Output.Places, Output.Layout, Inputs[1].Gradient);
        if (!_isTheSame && Inputs[0].HasGradient)
            Elementwise.Pass(Output.Gradient, Output.Channels, Inputs[0].Gradient, Output.Places, Output.Channels, Adds[0]);
    }
}

/// <summary>A function, number by number.</summary>
internal sealed unsafe class ActivationStep : EngineStep
{
    private readonly ActivationKind _kind;
    private bool _isTheSame;

    public ActivationStep(ActivationKind kind, EngineValue x, EngineValue y) : base(y, x)
    {
        _kind = kind;
        x.ReadPlain();
    }

    public override void PlanBackward(GradientPlan plan)
    {
        _isTheSame = Inputs[0] is { HasGradient: true, Readers.Count: 1 } && GradientPlan.IsOwn(Output);
        if (_isTheSame)
            GradientPlan.Share(Output, Inputs[0]);
        else
            base.PlanBackward(plan);
    }

    public override void Forward()
    {
        Crew.Rows(Output.Written, this, static (step, rows, first) =>
            Activations.Apply(step._kind, step.From(0, first), rows));
        CopyWritten();
    }

    public override void Backward()
    {
        Activations.Backward(_kind, Inputs[0].Floats, Output.Gradient, Output.Count);
        if (!_isTheSame && Inputs[0].HasGradient)
            Elementwise.Pass(Output.Gradient, Output.Channels, Inputs[0].Gradient, Output.Places, Output.Channels, Adds[0]);
    }
}

/// <summary>a b, number by number.</summary>
internal sealed unsafe class MultiplyStep : EngineStep
{
    public MultiplyStep(EngineValue a, EngineValue b, EngineValue y) : base(y, a, b)
    {
        a.ReadPlain();
        b.ReadPlain();
    }

    public override void Forward()
    {
        Crew.Rows(Output.Written, this, static (step, rows, first) =>
            Elementwise.Multiply(step.From(0, first), step.From(1, first), rows));
        CopyWritten();
    }

    public override void Backward()
    {
        for (int i = 0; i < 2; i++)
            if (Inputs[i].HasGradient)
                Elementwise.PassProduct(Output.Gradient, Inputs[1 - i].Floats, Inputs[i].Gradient, Output.Count, Adds[i]);
    }
}

/// <summary>(1 + scale) x + shift, where a vector holds scale, then shift, of each channel.</summary>
internal sealed unsafe class ModulateStep : EngineStep
{
    private float* _factors, _shifts, _sums, _products;

    public ModulateStep(EngineValue x, EngineValue scaleAndShift, EngineValue y) : base(y, x, scaleAndShift) => x.ReadPlain();

    private ChannelLayout Layout => Output.Layout;

    public override void Prepare(NetworkEngine engine)
    {
        _factors = engine.NewFloats(4L * Layout.Width);
        _shifts = _factors + Layout.Width;
        _sums = _shifts + Layout.Width;
        _products = _sums + Layout.Width;
    }

    public override void Forward()
    {
        float* both = Inputs[1].Floats;
        for (int c = 0; c < Layout.Count; c++)
            (_factors[Layout.At[c]], _shifts[Layout.At[c]]) = (1 + both[c], both[Layout.Count + c]);
        Elementwise.Affine(Inputs[0].Floats, _factors, _shifts, Output.Written);
        CopyWritten();
    }

    public override void Backward()
    {
        if (Inputs[1].HasGradient)
        {
            float* both = Inputs[1].Gradient;
            Elementwise.SumProducts(Inputs[0].Floats, Output.Gradient, Output.Places, Layout.Width, _sums, _products);
            for (int c = 0; c < Layout.Count; c++)
            {
                both[c] += _products[Layout.At[c]];
                both[Layout.Count + c] += _sums[Layout.At[c]];
            }
        }
        for (int place = 0; place < Output.Places && Inputs[0].HasGradient; place++)
            Elementwise.PassProduct(Output.Gradient + (long)place * Layout.Width, _factors,
                Inputs[0].Gradient + (long)place * Layout.Width, Layout.Width, Adds[0]);
    }
}

/// <summary>Maps side by side. As an operand alone it costs nothing: each map is made where it belongs.</summary>
internal sealed unsafe class ConcatenateStep(EngineValue[] maps, EngineValue y) : EngineStep(y, maps)
{
    private Map[]? _parts;

    public override void Prepare(NetworkEngine engine)
    {
        if (Output.Plain is { } plain)
            _parts = [.. Inputs.Select((map, i) => plain.Slice(First(i), map.Layout))];
    }

    /// <summary>The first number of a map in a place.</summary>
    public int First(int i) => Inputs.Take(i).Sum(map => map.Channels);

    public override void Forward()
    {
        for (int i = 0; i < Inputs.Length && _parts is not null; i++)
            Crew.Rows(_parts[i], Inputs[i], static (input, rows, first) =>
                Elementwise.Copy(input.Floats + first * input.Channels, input.Channels, rows));
        CopyWritten();
    }

    public override void Backward()
    {
        float* gradient = Output.Gradient;
        for (int i = 0; i < Inputs.Length; gradient += Inputs[i].Channels, i++)
            if (Inputs[i].Direct is { } direct)
                direct.Layer.ReadGradient(gradient, Output.Channels);
            else if (Inputs[i].HasGradient)
                Elementwise.Pass(gradient, Output.Channels, Inputs[i].Gradient, Inputs[i].Places, Inputs[i].Channels, Adds[i]);
    }
}
