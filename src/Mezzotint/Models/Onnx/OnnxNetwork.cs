using System.Runtime.InteropServices;
using Mezzotint.Formats;
using Mezzotint.Networks;

namespace Mezzotint.Models.Onnx;

/// <summary>
/// A described network in ONNX's operators, layer by layer. Weights keep the names that the network gives them.
/// </summary>
/// <param name="graph">Where the layers go.</param>
/// <param name="weights">A weight by its name, in float32.</param>
/// <param name="names">What the inputs are called, by the network's names; null for these.</param>
internal sealed class OnnxNetwork(
    OnnxGraph graph, Func<string, TensorData> weights, IReadOnlyDictionary<string, string>? names = null)
{
    private const double Hidden = -1e30; // the score of a key that is not seen

    private ValueSize[]? _sizes; // of the values of the network that is added; null where the maps may have any

    /// <summary>Adds what the network is given: of any number of images and tokens.</summary>
    /// <param name="description">The network.</param>
    /// <param name="size">The rows and columns of its maps; null for any. Then one time may stand for all images.</param>
    public void AddInputs(NetworkDescription description, ValueSize? size)
    {
        foreach (var input in description.Inputs.Where(input => input.Of != InputNode.Changes))
            graph.Input(NameOf(input), whole: input.Form == ValueForm.Indices, [Images(input), .. input.Form switch
            {
                ValueForm.Map when size is null => new object[] { input.Channels, "height", "width" },
                ValueForm.Map => [input.Channels, size.Value.Rows, size.Value.Columns],
                ValueForm.Indices or ValueForm.Mask => ["tokens"],
                ValueForm.Tokens => ["tokens", input.Channels],
                ValueForm.Vector => [input.Channels],
                _ => [],
            }]);
        string Images(InputNode input) => size is null && input.Form == ValueForm.Number ? "steps" : "batch";
    }

    /// <summary>Adds all layers.</summary>
    /// <param name="description">The network; the graph has its inputs already.</param>
    /// <param name="sizes">Of its values; null for any.</param>
    /// <returns>The name of what it gives.</returns>
    /// <exception cref="NotSupportedException">The network crops maps or rearranges squares: its file is of one size.</exception>
    public string Add(NetworkDescription description, ValueSize[]? sizes)
    {
        _sizes = sizes;
        if (sizes is null && description.Nodes.Any(IsOfOneSize(description)))
            throw new NotSupportedException("A network that crops maps or rearranges squares is written for one size.");
        var made = new string[description.Nodes.Count];
        foreach (var node in description.Nodes)
            made[node.Index] = Add(node, sizes?[node.Index] ?? default, [.. node.Inputs.Select(input => made[input.Index])]);
        return made[description.Outputs[0].Index];
    }

    /// <summary>Adds the state at the end of each text: see <see cref="TextEncoder.Pooled"/>.</summary>
    /// <param name="tokens">The name of int64 [B, T].</param>
    /// <param name="states">That of [B, T, D].</param>
    /// <param name="end">The token that ends a text; null for the largest.</param>
    /// <returns>The name of [B, D].</returns>
    public string AddPooled(string tokens, string states, int? end)
    {
        string marks = graph.AsInt32(end is { } token ? graph.Add("Equal", [tokens, graph.Whole(token)]) : tokens);
        return graph.Add("GatherND", [states, graph.Add("ArgMax", [marks], ("axis", 1), ("keepdims", 1))], ("batch_dims", 1));
    }

    private static Func<Node, bool> IsOfOneSize(NetworkDescription description)
    {
        const int oddRows = 65, oddColumns = 67; // of which halves and doubles differ
        var sizes = ValueSizes.Of(description, oddRows, oddColumns, tokens: 1);
        return node => node is ResampleNode { Kind: ResampleKind.Unshuffle }
            || node is ConcatenateNode && node.Inputs.Any(input => sizes[input.Index] != sizes[node.Index]);
    }

    /// <summary>What an input is called.</summary>
    public string NameOf(InputNode input) => names?.GetValueOrDefault(input.Of) ?? input.Of;

    private string Add(Node node, ValueSize size, string[] inputs) => node switch
    {
        InputNode { Of: InputNode.Changes } changes => graph.Floats([1, changes.Channels], new float[changes.Channels]),
        InputNode input => NameOf(input),
        ConvolutionNode { Shape: { After: var after } and var (kernel, stride, padding, transposed) } conv =>
            graph.Add(transposed ? "ConvTranspose" : "Conv", [inputs[0], .. WeightAndBias(conv, conv.HasBias)],
            [("kernel_shape", new long[] { kernel, kernel }), ("strides", new long[] { stride, stride }),
                ("pads", new long[] { padding, padding, after, after }),
                .. transposed ? [("output_padding", (object)new long[] { conv.Shape.OutputPadding, conv.Shape.OutputPadding })]
                    : Array.Empty<(string, object)>()]),
        LinearNode { Form: ValueForm.Vector } linear =>
            graph.Add("Gemm", [inputs[0], .. WeightAndBias(linear, linear.HasBias)], ("transB", 1)),
        LinearNode linear => OverTokens(linear, inputs[0]),
        EmbeddingNode => graph.Add("Gather", [Weight(node, "weight"), inputs[0]]),
        PositionsNode => Positions(node, inputs[0]),
        GroupNormNode norm => GroupNorm(norm, size, inputs[0]),
        LayerNormNode norm =>
            graph.Add("LayerNormalization", [inputs[0], .. WeightAndBias(node, true)], ("axis", -1),
                ("epsilon", (float)norm.Epsilon)),
        ActivationNode activation => Activation(activation.Kind, inputs[0]),
        AttentionNode { Form: ValueForm.Map } attention => AmongPlaces(attention, size, inputs),
        AttentionNode attention => AmongTokens(attention, inputs),
        TimeFeaturesNode features => TimeFeatures(features, inputs[0]),
        AnchorsNode anchors => Anchored(anchors, inputs[0], inputs[1]),
        AddNode =>
            Plus(inputs[0], node.Inputs[1].Form == node.Form ? inputs[1] : OverPlaces(inputs[1], node.Form, node.Channels)),
        MultiplyNode => Times(inputs[0], inputs[1]),
        ModulateNode => Modulated(node, inputs[0], inputs[1]),
        ConcatenateNode => graph.Add("Concat",
            [.. inputs.Zip(node.Inputs, (input, of) => Cropped(input, _sizes?[of.Index] ?? size, size))],
            ("axis", ChannelAxis(node.Form))),
        SliceNode slice => Slice(inputs[0], slice.First, slice.Channels, ChannelAxis(slice.Form)),
        ResampleNode resample => Resampled(resample, size, inputs),
        // [B, P, C]
        ReshapeNode { Form: ValueForm.Tokens } =>
            Transposed(graph.Add("Reshape", [inputs[0], graph.Whole(0, node.Channels, -1)]), 0, 2, 1),
        ReshapeNode { Form: ValueForm.Map } => graph.Add("Reshape",
            [Transposed(inputs[0], 0, 2, 1), Sides(node.Channels, size, like: inputs[1])]),
        ReshapeNode => graph.Add("Reshape", [inputs[0], graph.Whole(0, -1)]),
        ReduceNode { Kind: ReduceKind.Sum } => graph.Add("ReduceSum", [inputs[0], graph.Whole(1)], ("keepdims", 0)),
        ReduceNode => graph.Add("ReduceMean", inputs, ("axes", new long[] { 2, 3 }), ("keepdims", 0)),
        _ => throw new MezzotintException($"A network with a layer of the type {node.GetType().Name} cannot be written as ONNX."),
    };

    private static int ChannelAxis(ValueForm form) => form == ValueForm.Map ? 1 : -1;

    private string Weight(Node node, string name, long[]? shape = null)
    {
        var tensor = weights($"{node.Name}.{name}");
        return graph.Weight($"{node.Name}.{name}", shape ?? tensor.Shape, tensor.Bytes.Span);
    }

    private IEnumerable<string> WeightAndBias(Node node, bool hasBias) =>
        hasBias ? [Weight(node, "weight"), Weight(node, "bias")] : [Weight(node, "weight")];

    private string Plus(string a, string b) => graph.Add("Add", [a, b]);

    private string Times(string a, string b) => graph.Add("Mul", [a, b]);

    private string Number(double value) => graph.Floats([], (float)value);

    private string Transposed(string x, params long[] order) => graph.Add("Transpose", [x], ("perm", order));

    /// <summary>The shape of a map: of a size that is known, or else of that of another map.</summary>
    private string Sides(int channels, ValueSize size, string like) =>
        _sizes is not null ? graph.Whole(0, channels, size.Rows, size.Columns)
            : graph.Add("Concat", [graph.Whole(0, channels), ShapeOf(like, 2)], ("axis", 0));

    private string OverTokens(LinearNode linear, string x)
    {
        string product = graph.Add("MatMul", [x, Transposed(Weight(linear, "weight"), 1, 0)]);
        return linear.HasBias ? Plus(product, Weight(linear, "bias")) : product;
    }

    /// <summary>
    /// Opset 17 has no group normalisation: each group is normalised as an instance, then scaled and shifted by channel.
    /// </summary>
    private string GroupNorm(GroupNormNode norm, ValueSize size, string x)
    {
        long[] one = [norm.Groups], perChannel = [norm.Channels, 1, 1];
        string grouped = graph.Add("Reshape", [x, graph.Whole(0, norm.Groups, -1)]);
        string normal = graph.Add("InstanceNormalization",
            [grouped, graph.Floats(one, [.. Enumerable.Repeat(1f, norm.Groups)]), graph.Floats(one, new float[norm.Groups])],
            ("epsilon", (float)norm.Epsilon));
        string map = graph.Add("Reshape", [normal, Sides(norm.Channels, size, like: x)]);
        return Plus(Times(map, Weight(norm, "weight", perChannel)), Weight(norm, "bias", perChannel));
    }

    private string Activation(ActivationKind kind, string x) => kind switch
    {
        ActivationKind.Silu => Times(x, graph.Add("Sigmoid", [x])),
        ActivationKind.Relu => graph.Add("Relu", [x]),
        ActivationKind.Gelu =>
            Times(Times(x, Number(0.5)), Plus(graph.Add("Erf", [Times(x, Number(Math.Sqrt(0.5)))]), Number(1))),
        _ => Times(x, graph.Add("Sigmoid", [Times(x, Number(1.702))])),
    };

    private string AmongPlaces(AttentionNode node, ValueSize size, string[] inputs)
    {
        int width = node.Channels / node.Heads;
        // [B, n, d, P]
        string[] qkv = [.. inputs.Select(input => graph.Add("Reshape", [input, graph.Whole(0, node.Heads, width, -1)]))];
        string mixed = Attention(node, Transposed(qkv[0], 0, 1, 3, 2), qkv[1], Transposed(qkv[2], 0, 1, 3, 2));
        return graph.Add("Reshape", [Transposed(mixed, 0, 1, 3, 2), Sides(node.Channels, size, like: inputs[0])]);
    }

    private string AmongTokens(AttentionNode node, string[] inputs)
    {
        int width = node.Channels / node.Heads;
        string Heads(string of, params long[] order) =>
            Transposed(graph.Add("Reshape", [of, graph.Whole(0, -1, node.Heads, width)]), order);
        string mixed = Attention(node, Heads(inputs[0], 0, 2, 1, 3), Heads(inputs[1], 0, 2, 3, 1), Heads(inputs[2], 0, 2, 1, 3),
            node.Mask is null ? null : inputs[3]);
        return graph.Add("Reshape", [Transposed(mixed, 0, 2, 1, 3), graph.Whole(0, -1, node.Channels)]);
    }

    /// <summary>softmax(q k^T / sqrt(d)) v: q [B, n, T, d], k [B, n, d, K], v [B, n, K, d] to [B, n, T, d].</summary>
    private string Attention(AttentionNode node, string q, string k, string v, string? mask = null)
    {
        string scores = graph.Add("MatMul", [Times(q, Number(Math.Sqrt((double)node.Heads / node.Channels))), k]);
        if (node.Causal) // the places above the diagonal
        {
            string all = graph.Add("Expand", [Number(Hidden), ShapeOf(scores, 2)]);
            scores = Plus(scores, graph.Add("Trilu", [all, graph.Add("Squeeze", [graph.Whole(1)])], ("upper", 1)));
        }
        if (mask is not null)
            scores = Plus(scores, Times(Plus(graph.Add("Unsqueeze", [mask, graph.Whole(1, 2)]), Number(-1)), Number(-Hidden)));
        return graph.Add("MatMul", [graph.Add("Softmax", [scores], ("axis", -1)), v]);
    }

    private string ShapeOf(string x, int first) => graph.Add("Shape", [x], ("start", first));

    /// <summary>The first rows of a table, for each image: [B, T, C].</summary>
    private string Positions(Node node, string like)
    {
        string rows = graph.Add("Slice",
            [Weight(node, "weight"), graph.Whole(0), graph.Add("Shape", [like], ("start", 1), ("end", 2)), graph.Whole(0)]);
        return graph.Add("Expand", [rows, ShapeOf(like, 0)]);
    }

    private string TimeFeatures(TimeFeaturesNode node, string t)
    {
        float[] turns = node.Frequencies is { } given
            ? [.. given.Select(f => (float)f)] : MemoryMarshal.Cast<byte, float>(weights(node.Name!).Bytes.Span).ToArray();
        float[] radians = [.. turns.Select(f => f * (float)node.Unit)];
        string angle = Times(graph.Add("Unsqueeze", [t, graph.Whole(1)]), graph.Floats([radians.Length], radians)); // [B, F]
        string cos = graph.Add("Cos", [angle]), sin = graph.Add("Sin", [angle]);
        return graph.Add("Concat", node.CosineFirst ? [cos, sin] : [sin, cos], ("axis", 1));
    }

    /// <summary><see cref="AnchorInputs"/>.</summary>
    private string Anchored(AnchorsNode node, string x, string t)
    {
        string level = graph.Add("Reshape", [graph.Add("Exp", [Times(t, Number(4))]), graph.Whole(-1, 1, 1, 1)]);
        string noisy = Times(x, graph.Add("Sqrt", [Plus(Times(level, level), Number(node.DataStd * node.DataStd))]));
        string Distance(double anchor) => graph.Add("Div", [Plus(noisy, Number(-anchor)), level]);
        string Clipped(string distance) => graph.Add("Clip", [distance, Number(-AnchorInputs.Limit), Number(AnchorInputs.Limit)]);
        return graph.Add("Concat",
            [x, .. node.Anchors.Select(anchor => Times(Clipped(Distance(anchor)), Number(AnchorInputs.Scale)))], ("axis", 1));
    }

    private string Modulated(Node node, string x, string scaleAndShift)
    {
        string Part(int first) => OverPlaces(Slice(scaleAndShift, first, node.Channels, -1), node.Form, node.Channels);
        return Plus(Times(x, Plus(Part(0), Number(1))), Part(node.Channels));
    }

    /// <summary>A map cropped about its centre: see <see cref="CenterCrop"/>.</summary>
    private string Cropped(string x, ValueSize from, ValueSize to)
    {
        if (from.Rows > to.Rows)
            x = Slice(x, (from.Rows - to.Rows) / 2, to.Rows, 2);
        return from.Columns > to.Columns ? Slice(x, (from.Columns - to.Columns) / 2, to.Columns, 3) : x;
    }

    private string Slice(string x, int first, int count, int axis) =>
        graph.Add("Slice", [x, graph.Whole(first), graph.Whole(first + count), graph.Whole(axis)]);

    /// <summary>[B, C] as [B, C, 1, 1] beside maps, and as [B, 1, C] beside tokens.</summary>
    private string OverPlaces(string x, ValueForm form, int channels) => form switch
    {
        ValueForm.Map => graph.Add("Reshape", [x, graph.Whole(0, channels, 1, 1)]),
        ValueForm.Tokens => graph.Add("Reshape", [x, graph.Whole(0, 1, channels)]),
        _ => x,
    };

    private string Resampled(ResampleNode node, ValueSize size, string[] inputs)
    {
        var (factor, x) = (node.Factor, inputs[0]);
        switch (node.Kind)
        {
            case ResampleKind.Nearest:
                x = graph.Add("Resize", [x, "", graph.Floats([4], 1, 1, factor, factor)], ("mode", "nearest"),
                    ("coordinate_transformation_mode", "asymmetric"), ("nearest_mode", "floor"));
                if (_sizes is null)
                    return inputs.Length == 1 ? x
                        : graph.Add("Slice", [x, graph.Whole(0, 0), ShapeOf(inputs[1], 2), graph.Whole(2, 3)]);
                var (rows, columns) = _sizes[node.Inputs[0].Index];
                return Cropped(x, new(rows * factor, columns * factor), size); // by a last row or column
            case ResampleKind.MaxPool:
                return graph.Add("MaxPool", [x], ("kernel_shape", new long[] { factor, factor }),
                    ("strides", new long[] { factor, factor }));
            case ResampleKind.Shuffle: // the order of the channels that pixel_shuffle has: column, row, depth
                return graph.Add("DepthToSpace", [x], ("blocksize", factor), ("mode", "CRD"));
            default: // the square's places as channels, the map's channels outermost
                string squares = graph.Add("Reshape",
                    [x, graph.Whole(0, node.Inputs[0].Channels, size.Rows, factor, size.Columns, factor)]);
                return graph.Add("Reshape", [Transposed(squares, 0, 1, 3, 5, 2, 4), Sides(node.Channels, size, like: x)]);
        }
    }
}
