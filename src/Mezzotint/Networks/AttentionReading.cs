using Mezzotint.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Mezzotint.Networks;

/// <summary>What the places of a network's maps attend to in its context, read while libtorch evaluates one image.</summary>
/// <remarks>No reader of descriptions keeps these weights, softmax(Q K^T / sqrt(d)): they are computed here from Q and K, which
/// the layers make. Vaswani et al. 2017, arXiv 1706.03762, section 3.2.1.</remarks>
/// <param name="description">The network.</param>
/// <param name="x">The noisy image: [1, C, H, W].</param>
/// <param name="mask">Which tokens count: [1, K]; null for all.</param>
/// <param name="cancellation">Ends it after a layer.</param>
internal sealed class AttentionReading(
    NetworkDescription description, Tensor x, Tensor? mask, CancellationToken cancellation)
{
    private readonly Dictionary<AttentionNode, Node> _layers = Of(description).ToDictionary(each => each.Layer, each => each.Map);
    private readonly Dictionary<Node, Tensor> _values = []; // they live until the last layer that reads them
    private readonly Dictionary<Node, (int Height, int Width)> _sizes = [];

    /// <summary>What has been read, in the order of the network.</summary>
    public List<AttentionLayer> Layers { get; } = [];

    /// <summary>The layers that attend to a context that nothing of the image is in, each with the map whose places do.</summary>
    public static IEnumerable<(AttentionNode Layer, Node Map)> Of(NetworkDescription description)
    {
        var seesImage = new HashSet<Node>();
        foreach (var node in description.Nodes)
            if (node is InputNode { Of: "x" } || node.Inputs.Any(seesImage.Contains))
                seesImage.Add(node);
        foreach (var layer in description.Nodes.OfType<AttentionNode>())
            if (seesImage.Contains(layer.Inputs[0]) && !seesImage.Contains(layer.Inputs[1]) && MapOf(layer) is { } map)
                yield return (layer, map);
    }

    /// <summary>Sees what a layer has made.</summary>
    /// <exception cref="OperationCanceledException">It was stopped.</exception>
    public void See(Node node, Tensor value)
    {
        cancellation.ThrowIfCancellationRequested();
        _values[node] = value;
        if (node.Form == ValueForm.Map)
            _sizes[node] = ((int)value.shape[2], (int)value.shape[3]);
        if (node is AttentionNode layer && _layers.TryGetValue(layer, out var map))
            Layers.Add(Read(layer, map));
    }

    private AttentionLayer Read(AttentionNode layer, Node map)
    {
        using var scope = NewDisposeScope();
        var (height, width) = map is InputNode ? ((int)x.shape[2], (int)x.shape[3]) : _sizes[map];
        var (q, k) = (Heads(_values[layer.Inputs[0]]), Heads(_values[layer.Inputs[1]])); // [n, P, d], [n, K, d]
        var products = matmul(q.Times(1 / Math.Sqrt(q.shape[2])), k.transpose(1, 2));     // [n, P, K]
        if (layer.Mask is not null && mask is not null)
        {
            using Scalar never = float.NegativeInfinity;
            products = products.masked_fill(mask.to(ScalarType.Bool).logical_not(), never);
        }
        var weights = products.softmax(-1).mean([0L]).transpose(0, 1).contiguous();        // [K, P]
        return new(NameOf(layer), layer.Heads, (int)weights.shape[0], height, width,
            weights.cpu().data<float>().ToArray());

        Tensor Heads(Tensor tokens) => tokens.Rearrange("b t (n d) -> (b n) t d", ("n", layer.Heads));
    }

    /// <summary>The path of its module: what the names of its projections begin with.</summary>
    public static string NameOf(AttentionNode layer)
    {
        string projection = layer.Inputs[0].Name!;
        return projection.LastIndexOf('.') is >= 0 and var end ? projection[..end] : projection;
    }

    /// <summary>The map whose places the layer's queries are; null where they are no places.</summary>
    private static Node? MapOf(AttentionNode layer)
    {
        for (Node node = layer.Inputs[0]; node.Inputs.Length > 0; node = node.Inputs[0])
            if (node is ReshapeNode { Form: ValueForm.Tokens })
                return node.Inputs[0];
        return null;
    }
}

/// <summary>How much each place of a map attends to each token in one layer: the mean over its heads.</summary>
/// <param name="Name">The module's path, as <c>mid_block.attentions.0.transformer_blocks.0.attn2</c>.</param>
/// <param name="Heads">Heads of the layer.</param>
/// <param name="Tokens">Tokens, K.</param>
/// <param name="Height">Rows of the map.</param>
/// <param name="Width">Its columns.</param>
/// <param name="Weights">Shares of 0 to 1, row-major: [K, Height, Width]. Those of a place sum to 1 over the tokens.</param>
public sealed record AttentionLayer(string Name, int Heads, int Tokens, int Height, int Width, float[] Weights);
