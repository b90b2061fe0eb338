using System.Runtime.InteropServices;
using Mezzotint.Networks;

namespace Mezzotint.IO.Onnx;

/// <summary>A feature map of the graph: [B, Channels, Height, Width], with B free.</summary>
internal readonly record struct OnnxMap(string Name, int Channels, int Height, int Width)
{
    public int Places => Height * Width;
}

/// <summary>The layers that the networks are made of, in ONNX's operators. Weights are found by the names that the network gives them.</summary>
internal sealed class OnnxLayers(OnnxGraph graph, IReadOnlyDictionary<string, TensorData> weights)
{
    private const float NormEpsilon = 1e-5f; // libtorch's

    private readonly HashSet<string> _written = [];

    public OnnxGraph Graph => graph;

    /// <summary>The weights of a name, written into the file once.</summary>
    public string Weight(string name, long[]? shape = null)
    {
        var tensor = weights[name];
        if (_written.Add(name))
            graph.Weight(name, shape ?? tensor.Shape, tensor.Bytes.Span);
        return name;
    }

    public ReadOnlySpan<float> Values(string name) => MemoryMarshal.Cast<byte, float>(weights[name].Bytes.Span);

    public long[] Shape(string name) => weights[name].Shape;

    public string Plus(string a, string b) => graph.Add("Add", [a, b]);

    public string Silu(string x) => graph.Add("Mul", [x, graph.Add("Sigmoid", [x])]);

    public string Linear(string name, string x) =>
        graph.Add("Gemm", [x, Weight(name + ".weight"), Weight(name + ".bias")], ("transB", 1));

    /// <summary>A linear layer over the last axis of [B, T, C]; it may have no bias.</summary>
    public string LinearOverTokens(string name, string x)
    {
        string product = graph.Add("MatMul", [x, graph.Add("Transpose", [Weight(name + ".weight")], ("perm", new long[] { 1, 0 }))]);
        return weights.ContainsKey(name + ".bias") ? Plus(product, Weight(name + ".bias")) : product;
    }

    public OnnxMap Convolution(string name, OnnxMap x, int stride = 1)
    {
        long[] shape = Shape(name + ".weight"); // [out, in, k, k]
        int kernel = (int)shape[2], padding = kernel % 2 == 1 ? (kernel - 1) / 2 : 0;
        string y = graph.Add("Conv", [x.Name, .. WeightAndBias(name)],
            ("kernel_shape", new long[] { kernel, kernel }), ("strides", new long[] { stride, stride }), ("pads", new long[] { padding, padding, padding, padding }));
        int Side(int side) => ((side + (2 * padding) - kernel) / stride) + 1;
        return new(y, (int)shape[0], Side(x.Height), Side(x.Width));
    }

    /// <summary>A transposed convolution that doubles the sides.</summary>
    public OnnxMap Doubling(string name, OnnxMap x)
    {
        long[] shape = Shape(name + ".weight"); // [in, out, k, k]
        int kernel = (int)shape[2], padding = (kernel - 1) / 2, more = 2 - kernel + (2 * padding); // kernel 2: none; kernel 3: padding 1 and one more at the end
        string y = graph.Add("ConvTranspose", [x.Name, .. WeightAndBias(name)],
            ("kernel_shape", new long[] { kernel, kernel }), ("strides", new long[] { 2, 2 }), ("pads", new long[] { padding, padding, padding, padding }), ("output_padding", new long[] { more, more }));
        return new(y, (int)shape[1], 2 * x.Height, 2 * x.Width);
    }

    /// <summary>Opset 17 has no group normalisation: each group is normalised as an instance, then scaled and shifted by channel.</summary>
    public OnnxMap GroupNorm(string name, OnnxMap x, int groups)
    {
        long[] one = [groups];
        string grouped = graph.Add("Reshape", [x.Name, graph.Whole(0, groups, -1)]);
        string normal = graph.Add("InstanceNormalization", [grouped, graph.Floats(one, [.. Enumerable.Repeat(1f, groups)]), graph.Floats(one, new float[groups])], ("epsilon", NormEpsilon));
        long[] perChannel = [x.Channels, 1, 1];
        string scaled = graph.Add("Mul", [graph.Add("Reshape", [normal, graph.Whole(0, x.Channels, x.Height, x.Width)]), Weight(name + ".weight", perChannel)]);
        return x with { Name = Plus(scaled, Weight(name + ".bias", perChannel)) };
    }

    public string LayerNorm(string name, string x) =>
        graph.Add("LayerNormalization", [x, Weight(name + ".weight"), Weight(name + ".bias")], ("axis", -1), ("epsilon", NormEpsilon));

    /// <summary>[B, C] as [B, C, 1, 1], to be added to a map.</summary>
    public string OverPlaces(string x, int channels) => graph.Add("Reshape", [x, graph.Whole(0, channels, 1, 1)]);

    public OnnxMap Concat(OnnxMap a, OnnxMap b) => a with { Name = graph.Add("Concat", [a.Name, b.Name], ("axis", 1)), Channels = a.Channels + b.Channels };

    /// <summary>softmax(q k^T / sqrt(d)) v: q [B, n, T, d], k [B, n, d, K], v [B, n, K, d] to [B, n, T, d].</summary>
    public string Attention(string q, string k, string v, int headWidth)
    {
        string scaled = graph.Add("Mul", [q, graph.Floats([], 1 / MathF.Sqrt(headWidth))]);
        return graph.Add("MatMul", [graph.Add("Softmax", [graph.Add("MatMul", [scaled, k])], ("axis", -1)), v]);
    }

    /// <summary>[cos and sin, or sin and cos, of the times' angles]: [B] to [B, 2 F].</summary>
    public string TimeFeatures(string t, float[] radians, bool cosineFirst)
    {
        string angle = graph.Add("Mul", [graph.Add("Unsqueeze", [t, graph.Whole(1)]), graph.Floats([radians.Length], radians)]);
        string cos = graph.Add("Cos", [angle]), sin = graph.Add("Sin", [angle]);
        return graph.Add("Concat", cosineFirst ? [cos, sin] : [sin, cos], ("axis", 1));
    }

    private IEnumerable<string> WeightAndBias(string name) =>
        weights.ContainsKey(name + ".bias") ? [Weight(name + ".weight"), Weight(name + ".bias")] : [Weight(name + ".weight")];
}
