namespace Mezzotint.Networks;

// The vocabulary: what every network is described in, and all that a reader of descriptions has to know.

/// <summary>What the network is given.</summary>
internal sealed class InputNode(string of, ValueForm form, int channels) : Node(form, channels)
{
    /// <summary>The input that says how the training changed an image; a network is called without it for images as they are,
    /// which means zeros.</summary>
    public const string Changes = "changes";

    public string Of => of;
}

/// <summary>
/// The sides of a convolution: of its kernel, its steps, the zeros around the map, and what a transposed one adds at the end.
/// </summary>
internal readonly record struct KernelShape(int Kernel, int Stride, int Padding, bool Transposed)
{
    /// <summary>Rows of zeros below the map, and columns to its right, where they are not as many as before it.</summary>
    public int After { get; init; } = Padding;

    /// <summary>Rows or columns that a transposed convolution adds, so that its map is exactly Stride times as large.</summary>
    public int OutputPadding => Transposed ? Stride - Kernel + 2 * Padding : 0;

    /// <summary>The side of what it makes of a side.</summary>
    public int Side(int side) => Transposed ? side * Stride : (side + Padding + After - Kernel) / Stride + 1;
}

/// <summary>A convolution of maps, or a transposed one.</summary>
internal sealed class ConvolutionNode(Node x, int outputs, KernelShape shape, bool hasBias, bool startsAtZero)
    : Node(ValueForm.Map, outputs, x)
{
    public KernelShape Shape => shape;

    public bool HasBias => hasBias;

    /// <summary>Whether its weights are 0 at first, so that its branch adds nothing.</summary>
    public bool StartsAtZero => startsAtZero;

    internal override IEnumerable<(string Name, long[] Shape)> Parameters => NodeParameters.WithBias(hasBias, Channels,
        shape.Transposed ? [Inputs[0].Channels, Channels, shape.Kernel, shape.Kernel]
            : [Channels, Inputs[0].Channels, shape.Kernel, shape.Kernel]);
}

/// <summary>W x + b of the channels of vectors or tokens.</summary>
internal sealed class LinearNode(Node x, int outputs, bool hasBias) : Node(x.Form, outputs, x)
{
    public bool HasBias => hasBias;

    internal override IEnumerable<(string Name, long[] Shape)> Parameters =>
        NodeParameters.WithBias(hasBias, Channels, [Channels, Inputs[0].Channels]);
}

/// <summary>The rows of a table that indices name: tokens.</summary>
internal sealed class EmbeddingNode(Node indices, int rows, int width) : Node(ValueForm.Tokens, width, indices)
{
    public int Rows => rows;

    internal override IEnumerable<(string Name, long[] Shape)> Parameters => [("weight", [rows, Channels])];
}

/// <summary>The first rows of a table, as many as another value has tokens.</summary>
internal sealed class PositionsNode(Node like, int rows) : Node(ValueForm.Tokens, like.Channels, like)
{
    internal override IEnumerable<(string Name, long[] Shape)> Parameters => [("weight", [rows, Channels])];

    public int Rows => rows;
}

/// <summary>gamma (x - mean) / std + beta over groups of a map's channels, all places together.</summary>
internal sealed class GroupNormNode(Node x, int groups, double epsilon) : Node(ValueForm.Map, x.Channels, x)
{
    public int Groups => groups;

    /// <summary>What is added to the variance.</summary>
    public double Epsilon => epsilon;

    internal override IEnumerable<(string Name, long[] Shape)> Parameters => NodeParameters.WithBias(true, Channels, [Channels]);
}

/// <summary>gamma (x - mean) / std + beta over the channels of each token.</summary>
internal sealed class LayerNormNode(Node x, double epsilon) : Node(x.Form, x.Channels, x)
{
    /// <summary>What is added to the variance.</summary>
    public double Epsilon => epsilon;

    internal override IEnumerable<(string Name, long[] Shape)> Parameters => NodeParameters.WithBias(true, Channels, [Channels]);
}

/// <summary>The functions that are applied number by number.</summary>
internal enum ActivationKind
{
    Silu,
    Relu,

    /// <summary>x Phi(x).</summary>
    Gelu,

    /// <summary>x / (1 + e^(-1.702 x)).</summary>
    QuickGelu,
}

/// <summary>A function, number by number.</summary>
internal sealed class ActivationNode(Node x, ActivationKind kind) : Node(x.Form, x.Channels, x)
{
    public ActivationKind Kind => kind;
}

/// <summary>softmax(q k^T / sqrt(d)) v in heads: among the places of maps, or from tokens to tokens.</summary>
internal sealed class AttentionNode(Node q, Node k, Node v, int heads, bool causal, Node? mask)
    : Node(q.Form, v.Channels, mask is null ? [q, k, v] : [q, k, v, mask])
{
    public int Heads => heads;

    /// <summary>Which of the keys are seen; null for all.</summary>
    public Node? Mask => mask;

    /// <summary>Whether a token sees only itself and those before it.</summary>
    public bool Causal => causal;
}

/// <summary>
/// Sines and cosines of a number at several frequencies: of fixed ones, or of frozen random ones, W ~ N(0, std^2), that are a
/// parameter.
/// </summary>
internal sealed class TimeFeaturesNode(Node t, double[]? frequencies, double frequencyStd, int count, bool cosineFirst,
    double unit = 2 * Math.PI) : Node(ValueForm.Vector, 2 * count, t)
{
    /// <summary>In units per unit of time; null for random ones.</summary>
    public double[]? Frequencies => frequencies;

    /// <summary>The unit of the frequencies, in radians: a turn, or 1.</summary>
    public double Unit => unit;

    public double FrequencyStd => frequencyStd;

    public bool CosineFirst => cosineFirst;

    internal override IEnumerable<(string Name, long[] Shape)> Parameters => frequencies is null ? [("", [Channels / 2])] : [];
}

/// <summary>
/// x and, beside its channels, how far it is from each anchor in deviations of the noise: see <see cref="AnchorInputs"/>.
/// </summary>
internal sealed class AnchorsNode(Node x, Node t, IReadOnlyList<double> anchors, double dataStd)
    : Node(ValueForm.Map, x.Channels * (1 + anchors.Count), x, t)
{
    public IReadOnlyList<double> Anchors => anchors;

    public double DataStd => dataStd;
}

/// <summary>a + b; b may be a vector, which is added to every place or token of a.</summary>
internal sealed class AddNode(Node a, Node b) : Node(a.Form, a.Channels, a, b);

/// <summary>a b, number by number.</summary>
internal sealed class MultiplyNode(Node a, Node b) : Node(a.Form, a.Channels, a, b);

/// <summary>(1 + scale) x + shift, where a vector holds scale, then shift, of each channel.</summary>
internal sealed class ModulateNode(Node x, Node scaleAndShift) : Node(x.Form, x.Channels, x, scaleAndShift);

/// <summary>Maps side by side, as one map with the channels of all.</summary>
internal sealed class ConcatenateNode(Node[] maps) : Node(maps[0].Form, maps.Sum(map => map.Channels), maps);

/// <summary>Some of the channels.</summary>
internal sealed class SliceNode(Node x, int first, int count) : Node(x.Form, count, x)
{
    public int First => first;
}

/// <summary>The ways to make a map of another size without weights.</summary>
internal enum ResampleKind
{
    /// <summary>Each place becomes a square of equal places.</summary>
    Nearest,

    /// <summary>The largest of each square.</summary>
    MaxPool,

    /// <summary>The places of a square become channels, those of a channel side by side.</summary>
    Unshuffle,

    /// <summary>The other way about.</summary>
    Shuffle,
}

/// <summary>
/// A map with squares of Factor x Factor places taken together, or made; where there is a map like it, what that one is smaller
/// by is left off below and to the right.
/// </summary>
internal sealed class ResampleNode(Node x, ResampleKind kind, int factor, Node? like = null)
    : Node(ValueForm.Map, ChannelsOf(x.Channels, kind, factor * factor), like is null ? [x] : [x, like])
{
    public ResampleKind Kind => kind;

    public int Factor => factor;

    /// <summary>Whether the map becomes larger.</summary>
    public bool Enlarges => kind is ResampleKind.Nearest or ResampleKind.Shuffle;

    private static int ChannelsOf(int channels, ResampleKind kind, int square) =>
        kind switch { ResampleKind.Unshuffle => channels * square, ResampleKind.Shuffle => channels / square, _ => channels };
}

/// <summary>
/// The same numbers in another form: a map's places as tokens, tokens as the places of a map like another, or a map as one
/// vector.
/// </summary>
internal sealed class ReshapeNode(Node x, ValueForm form, int channels, Node? like)
    : Node(form, channels, like is null ? [x] : [x, like]);

/// <summary>The ways to make one vector of many.</summary>
internal enum ReduceKind
{
    /// <summary>The sum of the tokens.</summary>
    Sum,

    /// <summary>The mean over the places of a map.</summary>
    Mean,
}

/// <summary>One vector of tokens, or of a map.</summary>
internal sealed class ReduceNode(Node x, ReduceKind kind) : Node(ValueForm.Vector, x.Channels, x)
{
    public ReduceKind Kind => kind;
}

/// <summary>What most layers have.</summary>
internal static class NodeParameters
{
    public static IEnumerable<(string Name, long[] Shape)> WithBias(bool hasBias, int outputs, long[] weight) =>
        hasBias ? [("weight", weight), ("bias", [outputs])] : [("weight", weight)];
}
