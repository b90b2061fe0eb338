namespace Mezzotint.Networks;

/// <summary>
/// Describes a network, layer by layer, once: each call adds a layer and gives the value that it makes. A name is a layer's place
/// in the tree of modules, below the module that is open, and so the name of its parameters.
/// </summary>
/// <remarks>
/// Modules print, and draw their first weights, in the order of their first use; <see cref="Children"/> says another.
/// </remarks>
/// <param name="type">The type that the network prints as.</param>
public sealed class NetworkBuilder(string type)
{
    private readonly List<Node> _nodes = [];
    private readonly ModulePlace _root = new("", type);
    private readonly Stack<(ModulePlace Place, string Path)> _open = [];

    /// <summary>Adds a map that the network is given: [B, C, H, W].</summary>
    public Node Map(string input, int channels) => Add(new InputNode(input, ValueForm.Map, channels));

    /// <summary>Adds a number of each image that the network is given, such as its time: [B].</summary>
    public Node Number(string input) => Add(new InputNode(input, ValueForm.Number, 1));

    /// <summary>Adds whole numbers that the network is given, such as class labels or words: int64 [B, T].</summary>
    public Node Indices(string input) => Add(new InputNode(input, ValueForm.Indices, 1));

    /// <summary>Adds tokens that the network is given, such as the context of a prompt: [B, T, C].</summary>
    public Node Tokens(string input, int channels) => Add(new InputNode(input, ValueForm.Tokens, channels));

    /// <summary>
    /// Adds which of the tokens count that the network is given: bool [B, T]. The network is called without where all of them do.
    /// </summary>
    public Node Mask(string input) => Add(new InputNode(input, ValueForm.Mask, 1));

    /// <summary>Adds vectors that the network is given: [B, C].</summary>
    public Node Vector(string input, int channels) => Add(new InputNode(input, ValueForm.Vector, channels));

    /// <summary>Opens a module: until it is disposed of, names are below it.</summary>
    /// <param name="name">Its name; a list and a place in it are <c>list.0</c>.</param>
    /// <param name="type">What it prints as.</param>
    public IDisposable Module(string name, string type)
    {
        var place = At(name);
        place.Type = type;
        _open.Push((place, PathOf(name)));
        return new OpenModule(this);
    }

    /// <summary>
    /// Says in which order the modules of the open module print and draw, before they are used; one that is never used is an
    /// empty list.
    /// </summary>
    public void Children(params ReadOnlySpan<string> names)
    {
        foreach (string name in names)
            At(name);
    }

    /// <summary>
    /// Says which modules of the network print, and list their parameters, before the others, though they draw later.
    /// </summary>
    internal void PrintFirst(params string[] names) => _root.PrintedFirst = names;

    /// <summary>A convolution; zeros around the map keep its size, where the kernel is odd.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="x">A map.</param>
    /// <param name="outputs">Channels that it makes.</param>
    /// <param name="kernel">Side of the kernel.</param>
    /// <param name="stride">Step in the map: the result is smaller by it.</param>
    /// <param name="bias">Whether it has a bias.</param>
    /// <param name="startsAtZero">Whether its weights are 0 at first, so that its branch adds nothing.</param>
    /// <param name="padsAfter">Whether the zeros are below the map and to its right alone.</param>
    public Node Convolution(string name, Node x, int outputs, int kernel = 3, int stride = 1, bool bias = true,
        bool startsAtZero = false, bool padsAfter = false)
    {
        int padding = (kernel - 1) / 2;
        var shape = new KernelShape(kernel, stride, padsAfter ? 0 : padding, false) { After = padding };
        return Add(new ConvolutionNode(x, outputs, shape, bias, startsAtZero), name);
    }

    /// <summary>A transposed convolution, which makes a map <paramref name="stride"/> times as large.</summary>
    public Node Enlarge(string name, Node x, int outputs, int kernel, int stride = 2, bool bias = true) =>
        Add(new ConvolutionNode(x, outputs, new(kernel, stride, (kernel - 1) / 2, true), bias, false), name);

    /// <summary>W x + b of vectors or tokens.</summary>
    public Node Linear(string name, Node x, int outputs, bool bias = true) => Add(new LinearNode(x, outputs, bias), name);

    /// <summary>A row of a table for each index: [B, T] to tokens, [B, T, C].</summary>
    public Node Embedding(string name, Node indices, int rows, int width) => Add(new EmbeddingNode(indices, rows, width), name);

    /// <summary>A row of a table for each place in the order of tokens: [B, T, C] for tokens of that shape.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="like">The tokens; the table is as wide.</param>
    /// <param name="rows">Rows of the table: the most tokens that there can be.</param>
    public Node Positions(string name, Node like, int rows) => Add(new PositionsNode(like, rows), name);

    /// <summary>Normalises groups of channels over all places of a map. Wu, He 2018, arXiv 1803.08494.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="x">A map.</param>
    /// <param name="groups">How many groups its channels make.</param>
    /// <param name="epsilon">What is added to the variance.</param>
    public Node GroupNorm(string name, Node x, int groups, double epsilon = 1e-5) =>
        Add(new GroupNormNode(x, groups, epsilon), name);

    /// <summary>Normalises the channels of each token. Ba et al. 2016, arXiv 1607.06450.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="x">Tokens or vectors.</param>
    /// <param name="epsilon">What is added to the variance.</param>
    public Node LayerNorm(string name, Node x, double epsilon = 1e-5) => Add(new LayerNormNode(x, epsilon), name);

    /// <summary>x / (1 + e^-x).</summary>
    public Node Silu(Node x, string? name = null) => Add(new ActivationNode(x, ActivationKind.Silu), name);

    /// <summary>max(x, 0).</summary>
    public Node Relu(Node x, string? name = null) => Add(new ActivationNode(x, ActivationKind.Relu), name);

    /// <summary>x Phi(x), where Phi is the normal distribution. Hendrycks, Gimpel 2016, arXiv 1606.08415.</summary>
    public Node Gelu(Node x, string? name = null) => Add(new ActivationNode(x, ActivationKind.Gelu), name);

    /// <summary>x / (1 + e^(-1.702 x)), CLIP's approximation of <see cref="Gelu"/>.</summary>
    public Node QuickGelu(Node x, string? name = null) => Add(new ActivationNode(x, ActivationKind.QuickGelu), name);

    /// <summary>softmax(q k^T / sqrt(d)) v in heads. Vaswani et al. 2017, arXiv 1706.03762, equation 1.</summary>
    /// <param name="q">What asks: tokens, or the places of a map.</param>
    /// <param name="k">What is asked: as many channels.</param>
    /// <param name="v">What is mixed: as many tokens as <paramref name="k"/>.</param>
    /// <param name="heads">Heads; they divide the channels.</param>
    /// <param name="causal">Whether a token sees only itself and those before it.</param>
    /// <param name="mask">Which of the keys are seen, of tokens; null for all.</param>
    /// <exception cref="ArgumentException">Causal attention, or that of maps, has a mask.</exception>
    public Node Attention(Node q, Node k, Node v, int heads, bool causal = false, Node? mask = null) =>
        mask is not null && (causal || q.Form != ValueForm.Tokens)
            ? throw new ArgumentException("Attention takes a mask where it is of tokens and not causal.", nameof(mask))
            : Add(new AttentionNode(q, k, v, heads, causal, mask));

    /// <summary>Sines and cosines of a number at given frequencies, in turns: cosines first, [B, 2 F].</summary>
    public Node TimeFeatures(Node t, double[] frequencies) =>
        Add(new TimeFeaturesNode(t, frequencies, 0, frequencies.Length, cosineFirst: true));

    /// <summary>Sines and cosines of a number at given frequencies, in radians: [B, 2 F].</summary>
    /// <param name="t">The number.</param>
    /// <param name="frequencies">F, in radians per unit of the number.</param>
    /// <param name="cosineFirst">Whether the cosines come first.</param>
    public Node AngularFeatures(Node t, double[] frequencies, bool cosineFirst) =>
        Add(new TimeFeaturesNode(t, frequencies, 0, frequencies.Length, cosineFirst, unit: 1));

    /// <summary>
    /// Sines and cosines of a number at random frequencies, W ~ N(0, std^2), that are not trained: sines first, [B, 2 F].
    /// </summary>
    /// <param name="name">The name of the parameter W.</param>
    /// <param name="t">The number.</param>
    /// <param name="count">F.</param>
    /// <param name="std">Their standard deviation, in turns per unit.</param>
    public Node RandomTimeFeatures(string name, Node t, int count, double std) =>
        Add(new TimeFeaturesNode(t, null, std, count, cosineFirst: false), name);

    /// <summary>x and, beside its channels, how far it is from each anchor in deviations of the noise.</summary>
    internal Node Anchors(Node x, Node t, IReadOnlyList<double> anchors, double dataStd) =>
        Add(new AnchorsNode(x, t, anchors, dataStd));

    /// <summary>a + b; b may be a vector, which is added to every place or token of a.</summary>
    public Node Add(Node a, Node b) => Add(new AddNode(a, b));

    /// <summary>a b, number by number.</summary>
    public Node Multiply(Node a, Node b) => Add(new MultiplyNode(a, b));

    /// <summary>(1 + scale) x + shift, with a vector of all scales, then all shifts: [B, 2 C].</summary>
    public Node Modulate(Node x, Node scaleAndShift) => Add(new ModulateNode(x, scaleAndShift));

    /// <summary>Maps as one, with the channels of all.</summary>
    public Node Concatenate(params Node[] maps) => Add(new ConcatenateNode(maps));

    /// <summary>The channels cut into parts of equal size.</summary>
    public Node[] Split(Node x, int parts) =>
        [.. Enumerable.Range(0, parts).Select(part => Add(new SliceNode(x, part * (x.Channels / parts), x.Channels / parts)))];

    /// <summary>A map <paramref name="factor"/> times as large, each place repeated.</summary>
    public Node Nearest(Node x, int factor = 2) => Add(new ResampleNode(x, ResampleKind.Nearest, factor));

    /// <summary>A map twice as large, each place repeated, without the last row or column where another map has it not.</summary>
    /// <param name="x">The map.</param>
    /// <param name="like">A map of 2 h or 2 h - 1 rows, where x has h, and likewise of columns.</param>
    public Node NearestLike(Node x, Node like) => Add(new ResampleNode(x, ResampleKind.Nearest, 2, like));

    /// <summary>The largest of each square of places.</summary>
    public Node MaxPool(Node x, int factor = 2) => Add(new ResampleNode(x, ResampleKind.MaxPool, factor));

    /// <summary>The places of each square as channels: [B, C, H, W] to [B, C factor^2, H / factor, W / factor].</summary>
    public Node Unshuffle(Node x, int factor) => factor == 1 ? x : Add(new ResampleNode(x, ResampleKind.Unshuffle, factor));

    /// <summary>The other way about.</summary>
    public Node Shuffle(Node x, int factor) => factor == 1 ? x : Add(new ResampleNode(x, ResampleKind.Shuffle, factor));

    /// <summary>The places of a map as tokens: [B, C, H, W] to [B, H W, C].</summary>
    public Node PlacesAsTokens(Node map) => Add(new ReshapeNode(map, ValueForm.Tokens, map.Channels, null));

    /// <summary>Tokens as the places of a map of the size of another: [B, H W, C] to [B, C, H, W].</summary>
    public Node TokensAsPlaces(Node tokens, Node like) => Add(new ReshapeNode(tokens, ValueForm.Map, tokens.Channels, like));

    /// <summary>A map as one vector: [B, C, H, W] to [B, C H W].</summary>
    /// <param name="map">The map.</param>
    /// <param name="places">H W.</param>
    public Node Flatten(Node map, int places) => Add(new ReshapeNode(map, ValueForm.Vector, map.Channels * places, null));

    /// <summary>The sum of the tokens: [B, T, C] to [B, C].</summary>
    public Node SumOfTokens(Node tokens) => Add(new ReduceNode(tokens, ReduceKind.Sum));

    /// <summary>The mean over the places of a map: [B, C, H, W] to [B, C].</summary>
    public Node MeanOfPlaces(Node map) => Add(new ReduceNode(map, ReduceKind.Mean));

    /// <summary>Ends the description.</summary>
    /// <param name="outputs">What the network gives.</param>
    public NetworkDescription Build(params Node[] outputs) => new(_nodes, _root, outputs);

    private Node Add(Node node, string? name = null)
    {
        node.Index = _nodes.Count;
        _nodes.Add(node);
        if (name is null)
            return node;
        var place = At(name);
        if (place.Layer is not null || place.Children.Count > 0)
            throw new ArgumentException($"Two layers have the name '{PathOf(name)}': each needs its own.", nameof(name));
        (place.Layer, node.Name) = (node, PathOf(name));
        return node;
    }

    private ModulePlace At(string name) =>
        name.Split('.').Aggregate(_open.TryPeek(out var open) ? open.Place : _root, (place, child) => place.Child(child));

    private string PathOf(string name) => _open.TryPeek(out var open) ? $"{open.Path}.{name}" : name;

    private void Close() => _open.Pop().Place.Output = _nodes[^1];

    private sealed class OpenModule(NetworkBuilder builder) : IDisposable
    {
        public void Dispose() => builder.Close();
    }
}
