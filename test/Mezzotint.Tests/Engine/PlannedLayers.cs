using Mezzotint.Networks;
using Mezzotint.Tests.Networks;
using static TorchSharp.torch;

namespace Mezzotint.Tests.Engine;

/// <summary>What a layer of a test may read beside its map: class tokens, a context with a mask, and the image itself.</summary>
internal sealed record PlannedContext(Node Labels, Node Context, Node Mask, Node Image, int Places);

/// <summary>A random shape: widths that are whole vectors and others, images that are not square.</summary>
internal sealed record PlannedShape(int Seed, int Channels, int Height, int Width, int Tokens)
{
    private static readonly int[] Widths = [32, 20, 16, 48, 4, 36, 24];

    public static PlannedShape Of(int seed)
    {
        var random = new Random(seed);
        return new(seed, Widths[(seed - 1) % Widths.Length], 2 * random.Next(1, 5), 2 * random.Next(1, 5),
            seed % 3 == 1 ? 1 : random.Next(2, 9));
    }
}

/// <summary>
/// Layers of the vocabulary by name: each makes a map of the same places from a map, whose channels are a multiple of 4.
/// </summary>
internal static class PlannedLayers
{
    public const int ContextWidth = 20;

    public delegate Node Layer(NetworkBuilder net, Node x, Node vector, PlannedContext context);

    public static readonly Dictionary<string, Layer> All = new()
    {
        ["convolution"] = (net, x, _, _) => net.Convolution("it", x, 48),
        ["convolution of 1 x 1 without a bias"] = (net, x, _, _) => net.Convolution("it", x, 20, kernel: 1, bias: false),
        ["convolution of 5 x 5"] = (net, x, _, _) => net.Convolution("it", x, 12, kernel: 5),
        ["convolution of 7 x 7"] = (net, x, _, _) => net.Convolution("it", x, 12, kernel: 7),
        ["convolution of 7 x 7 in steps of 2"] = (net, x, _, _) =>
            net.Nearest(net.Convolution("it", x, 12, kernel: 7, stride: 2)),
        ["convolution of 7 x 7 of the image in steps of 2"] = (net, x, _, context) =>
            net.Add(x, net.Nearest(net.Convolution("it", context.Image, x.Channels, kernel: 7, stride: 2))),
        ["convolution of 7 x 7 of the image in steps of 4"] = (net, x, _, context) =>
            net.Add(x, net.Nearest(net.Convolution("it", net.Nearest(context.Image), x.Channels, kernel: 7, stride: 4))),
        ["convolution of the image"] = (net, x, _, context) =>
            net.Add(x, net.Convolution("it", context.Image, x.Channels, kernel: 5)),
        ["halved and doubled"] = (net, x, _, _) =>
            net.Enlarge("up", net.Convolution("down", x, 48, stride: 2, bias: false), 36, kernel: 3),
        ["halved and doubled by kernels of 2"] = (net, x, _, _) =>
            net.Enlarge("up", net.Convolution("down", x, 20, kernel: 2, stride: 2), 16, kernel: 2),
        ["halved with zeros after the map"] = (net, x, _, _) =>
            net.Nearest(net.Convolution("down", x, 20, stride: 2, padsAfter: true)),
        ["halved by one of four places"] = (net, x, _, _) => net.Nearest(net.Convolution("down", x, 16, kernel: 1, stride: 2)),
        ["halved by the largest"] = (net, x, _, _) => net.Convolution("it", net.Nearest(net.MaxPool(x)), x.Channels),
        ["halved, rounded up, and doubled to what it was"] = (net, x, _, _) =>
            net.Convolution("odd", net.Convolution("down", x, 16, stride: 2), 20, stride: 2) is var small
            && net.Convolution("half", x, 12, kernel: 1, stride: 2) is var half
            ? net.NearestLike(net.Convolution("it", net.NearestLike(small, half), 16), x) : x,
        ["patches and back"] = (net, x, _, _) =>
            net.Shuffle(net.Convolution("it", net.Unshuffle(x, 2), 4 * x.Channels, kernel: 1), 2),
        ["patches of the image"] = (net, x, _, context) =>
            net.Add(x, net.Nearest(net.Convolution("it", net.Unshuffle(context.Image, 2), x.Channels))),
        ["the image beside a map"] = (net, x, _, context) => net.Convolution("it", net.Concatenate(context.Image, x), 16),
        ["group normalisation alone"] = (net, x, _, _) => net.Convolution("after", net.GroupNorm("it", x, 4, epsilon: 1e-2), 16),
        ["normalisation of a sum with a vector"] = (net, x, vector, _) => net.Silu(net.GroupNorm("it", net.Add(x, vector), 4)),
        ["normalisation with a residual"] = (net, x, vector, _) =>
            net.Add(x, net.Silu(net.GroupNorm("it", net.Add(x, vector), 4))),
        ["modulated normalisation"] = (net, x, vector, _) =>
            net.Convolution("after",
                net.Silu(net.Modulate(net.GroupNorm("it", x, 4), net.Linear("both", vector, 2 * x.Channels))), 32),
        ["one modulation of two normalisations"] = (net, x, vector, _) => net.Linear("both", vector, 2 * x.Channels) is var both
            ? net.Modulate(net.GroupNorm("b", net.Silu(net.Modulate(net.GroupNorm("a", x, 2), both)), 4), both) : x,
        ["modulation alone"] = (net, x, vector, _) =>
            net.Convolution("after", net.Modulate(x, net.Linear("both", vector, 2 * x.Channels)), 16, kernel: 1),
        ["modulated tokens"] = (net, x, vector, _) =>
            net.TokensAsPlaces(
                net.Modulate(net.LayerNorm("it", net.PlacesAsTokens(x)), net.Linear("both", vector, 2 * x.Channels)), like: x),
        ["a value that is read four times"] = (net, x, vector, _) =>
            net.Add(net.Add(net.Add(x, net.Convolution("one", x, x.Channels)), net.Silu(net.GroupNorm("two", x, 4))),
                net.Add(x, vector)),
        ["rectified"] = (net, x, _, _) => net.Add(x, net.Convolution("after", net.Relu(x), x.Channels)),
        ["silu"] = (net, x, _, _) => net.Add(x, net.Silu(x)),
        ["gelu"] = (net, x, _, _) => net.Gelu(net.Convolution("it", x, 20)),
        ["quick gelu"] = (net, x, _, _) => net.Convolution("after", net.QuickGelu(x), 16),
        ["a product"] = (net, x, _, _) => net.Add(x, net.Multiply(x, net.Convolution("it", x, x.Channels))),
        ["a square"] = (net, x, _, _) => net.Convolution("after", net.Multiply(x, x), 16),
        ["a gated perceptron"] = (net, x, _, _) =>
            net.Split(net.Linear("in", net.PlacesAsTokens(x), 2 * 40), 2) is var parts
            ? net.TokensAsPlaces(net.Linear("out", net.Multiply(parts[0], net.Gelu(parts[1])), x.Channels), like: x) : x,
        ["slices the other way about"] = (net, x, _, _) =>
            net.Split(x, 2) is var parts ? net.Convolution("it", net.Concatenate(parts[1], parts[0], parts[1]), 16) : x,
        ["maps side by side as operands"] = (net, x, _, _) =>
            net.Convolution("after", net.Concatenate(net.Convolution("a", x, 16), x, net.Convolution("b", x, 20)), 16),
        ["maps side by side as numbers"] = (net, x, _, _) =>
            net.Silu(net.GroupNorm("it", net.Concatenate(net.Convolution("a", x, 20), x), 4)),
        ["maps side by side as both"] = (net, x, _, _) => net.Concatenate(x, net.Convolution("a", x, 20)) is var all
            ? net.Add(net.Convolution("after", all, 32, kernel: 1),
                net.Convolution("b", net.Silu(net.GroupNorm("it", all, 4)), 32)) : all,
        ["a map in two places side by side"] = (net, x, _, _) =>
            net.Add(net.Convolution("a", net.Concatenate(x, net.Convolution("c", x, 20)), 16),
                net.Convolution("b", net.Concatenate(net.Convolution("d", x, 12), x), 16)),
        ["a map beside itself"] = (net, x, _, _) => net.Convolution("it", net.Concatenate(x, x), 16),
        ["maps side by side in a sum"] = (net, x, vector, _) => net.Concatenate(x, net.Convolution("a", x, 20)) is var all
            ? net.Add(net.Add(all, net.Linear("v", vector, all.Channels)), net.Convolution("b", all, all.Channels)) : all,
        ["maps side by side as tokens"] = (net, x, _, _) => net.Concatenate(x, net.Convolution("a", x, 20)) is var all
            ? net.TokensAsPlaces(net.LayerNorm("it", net.PlacesAsTokens(all)), like: x) : all,
        ["a larger map beside a smaller"] = (net, x, _, _) =>
            net.Nearest(net.Convolution("it", net.Concatenate(x, net.MaxPool(x)), 16)),
        ["attention among places"] = (net, x, _, _) => net.Split(net.Convolution("qkv", x, 3 * 32, kernel: 1), 3) is var qkv
            ? net.Convolution("after", net.Attention(qkv[0], qkv[1], qkv[2], heads: 2), 32, kernel: 1) : x,
        ["attention among places in narrow heads"] = (net, x, _, _) =>
            net.Split(net.Convolution("qkv", x, 3 * 20, kernel: 1), 3) is var qkv
            ? net.Convolution("after", net.Attention(qkv[0], qkv[1], qkv[2], heads: 4), 20, kernel: 1) : x,
        ["attention of a map to itself as it is"] = (net, x, _, _) => net.Add(x, net.Attention(x, x, x, heads: 2)),
        ["causal attention"] = (net, x, _, _) => net.PlacesAsTokens(x) is var tokens
            ? net.TokensAsPlaces(net.Attention(net.Linear("q", tokens, 40), net.Linear("k", tokens, 40),
                net.Linear("v", tokens, 40), heads: 5, causal: true), like: x) : x,
        ["a transformer"] = (net, x, _, context) => Transformer(net, x, context.Labels, null, heads: x.Channels / 4),
        ["attention to a context"] = (net, x, _, context) => Transformer(net, x, context.Context, null, heads: 2),
        ["attention to some of a context"] = (net, x, _, context) => Transformer(net, x, context.Context, context.Mask, heads: 1),
        ["attention to class tokens with a projection"] = (net, x, _, context) =>
            net.TokensAsPlaces(net.Linear("out", net.Attention(net.Linear("q", net.PlacesAsTokens(x), 40),
                net.Linear("k", context.Labels, 40), net.Linear("v", context.Labels, 40), heads: 2), x.Channels), like: x),
        ["attention to a normalised context as it is"] = (net, x, _, context) =>
            net.LayerNorm("it", context.Context) is var tokens
            ? net.TokensAsPlaces(net.Attention(net.Linear("q", net.PlacesAsTokens(x), tokens.Channels), tokens, tokens, heads: 1),
                like: x) : x,
        ["a text encoder"] = (net, x, _, context) => TextEncoder(net, x, context.Labels),
        ["silu of vectors"] = (net, x, vector, _) => net.Add(x, net.Linear("it", net.Silu(net.Add(vector, vector)), x.Channels)),
        ["a normalised vector"] = (net, x, vector, _) =>
            net.Add(x, net.Linear("it", net.Gelu(net.LayerNorm("vectors", vector, epsilon: 1e-2)), x.Channels)),
        ["vectors side by side"] = (net, x, vector, _) => net.Linear("a", vector, 5) is var a
            ? net.Add(x, net.Linear("it", net.Concatenate(a, net.Multiply(a, net.Relu(a)), vector), x.Channels)) : x,
        ["the sum of class tokens"] = (net, x, _, context) =>
            net.Add(x, net.Linear("it", net.SumOfTokens(context.Labels), x.Channels)),
        ["the sum of a context"] = (net, x, _, context) =>
            net.Add(x, net.Linear("it", net.SumOfTokens(net.Linear("each", context.Context, 12)), x.Channels)),
        ["the mean of a map"] = (net, x, _, _) => net.Add(x, net.Linear("it", net.MeanOfPlaces(x), x.Channels)),
        ["a map as a vector"] = (net, x, _, context) => net.Add(x, net.Linear("it", net.Flatten(x, context.Places), x.Channels)),
    };

    /// <summary>A layer between a first and a last convolution: its weights follow from the shape's seed, and none is 0 or
    /// 1.</summary>
    public static DescribedPart Network(PlannedShape shape, Layer layer)
    {
        random.manual_seed(shape.Seed);
        var network = new DescribedPart(net =>
        {
            using var module = net.Module("it", "Part");
            Node x = net.Map("x", 2), t = net.Number("t"), labels = net.Indices("labels");
            Node tokens = net.Tokens("context", ContextWidth), mask = net.Mask("mask"), pooled = net.Vector("pooled", 6);
            var time = net.Concatenate(net.TimeFeatures(t, [0.5, 1, 2]), net.AngularFeatures(t, [1, 4], cosineFirst: false));
            var vector = net.Add(net.Linear("vector", time, shape.Channels), net.Linear("pooled", pooled, shape.Channels));
            var context = new PlannedContext(net.Embedding("labels", labels, 5, 24), tokens, mask, x, shape.Height * shape.Width);
            var y = layer(net, net.Convolution("first", x, shape.Channels), vector, context);
            return net.Convolution("last", net.Silu(net.GroupNorm("norm", y, 2)), 2);
        });
        using var noGrad = no_grad();
        foreach (var parameter in network.parameters())
            parameter.add_(randn_like(parameter), alpha: 0.1);
        return network;
    }

    /// <summary>Random inputs: images, times, labels, a context and vectors.</summary>
    public static (Tensor Images, Tensor Times, Tensor Labels, Tensor Context, Tensor Vectors) Inputs(
        PlannedShape shape, int count) =>
        (randn(count, 2, shape.Height, shape.Width), rand(count), randint(5, [count, shape.Tokens], dtype: int64),
            randn(count, shape.Tokens, ContextWidth), randn(count, 6));

    /// <summary>Which tokens count: the first of each image, and some of the others.</summary>
    public static bool[] Seen(PlannedShape shape, int count) =>
        [.. Enumerable.Range(0, count * shape.Tokens).Select(i => i % shape.Tokens == 0 || (i + shape.Seed) % 3 > 0)];

    private static Node Transformer(NetworkBuilder net, Node x, Node context, Node? mask, int heads)
    {
        var tokens = net.PlacesAsTokens(x);
        var normed = net.LayerNorm("before", tokens);
        Node Linear(string name, Node of) => net.Linear(name, of, x.Channels, bias: false);
        tokens = net.Add(net.Attention(Linear("q", normed), Linear("k", normed), Linear("v", normed), heads: 1), tokens);
        tokens = net.Add(net.Attention(Linear("q2", tokens), Linear("k2", context), Linear("v2", context), heads, mask: mask),
            tokens);
        tokens = net.Add(net.Linear("out", net.Relu(net.Linear("in", tokens, 64)), x.Channels), tokens);
        return net.Add(x, net.Convolution("back", net.TokensAsPlaces(tokens, like: x), x.Channels, kernel: 1));
    }

    private static Node TextEncoder(NetworkBuilder net, Node x, Node words)
    {
        var tokens = net.Add(words, net.Positions("positions", words, 9));
        var normed = net.LayerNorm("words", tokens);
        Node Linear(string name, Node of) => net.Linear(name, of, words.Channels);
        tokens = net.Add(tokens,
            net.Attention(Linear("q", normed), Linear("k", normed), Linear("v", normed), heads: 2, causal: true));
        tokens = net.Add(tokens, net.Linear("out", net.QuickGelu(net.Linear("in", tokens, 36)), words.Channels));
        return net.Add(x, net.Linear("after", net.SumOfTokens(tokens), x.Channels));
    }
}
