using Mezzotint.Networks;

namespace Mezzotint.Engine;

/// <summary>
/// A described network as steps over buffers, for one size of image: what nothing reads is left out, normalisations take in what
/// comes before and after them, maps side by side are made where they belong.
/// </summary>
internal sealed class EnginePlan
{
    private readonly NetworkDescription _description;
    private readonly ValueSize[] _sizes;
    private readonly EngineValue?[] _values; // of each node that is made
    private readonly List<Node>[] _readers;  // of each node, among those that are needed
    private readonly Dictionary<Node, (GroupNormNode Norm, Node X, NormParts Parts)> _norms = []; // by the last node of each
    private readonly HashSet<Node> _absorbed = [];
    private readonly List<EngineStep> _steps = [];

    /// <summary>Plans.</summary>
    /// <param name="description">The network.</param>
    /// <param name="sizes">Of its values.</param>
    /// <exception cref="NotPlannedException">There is a layer that the engine does not compute.</exception>
    public EnginePlan(NetworkDescription description, ValueSize[] sizes)
    {
        (_description, _sizes) = (description, sizes);
        _values = new EngineValue?[description.Nodes.Count];
        _readers = ReadersOf(description, Needed());
        foreach (var norm in description.Nodes.OfType<GroupNormNode>().Where(IsNeeded))
            Fuse(norm);
        foreach (var node in description.Nodes.Where(node => IsNeeded(node) && !_absorbed.Contains(node)))
            Add(node);
        for (int i = 0; i < _steps.Count; i++)
        {
            _steps[i].Index = i;
            _steps[i].Output.HasGradient = _steps[i].HasParameters || _steps[i].Inputs.Any(input => input.HasGradient);
        }
        foreach (var part in Values.Where(value => value.Whole is not null))
            part.HasGradient = part.Whole!.HasGradient;
        foreach (var step in _steps) // a second time, as parts are made by the steps of their wholes
            step.Output.HasGradient |= step.Inputs.Any(input => input.HasGradient);
    }

    /// <summary>The steps, in their order.</summary>
    public EngineStep[] Steps => [.. _steps];

    /// <summary>All values, parts of others included.</summary>
    public IEnumerable<EngineValue> Values => _values.OfType<EngineValue>().Distinct();

    private bool IsNeeded(Node node) => _readers[node.Index] is not null;

    private bool[] Needed()
    {
        var needed = new bool[_description.Nodes.Count];
        foreach (var output in _description.Outputs)
            needed[output.Index] = true;
        foreach (var node in _description.Nodes.Reverse().Where(node => needed[node.Index]))
            foreach (var input in IsBroadcast(node) ? [node.Inputs[2]] : node.Inputs)
                needed[input.Index] = true;
        return needed;
    }

    private List<Node>[] ReadersOf(NetworkDescription description, bool[] needed)
    {
        var readers = new List<Node>[description.Nodes.Count];
        foreach (var node in description.Nodes.Where(node => needed[node.Index]))
        {
            readers[node.Index] = [];
            foreach (var input in IsBroadcast(node) ? [node.Inputs[2]] : node is ReshapeNode ? [node.Inputs[0]] : node.Inputs)
                readers[input.Index]?.Add(node);
        }
        return readers;
    }

    /// <summary>Attention to a single token gives its value, whatever is asked.</summary>
    private bool IsBroadcast(Node node) => node is AttentionNode && IsVector(node.Inputs[1]) && Size(node.Inputs[1]).Places == 1;

    private Node? OnlyReader(Node node) =>
        _readers[node.Index] is [var reader] && !_description.Outputs.Contains(node) ? reader : null;

    /// <summary>A vector added before a normalisation; modulation, silu and the sum with what was normalised after it.</summary>
    private void Fuse(GroupNormNode norm)
    {
        Node x = norm.Inputs[0], last = norm;
        Node? shift = null, modulation = null;
        bool silu = false, residual = false;
        if (x is AddNode && x.Inputs[1].Form == ValueForm.Vector && OnlyReader(x) == norm)
        {
            _absorbed.Add(x);
            (shift, x) = (x.Inputs[1], x.Inputs[0]);
        }
        if (OnlyReader(last) is ModulateNode modulate && modulate.Inputs[0] == last)
            (modulation, last) = (modulate.Inputs[1], Absorb(last, modulate));
        if (OnlyReader(last) is ActivationNode { Kind: ActivationKind.Silu } activation)
        {
            (silu, last) = (true, Absorb(last, activation));
            if (OnlyReader(last) is AddNode add && add.Inputs.Contains(x) && add.Inputs[0].Form == add.Inputs[1].Form)
                (residual, last) = (true, Absorb(last, add));
        }
        _norms.Add(last, (norm, x, new(shift, modulation, silu, residual)));
    }

    private Node Absorb(Node taken, Node by)
    {
        _absorbed.Add(taken);
        return by;
    }

    private void Add(Node node)
    {
        if (_norms.TryGetValue(node, out var fused))
        {
            var parts = new NormFusion(Vector(fused.Parts.Shift), Vector(fused.Parts.Modulation), fused.Parts.Silu,
                fused.Parts.Residual);
            if (parts.Modulation is not null && _readers[fused.Parts.Modulation!.Index].Count > 1)
                throw new NotPlannedException("a modulation that is read twice");
            _steps.Add(new GroupNormStep(fused.Norm.Name!, fused.Norm.Groups, parts, Of(fused.X), Make(node)));
            return;
        }
        switch (node)
        {
            // read together by whatever reads the last
            case InputNode or AnchorsNode or ResampleNode { Kind: ResampleKind.Unshuffle }:
                break;
            case ReshapeNode { Form: not ValueForm.Vector }:
                _values[node.Index] = Of(node.Inputs[0]);
                break;
            case SliceNode slice:
                AddPart(slice);
                break;
            case ResampleNode { Kind: ResampleKind.Shuffle } when _description.Outputs[0] == node
                && node.Inputs[0] is ConvolutionNode:
                break;
            case AttentionNode when IsBroadcast(node): // its readers take the token's value
                break;
            default:
                _steps.Add(StepOf(node));
                break;
        }
    }

    private EngineStep StepOf(Node node) => node switch
    {
        ConvolutionNode conv when IsResult(conv) => Result(conv),
        ConvolutionNode conv => new ConvolutionStep(conv.Name!, conv.Shape, Of(conv.Inputs[0]), Make(conv)),
        LinearNode when IsVector(node) => new VectorLinearStep(node.Name!, Of(node.Inputs[0]), Make(node)),
        LinearNode => new ConvolutionStep(node.Name!, new(1, 1, 0, false), Of(node.Inputs[0]), Make(node)),
        LayerNormNode when !IsVector(node) => new LayerNormStep(node.Name!, Of(node.Inputs[0]), Make(node)),
        ActivationNode { Kind: ActivationKind.Silu } when IsVector(node) => new VectorSiluStep(Of(node.Inputs[0]), Make(node)),
        ActivationNode { Kind: ActivationKind.Relu } when !IsVector(node) => new ReluStep(Of(node.Inputs[0]), Make(node)),
        AddNode when IsVector(node) && Size(node.Inputs[1]) == Size(node) =>
            new VectorSumStep([.. node.Inputs.Select(Of)], Make(node)),
        AddNode when !IsVector(node) => Sum(node, node.Inputs[0], node.Inputs[1]),
        ReduceNode { Kind: ReduceKind.Sum } when IsVector(node.Inputs[0]) => new VectorSumStep([Of(node.Inputs[0])], Make(node)),
        AttentionNode attention => Among(attention),
        ConcatenateNode when !IsVector(node) => new ConcatenateStep([.. node.Inputs.Select(Of)], Make(node)),
        TimeFeaturesNode time => new TimeFeaturesStep(time.Name, time.Frequencies, time.CosineFirst, Make(time)),
        EmbeddingNode => new EmbeddingStep(node.Name!, Make(node)),
        _ => throw new NotPlannedException($"a layer of the type {node.GetType().Name[..^"Node".Length]} in this place"),
    };

    private EngineStep Sum(Node node, Node a, Node b)
    {
        if (IsBroadcast(a))
            (a, b) = (b, a);
        var vector = IsBroadcast(b) ? b.Inputs[2] : b;
        return IsVector(vector)
            ? new AddVectorStep(Of(a), Of(vector), Make(node)) : new AddStep(Of(a), Of(b), Make(node));
    }

    private AttentionStep Among(AttentionNode node)
    {
        if (node.Channels / node.Heads % Lanes.Count != 0)
            throw new NotPlannedException(
                $"heads of {node.Channels / node.Heads} channels: they must be multiples of {Lanes.Count}");
        if (Of(node.Inputs[1]).Stride != Of(node.Inputs[2]).Stride || node.Inputs.Any(input => _readers[input.Index].Count > 1))
            throw new NotPlannedException("attention whose queries, keys and values others read");
        return new(Of(node.Inputs[0]), Of(node.Inputs[1]), Of(node.Inputs[2]), node.Heads, node.Causal, Make(node));
    }

    /// <summary>The last convolution makes the few channels of an image.</summary>
    private bool IsResult(ConvolutionNode conv) => conv is { HasBias: true, Shape: { Kernel: 3, Stride: 1, Transposed: false } }
        && (_description.Outputs[0] == conv
            || (_description.Outputs[0] is ResampleNode { Kind: ResampleKind.Shuffle } shuffle && shuffle.Inputs[0] == conv));

    private ResultStep Result(ConvolutionNode conv)
    {
        int patch = _description.Outputs[0] is ResampleNode shuffle ? shuffle.Factor : 1;
        var value = new EngineValue(Size(conv).Rows, Size(conv).Columns, conv.Channels);
        return new(conv.Name!, patch, Of(conv.Inputs[0]), value);
    }

    private void AddPart(SliceNode slice)
    {
        var whole = Of(slice.Inputs[0]);
        if (slice.Form != ValueForm.Map || _readers[slice.Index].Any(reader => reader is not AttentionNode)
            || _readers[slice.Inputs[0].Index].OfType<SliceNode>().Sum(part => part.Channels) != whole.Channels)
            throw new NotPlannedException("parts of a map that are not the queries, keys and values of one attention");
        _values[slice.Index] = new(whole.Height, whole.Width, slice.Channels) { Whole = whole, First = slice.First };
    }

    private ValueSize Size(Node node) => _sizes[node.Index];

    /// <summary>Vectors, and the few tokens of the condition.</summary>
    private static bool IsVector(Node node) => node.Form switch
    {
        ValueForm.Vector => true,
        ValueForm.Tokens => node is EmbeddingNode || (node is LinearNode && IsVector(node.Inputs[0])),
        _ => false,
    };

    private EngineValue? Vector(Node? node) => node is null ? null : Of(node);

    private EngineValue Of(Node node) => _values[node.Index] ?? node switch
    {
        InputNode { Form: ValueForm.Map } or AnchorsNode or ResampleNode { Kind: ResampleKind.Unshuffle } => Image(node),
        _ => throw new NotPlannedException($"a value of the type {node.GetType().Name[..^"Node".Length]} in this place"),
    };

    /// <summary>The image, with anchors and in patches.</summary>
    private EngineValue Image(Node last)
    {
        var node = last;
        int patch = 1;
        if (node is ResampleNode unshuffle)
            (patch, node) = (unshuffle.Factor, node.Inputs[0]);
        var anchors = node as AnchorsNode;
        node = anchors?.Inputs[0] ?? node;
        if (node is not InputNode || _readers[last.Index].Any(reader => reader is not ConvolutionNode))
            throw new NotPlannedException("an image that is read by other layers than convolutions");
        var value = new EngineValue(Size(last).Rows, Size(last).Columns, last.Channels);
        _steps.Add(new ImageStep(new(node.Channels, patch, anchors?.Anchors ?? [], anchors?.DataStd ?? 0), value));
        return _values[last.Index] = value;
    }

    private EngineValue Make(Node node)
    {
        var (rows, columns) = Size(node);
        if (node.Form is ValueForm.Tokens && !IsVector(node)
            && node.Inputs.Select(input => _values[input.Index]).FirstOrDefault(input => input?.Places == rows) is { } like)
            (rows, columns) = (like.Height, like.Width); // tokens lie as the places that they are
        if (!IsVector(node) && node.Channels % Lanes.Count != 0)
            throw new NotPlannedException($"maps of {node.Channels} channels: they must be multiples of {Lanes.Count}");
        if ((long)rows * columns * node.Channels * sizeof(float) > int.MaxValue)
            throw new NotPlannedException($"maps of {rows} x {columns} with {node.Channels} channels: they take 2 GB or more");
        return _values[node.Index] = new EngineValue(rows, columns, node.Channels) { IsVector = IsVector(node) };
    }

    private sealed record NormParts(Node? Shift, Node? Modulation, bool Silu, bool Residual);
}

/// <summary>The engine has no plan for a network; the message says of what, as the rest of "there is no plan for ...".</summary>
internal sealed class NotPlannedException(string message) : Exception(message);
