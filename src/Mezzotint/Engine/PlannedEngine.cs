using Mezzotint.Networks;
using TorchSharp;

namespace Mezzotint.Engine;

/// <summary>A described network as a plan: see <see cref="EnginePlan"/>.</summary>
internal sealed unsafe class PlannedEngine : NetworkEngine
{
    private readonly EngineStep[] _steps;
    private readonly List<NativeArray<float>> _vectorGradients = [];
    private readonly Dictionary<(int, int, int, int, bool), Stack<Map>> _freeOperands = [];
    private readonly List<(nint Floats, long Count)> _freePlain = [];
    private readonly long[] _labels;

    /// <summary>Plans and makes the buffers.</summary>
    /// <param name="network">Its weights.</param>
    /// <param name="description">Its layers.</param>
    /// <param name="height">H of its images.</param>
    /// <param name="width">W.</param>
    /// <param name="tokens">Labels of an image.</param>
    /// <param name="bfloat16">As <see cref="NetworkEngine.For"/> has it.</param>
    /// <param name="training">Likewise.</param>
    /// <exception cref="NotPlannedException">There is a layer that the engine does not compute.</exception>
    public PlannedEngine(torch.nn.Module network, NetworkDescription description, int height, int width, int tokens,
        bool bfloat16, bool training)
        : base(network, bfloat16, training)
    {
        var plan = new EnginePlan(description, ValueSizes.Of(description, height, width, tokens));
        _steps = plan.Steps;
        _labels = GC.AllocateArray<long>(tokens, pinned: true);
        long largest = plan.Values.Max(value => value.Count);
        Made = NewFloats(largest);
        Slopes = training ? NewFloats(largest) : null;
        GiveMemory(plan);
        if (training)
            new GradientPlan(this).Run(_steps);
        foreach (var step in _steps)
            step.Prepare(this);
    }

    /// <summary>The image that is computed: [C, H, W].</summary>
    public float* Image { get; private set; }

    public float Time { get; private set; }

    /// <summary>Its labels.</summary>
    public ReadOnlySpan<long> Labels => _labels;

    /// <summary>Where the result goes: [C, H, W].</summary>
    public float* Result { get; private set; }

    public float* ResultGradient { get; private set; }

    /// <summary>Memory for what a step makes on its way.</summary>
    public float* Made { get; }

    /// <summary>Likewise backward.</summary>
    public float* Slopes { get; }

    /// <summary>Numbers in the buffers of plain values.</summary>
    public long FloatsTaken { get; private set; }

    /// <inheritdoc/>
    public override void Pack()
    {
        foreach (var step in _steps)
            step.Pack();
    }

    /// <inheritdoc/>
    public override void Forward(float* x, float t, long label, float* f)
    {
        Image = x;
        Result = f;
        (Time, _labels[0]) = (t, label);
        foreach (var step in _steps)
            step.Forward();
    }

    /// <inheritdoc/>
    public override void Backward(float* gradient)
    {
        ResultGradient = gradient;
        foreach (var vector in _vectorGradients)
            vector.Clear();
        for (int i = _steps.Length - 1; i >= 0; i--)
            _steps[i].Backward();
    }

    /// <inheritdoc/>
    public override void TakeGradients()
    {
        foreach (var step in _steps)
            step.TakeGradients();
    }

    /// <summary>
    /// Makes the buffers; where nothing is trained, one serves again once its value has been read for the last time.
    /// </summary>
    private void GiveMemory(EnginePlan plan)
    {
        var parts = plan.Values.Where(value => value.Whole is not null).ToLookup(part => part.Whole!);
        int LastUse(EngineValue value) =>
            value.Readers.Concat(parts[value].SelectMany(part => part.Readers)).Select(step =>
            step.Index).DefaultIfEmpty(int.MaxValue).Max();
        var ends = _steps.ToLookup(step => LastUse(step.Output), step => step.Output);
        foreach (var concatenation in _steps.OfType<ConcatenateStep>())
            Join(concatenation);
        foreach (var step in _steps)
        {
            var value = step.Output;
            if (value.IsVector)
                GiveVector(value);
            else if (step is not ResultStep)
                Give(value, exact: step is ImageStep);
            if (!Training)
                foreach (var ended in ends[step.Index])
                    TakeBack(ended);
        }
    }

    private void GiveVector(EngineValue value)
    {
        value.Plain = new Map(NewFloats(value.Count), value.Height, value.Width, value.Channels);
        if (!Training)
            return;
        var gradient = Owned(new NativeArray<float>(value.Count));
        _vectorGradients.Add(gradient);
        value.Block = new(gradient.Data, value.Count) { Users = int.MaxValue };
    }

    /// <summary>Maps that are read as operands alone are made in the whole; then the whole is never copied.</summary>
    private void Join(ConcatenateStep step)
    {
        var whole = step.Output;
        if (whole.NeedsPlain)
        {
            foreach (var map in step.Inputs)
                map.ReadPlain();
            return;
        }
        foreach (var map in step.Inputs)
            map.ReadOperand(0);
        whole.ReadOperand(step.Inputs.Max(map => map.Border));
        whole.Operand = NewMap(whole.Height, whole.Width, whole.Channels, whole.Border);
        for (int i = 0; i < step.Inputs.Length; i++)
            step.Inputs[i].Operand = step.Inputs[i].Operand is null
                ? whole.Operand.Slice(step.First(i), step.Inputs[i].Channels)
                    : throw new NotPlannedException("a map that is joined to others twice");
    }

    private void Give(EngineValue value, bool exact)
    {
        if (value.NeedsPlain)
            value.Plain = new Map(TakePlain(value.Count), value.Height, value.Width, value.Channels);
        if (value.NeedsOperand && value.Operand is null)
            value.Operand = exact ? Owned(new Map(value.Height, value.Width, value.Channels, value.Border, false))
                : TakeOperand(value);
    }

    private float* TakePlain(long count)
    {
        int best = -1;
        for (int i = 0; i < _freePlain.Count; i++)
            if (_freePlain[i].Count >= count && (best < 0 || _freePlain[i].Count < _freePlain[best].Count))
                best = i;
        if (best < 0)
        {
            FloatsTaken += count;
            return NewFloats(count);
        }
        var (floats, _) = _freePlain[best];
        _freePlain.RemoveAt(best);
        return (float*)floats;
    }

    private Map TakeOperand(EngineValue value) =>
        Free(value).TryPop(out var map) ? map : NewMap(value.Height, value.Width, value.Channels, value.Border);

    private void TakeBack(EngineValue value)
    {
        if (value is { IsVector: false, Plain: { } plain })
            _freePlain.Add(((nint)plain.Floats, value.Count));
        if (value.Operand is { IsSlice: false } operand && value.Maker is not (ConcatenateStep or ImageStep))
            Free(value).Push(operand);
    }

    private Stack<Map> Free(EngineValue value)
    {
        var shape = (value.Height, value.Width, value.Channels, value.Border, Bfloat16);
        return _freeOperands.TryGetValue(shape, out var free) ? free : _freeOperands[shape] = new();
    }
}
