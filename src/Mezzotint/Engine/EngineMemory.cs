namespace Mezzotint.Engine;

/// <summary>
/// Gives the values of a plan their buffers. Where nothing is trained, a buffer serves again once its value has been read for the
/// last time; in an engine that streams its weights, all lie in one piece of memory: see <see cref="BufferPlan"/>.
/// </summary>
internal sealed unsafe class EngineMemory(NetworkEngine engine, EnginePlan plan)
{
    private readonly Dictionary<(int, int, ChannelLayout, int), Stack<Map>> _freeOperands = [];
    private readonly BufferPlan? _plan = engine.Streams ? new() : null; // of large engines
    private readonly List<(nint Floats, long Count)> _freePlain = [];
    private readonly Dictionary<nint, long> _taken = []; // how large the buffers are that are in use
    private readonly ILookup<EngineValue, EngineValue> _parts =
        plan.Values.Where(value => value.Whole is not null).ToLookup(part => part.Whole!);

    /// <summary>Numbers in the buffers of plain values.</summary>
    public long FloatsTaken { get; private set; }

    /// <summary>The gradients of vectors, which are cleared before each image.</summary>
    public List<NativeArray<float>> VectorGradients { get; } = [];

    /// <summary>Makes the buffers.</summary>
    public EngineMemory Give()
    {
        var ends = plan.Steps.ToLookup(step => LastUse(step.Output), step => step.Output);
        foreach (var concatenation in plan.Steps.OfType<ConcatenateStep>())
            Join(concatenation);
        if (_plan is not null && !engine.Bfloat16)
            foreach (var step in plan.Steps)
                GiveRing(step.Output, _plan);
        foreach (var step in plan.Steps)
        {
            if (step.Output.IsVector)
                GiveVector(step.Output);
            else if (!step.Output.IsResult)
                Give(step.Output, exact: step is ImageStep);
            if (!engine.Training && _plan is null)
                foreach (var ended in ends[step.Index])
                    TakeBack(ended);
        }
        if (_plan is not null)
            _plan.Give(engine.NewFloats(FloatsTaken = _plan.Place()));
        return this;
    }

    /// <summary>A step whose rows are made as they are read reads its own inputs until then.</summary>
    private int LastUse(EngineValue value) =>
        value.Readers.Concat(_parts[value].SelectMany(part => part.Readers)).Select(step =>
            step.Output is { Ring: not null, Readers: [var reader] } ? reader.Index : step.Index)
            .DefaultIfEmpty(int.MaxValue).Max();

    /// <summary>A map that one convolution reads, from above to below, is never whole: the normalised copies of a decoder would
    /// be its largest maps.</summary>
    private static void GiveRing(EngineValue value, BufferPlan plan)
    {
        if (value is not { NeedsPlain: false, Operand: null, Maker: { MakesRows: true } maker, Readers: [ConvolutionStep reader] }
            || reader.RowsAtOnce is not (> 0 and var rows) || rows >= value.Height)
            return;
        var ring = new RowRing(maker, value.Width, value.Layout, rows);
        value.Operand = new Map(ring, value.Height, value.Width, value.Layout, value.Border);
        plan.Add(ring.Count, reader.Index, reader.Index, floats => ring.Data = (float*)floats);
    }

    private void GiveVector(EngineValue value)
    {
        value.Plain = new Map(engine.NewFloats(value.Count), value.Height, value.Width, value.Layout);
        if (!engine.Training)
            return;
        var gradient = engine.Owned(new NativeArray<float>(value.Count));
        VectorGradients.Add(gradient);
        value.Block = new(gradient.Data, value.Count) { Users = int.MaxValue };
    }

    /// <summary>
    /// Maps that are read as operands alone are made in the whole, which is then never copied; unless they have their place in
    /// another whole already.
    /// </summary>
    private void Join(ConcatenateStep step)
    {
        var whole = step.Output;
        if (whole.NeedsPlain || step.Inputs.Any(map => map.Operand is not null || map.Maker is ImageStep)
            || step.Inputs.Distinct().Count() < step.Inputs.Length)
        {
            whole.ReadPlain();
            foreach (var map in step.Inputs)
                map.ReadPlain();
            return;
        }
        foreach (var map in step.Inputs)
            map.ReadOperand(0);
        whole.ReadOperand(step.Inputs.Max(map => map.Border));
        whole.Operand = engine.NewMap(whole.Height, whole.Width, whole.Layout, whole.Border);
        for (int i = 0; i < step.Inputs.Length; i++)
            step.Inputs[i].Operand = whole.Operand.Slice(step.First(i), step.Inputs[i].Layout);
    }

    private void Give(EngineValue value, bool exact)
    {
        if (_plan is not null && !exact)
        {
            Ask(value, _plan);
            return;
        }
        if (value.NeedsPlain)
            value.Plain = new Map(TakePlain(value.Count), value.Height, value.Width, value.Layout);
        if (!value.NeedsOperand || value.Operand is not null)
            return;
        if (value.Plain is { } same && value.Border == 0 && !engine.Training && !engine.Bfloat16)
            value.Operand = same; // as it lies there
        else
            value.Operand = exact
                ? engine.Owned(new Map(value.Height, value.Width, value.Layout, value.Border, bfloat16: false))
                    : TakeOperand(value);
    }

    /// <summary>Asks for what a value needs, from the step that makes it to the last that reads it.</summary>
    private void Ask(EngineValue value, BufferPlan plan)
    {
        var (height, width, layout, border) = (value.Height, value.Width, value.Layout, value.Border);
        bool joined = value.Operand is not null, same = value.NeedsPlain && border == 0 && !engine.Bfloat16;
        int from = value.Maker!.Index, to = LastUse(value);
        if (value.NeedsPlain)
            plan.Add(value.Count, from, to, floats =>
            {
                value.Plain = new Map((float*)floats, height, width, layout);
                if (value.NeedsOperand && same && !joined)
                    value.Operand = value.Plain; // as it lies there
            });
        if (value.NeedsOperand && !same && !joined)
            plan.Add((Map.BytesOf(height, width, layout, border, engine.Bfloat16) + sizeof(float) - 1) / sizeof(float), from, to,
                floats => value.Operand = new Map((float*)floats, height, width, layout, border, engine.Bfloat16));
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
            _freePlain.Add(((nint)engine.NewFloats(count), count));
            best = _freePlain.Count - 1;
        }
        nint floats = _freePlain[best].Floats;
        _taken[floats] = _freePlain[best].Count;
        _freePlain.RemoveAt(best);
        return (float*)floats;
    }

    private Map TakeOperand(EngineValue value) =>
        Free(value).TryPop(out var map) ? map : engine.NewMap(value.Height, value.Width, value.Layout, value.Border);

    private void TakeBack(EngineValue value)
    {
        if (value is { IsVector: false, Plain: { } plain })
            _freePlain.Add(((nint)plain.Floats, _taken[(nint)plain.Floats]));
        if (value.Operand is { IsSlice: false } operand && operand != value.Plain
            && value.Maker is not (ConcatenateStep or ImageStep))
            Free(value).Push(operand);
    }

    /// <summary>Operands of one shape: their borders stay 0.</summary>
    private Stack<Map> Free(EngineValue value)
    {
        var shape = (value.Height, value.Width, value.Layout, value.Border);
        return _freeOperands.TryGetValue(shape, out var free) ? free : _freeOperands[shape] = new();
    }
}
