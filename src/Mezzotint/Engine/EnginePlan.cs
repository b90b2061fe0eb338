using Mezzotint.Networks;

namespace Mezzotint.Engine;

/// <summary>
/// A described network as steps over buffers, for one size of image. Layers that nothing reads are left out. Normalisations
/// include what comes before and after them. Maps side by side are made where they belong.
/// </summary>
internal sealed class EnginePlan
{
    private readonly NetworkDescription _description;
    private readonly ValueSize[] _sizes;
    private readonly PlannedNodes _nodes;
    private readonly EngineValue?[] _values; // of each node that is made
    private readonly List<EngineStep> _steps = [];
    private readonly GivenGradients _given;

    /// <summary>Plans.</summary>
    /// <param name="description">The network.</param>
    /// <param name="sizes">Of its values.</param>
    /// <param name="given">The given values whose gradients are asked for, where the plan is for training.</param>
    /// <exception cref="NotPlannedException">There is a layer that the engine does not compute.</exception>
    public EnginePlan(NetworkDescription description, ValueSize[] sizes, GivenGradients given = GivenGradients.None)
    {
        (_description, _sizes, _nodes, _given) = (description, sizes, new(description, sizes), given);
        _values = new EngineValue?[description.Nodes.Count];
        foreach (var node in description.Nodes.Where(_nodes.IsMade))
            Add(node);
        long first = 0;
        foreach (var output in description.Outputs)
        {
            if (!_nodes.IsImage(output))
                _steps.Add(new ResultStep(first, output.Form == ValueForm.Map, Of(output)));
            first += (long)Size(output).Places * output.Channels;
        }
        for (int i = 0; i < _steps.Count; i++)
        {
            _steps[i].Index = i;
            _steps[i].Output.HasGradient = _steps[i].HasParameters || _steps[i].Inputs.Any(input => input.HasGradient)
                || (given & _steps[i].Given) != 0;
        }
        foreach (var part in Values.Where(value => value.Whole is not null))
            part.HasGradient = part.Whole!.HasGradient;
        foreach (var step in _steps) // a second time, as parts are made by the steps of their wholes
            step.Output.HasGradient |= step.Inputs.Any(input => input.HasGradient);
    }

    /// <summary>The steps, in their order.</summary>
    public EngineStep[] Steps => [.. _steps];

    /// <summary>All values, parts of others included.</summary>
    public IEnumerable<EngineValue> Values => _values.Concat(_steps.Select(step => step.Output)).OfType<EngineValue>().Distinct();

    private void Add(Node node)
    {
        if (_nodes.NormOf(node) is { } fused)
        {
            var x = Of(fused.X);
            var parts = new NormFusion(Vector(fused.Shift), Vector(fused.Modulation), fused.Silu, fused.Residual);
            _steps.Add(new GroupNormStep(fused.Norm, parts, x, Make(node, x.Layout)));
            return;
        }
        switch (node)
        {
            // read together by whatever reads the last
            case InputNode { Form: not (ValueForm.Tokens or ValueForm.Vector) } or AnchorsNode:
            case ResampleNode { Kind: ResampleKind.Unshuffle } when PlannedNodes.IsGiven(node):
                break;
            case ReshapeNode { Form: not ValueForm.Vector }:
                _values[node.Index] = Reshaped(node);
                break;
            case SliceNode slice when _nodes.IsPartOfAttention(slice):
                var whole = Of(slice.Inputs[0]);
                _values[node.Index] = new(whole.Height, whole.Width, slice.Channels) { Whole = whole, First = slice.First };
                break;
            case ResampleNode { Kind: ResampleKind.Shuffle } when _nodes.IsImage(node):
                break;
            case AttentionNode when _nodes.IsBroadcast(node): // its readers take the token's value
                break;
            default:
                _steps.Add(StepOf(node));
                break;
        }
    }

    private EngineStep StepOf(Node node) => node switch
    {
        ConvolutionNode conv when _nodes.IsImageResult(conv) => Result(conv),
        ConvolutionNode conv => new ConvolutionStep(conv.Name!, conv.Shape, Of(conv.Inputs[0]), Make(conv)),
        LinearNode when _nodes.IsVector(node) => new VectorLinearStep(node.Name!, Of(node.Inputs[0]), Make(node)),
        LinearNode => new ConvolutionStep(node.Name!, new(1, 1, 0, false), Of(node.Inputs[0]), Make(node)),
        LayerNormNode norm => Alike(node, (x, y) => new LayerNormStep(norm, x, y)),
        ActivationNode { Kind: ActivationKind.Silu } when _nodes.IsVector(node) =>
            new VectorSiluStep(Of(node.Inputs[0]), Make(node)),
        ActivationNode activation => Alike(node, (x, y) => new ActivationStep(activation.Kind, x, y)),
        AddNode when _nodes.IsVector(node) => new VectorSumStep([.. node.Inputs.Select(Of)], Make(node)),
        AddNode => Sum(node, node.Inputs[0], node.Inputs[1]),
        MultiplyNode => AlikeBoth(node, node.Inputs[0], node.Inputs[1], (a, b, y) => new MultiplyStep(a, b, y)),
        ModulateNode => Alike(node, (x, y) => new ModulateStep(x, Of(node.Inputs[1]), y)),
        ReduceNode { Kind: ReduceKind.Sum } when _nodes.IsVector(node.Inputs[0]) =>
            new VectorSumStep([Of(node.Inputs[0])], Make(node)),
        ReduceNode reduce => new ReduceStep(reduce.Kind == ReduceKind.Sum ? 1 : 1f / Size(node.Inputs[0]).Places,
            Of(node.Inputs[0]), Make(node)),
        AttentionNode attention => new AttentionStep(attention, OnePart(Of(node.Inputs[0])), OnePart(Of(node.Inputs[1])),
            OnePart(Of(node.Inputs[2])), Make(node)),
        ConcatenateNode when _nodes.IsVector(node) => new JoinVectorsStep([.. node.Inputs.Select(Of)], Make(node)),
        ConcatenateNode => Joined(node, [.. node.Inputs.Select(input => Cropped(Of(input), Size(node)))]),
        SliceNode slice => Rearranged(Of(node.Inputs[0]), node, ChannelsFrom(Of(node.Inputs[0]), slice.First, slice.Channels)),
        ResampleNode { Kind: ResampleKind.MaxPool } pool =>
            Alike(node, (x, y) => new MaxPoolStep(pool.Factor, x, y)),
        ResampleNode resample => Resampled(resample, OnePart(Of(node.Inputs[0]))),
        ReshapeNode => Flattened(node, Of(node.Inputs[0])),
        TimeFeaturesNode time => new TimeFeaturesStep(time, Make(time)),
        EmbeddingNode => new EmbeddingStep(node.Name!, Make(node)),
        PositionsNode => new PositionsStep(node.Name!, Make(node)),
        InputNode => new GivenStep(node.Form == ValueForm.Tokens, Make(node)),
        _ => throw new NotPlannedException($"a layer of the type {node.GetType().Name[..^"Node".Length]} in this place"),
    };

    /// <summary>A step whose output has its channels where the input has them.</summary>
    private EngineStep Alike(Node node, Func<EngineValue, EngineValue, EngineStep> step) =>
        Of(node.Inputs[0]) is var x && x.Layout.Count == node.Channels ? step(x, Make(node, x.Layout)) : step(x, Make(node));

    private EngineStep AlikeBoth(Node node, Node a, Node b, Func<EngineValue, EngineValue, EngineValue, EngineStep> step)
    {
        var (x, y) = (Of(a), Of(b));
        if (!x.Layout.Equals(y.Layout))
            (x, y) = (OnePart(x), OnePart(y));
        return step(x, y, Make(node, x.Layout));
    }

    private EngineStep Sum(Node node, Node a, Node b)
    {
        if (_nodes.IsBroadcast(a))
            (a, b) = (b, a);
        var vector = _nodes.IsBroadcast(b) ? b.Inputs[2] : b;
        if (!_nodes.IsVector(vector))
            return AlikeBoth(node, a, b, (x, y, sum) => new AddStep(x, y, sum));
        var map = OnePart(Of(a));
        return new AddVectorStep(map, Of(vector), Make(node, map.Layout));
    }

    private ConcatenateStep Joined(Node node, EngineValue[] maps) =>
        new(maps, Make(node, ChannelLayout.Beside(maps.Select(map => map.Layout))));

    private ImageResultStep Result(ConvolutionNode conv)
    {
        int patch = _description.Outputs[0] is ResampleNode shuffle ? shuffle.Factor : 1;
        var value = new EngineValue(Size(conv).Rows, Size(conv).Columns, conv.Channels) { IsResult = true };
        return new(conv.Name!, patch, Of(conv.Inputs[0]), value);
    }

    /// <summary>The same value, where its places lie as they do; else a copy.</summary>
    private EngineValue Reshaped(Node node)
    {
        var x = Of(node.Inputs[0]);
        if (node.Form == ValueForm.Tokens || (x.Height, x.Width) == (Size(node).Rows, Size(node).Columns))
            return x;
        var y = new EngineValue(Size(node).Rows, Size(node).Columns, x.Layout);
        return Copied(x, y, PlacesOf(x), x.Layout.At);
    }

    private RearrangeStep Flattened(Node node, EngineValue x) => // [C H W]
        new RearrangeStep(x, [0], [.. x.Layout.At.SelectMany(at => PlacesOf(x).Select(place => place + at))], Make(node));

    private RearrangeStep Rearranged(EngineValue x, Node node, int[] channels) =>
        new RearrangeStep(x, PlacesOf(x), channels, Make(node));

    /// <summary>The same channels in one part.</summary>
    private EngineValue OnePart(EngineValue x) => x.Layout.IsOnePart ? x
        : Copied(x, new(x.Height, x.Width, ChannelLayout.Padded(x.Layout.Count)), PlacesOf(x), x.Layout.At);

    /// <summary>A map cropped about its centre: see <see cref="CenterCrop"/>.</summary>
    private EngineValue Cropped(EngineValue x, ValueSize size)
    {
        if ((x.Height, x.Width) == (size.Rows, size.Columns))
            return x;
        int top = (x.Height - size.Rows) / 2, left = (x.Width - size.Columns) / 2;
        var places = from row in Enumerable.Range(top, size.Rows)
                     from column in Enumerable.Range(left, size.Columns)
                     select (row * x.Width + column) * x.Channels;
        return Copied(x, new(size.Rows, size.Columns, x.Layout), [.. places], x.Layout.At);
    }

    private EngineValue Copied(EngineValue x, EngineValue y, int[] places, int[] channels)
    {
        _steps.Add(new RearrangeStep(x, places, channels, y));
        return y;
    }

    private RearrangeStep Resampled(ResampleNode node, EngineValue x)
    {
        var (rows, columns) = Size(node);
        int factor = node.Factor, square = factor * factor;
        int At(int row, int column) => (row * x.Width + column) * x.Channels;
        int[] Places(Func<int, int, int> at) =>
            [.. from row in Enumerable.Range(0, rows) from column in Enumerable.Range(0, columns) select at(row, column)];
        int[] channels = x.Layout.At;
        return node.Kind switch
        {
            ResampleKind.Nearest => new RearrangeStep(x, Places((row, column) => At(row / factor, column / factor)), channels,
                Make(node, x.Layout)),
            // channel c factor^2 + i factor + j of a square's place is c of the place (i, j) in it
            ResampleKind.Unshuffle => new RearrangeStep(x, Places((row, column) => At(row * factor, column * factor)),
                [.. from at in channels from i in Enumerable.Range(0, square) select At(i / factor, i % factor) + at],
                Make(node)),
            _ => new RearrangeStep(x, Places((row, column) =>
                At(row / factor, column / factor) + row % factor * factor + column % factor),
                [.. Enumerable.Range(0, node.Channels).Select(c => c * square)], Make(node)),
        };
    }

    private static int[] PlacesOf(EngineValue x) => [.. Enumerable.Range(0, x.Places).Select(place => place * x.Channels)];

    private static int[] ChannelsFrom(EngineValue x, int first, int count) => x.Layout.At[first..(first + count)];

    private bool ImageHasGradient => _given.HasFlag(GivenGradients.Image);

    private ValueSize Size(Node node) => _sizes[node.Index];

    private EngineValue? Vector(Node? node) => node is null ? null : Of(node);

    private EngineValue Of(Node node) => _values[node.Index] ?? (PlannedNodes.IsGiven(node) ? Image(node)
        : throw new NotPlannedException($"a value of the type {node.GetType().Name[..^"Node".Length]} in this place"));

    /// <summary>The image, with anchors and in patches.</summary>
    private EngineValue Image(Node last)
    {
        var node = last;
        int patch = 1;
        if (node is ResampleNode unshuffle)
            (patch, node) = (unshuffle.Factor, node.Inputs[0]);
        var anchors = node as AnchorsNode;
        node = anchors?.Inputs[0] ?? node;
        if (ImageHasGradient && last is not InputNode)
            throw new NotPlannedException("the gradient of an image that is read with anchors or in patches");
        // convolutions read images as they are; gradients are in whole vectors
        var value = new EngineValue(Size(last).Rows, Size(last).Columns,
            _nodes.ReadByConvolutions(last) && !ImageHasGradient ? last.Channels : ChannelLayout.Padded(last.Channels));
        _steps.Add(new ImageStep(new(node.Channels, patch, anchors?.Anchors ?? [], anchors?.DataStd ?? 0), value));
        return _values[last.Index] = value;
    }

    private EngineValue Make(Node node, ChannelLayout? layout = null)
    {
        var (rows, columns) = Size(node);
        bool vector = _nodes.IsVector(node);
        if (node.Form is ValueForm.Tokens && !vector
            && node.Inputs.Select(input => _values[input.Index]).FirstOrDefault(input => input?.Places == rows) is { } like)
            (rows, columns) = (like.Height, like.Width); // tokens lie as the places that they are
        layout ??= vector && node.Form == ValueForm.Tokens
            ? ChannelLayout.Exact(node.Channels) : ChannelLayout.Padded(node.Channels);
        if ((long)rows * columns * layout.Width * sizeof(float) > int.MaxValue)
            throw new NotPlannedException($"maps of {rows} x {columns} with {node.Channels} channels: they take 2 GB or more");
        return _values[node.Index] = new EngineValue(rows, columns, layout) { IsVector = vector };
    }
}

/// <summary>The engine has no plan for a network; the message says of what, as the rest of "there is no plan for ...".</summary>
internal sealed class NotPlannedException(string message) : Exception(message);
