using Mezzotint.Networks;

namespace Mezzotint.Engine;

/// <summary>A group normalisation with the layers around it that are done in its pass.</summary>
/// <param name="Norm">The normalisation.</param>
/// <param name="X">What is normalised, before the shift.</param>
/// <param name="Shift">A vector that is added before; null for none.</param>
/// <param name="Modulation">Scales and shifts; null for none.</param>
/// <param name="Silu">Whether silu follows.</param>
/// <param name="Residual">Whether X is added after it.</param>
internal sealed record NormParts(GroupNormNode Norm, Node X, Node? Shift, Node? Modulation, bool Silu, bool Residual);

/// <summary>
/// What an <see cref="EnginePlan"/> knows of a description before it makes steps: which layers are needed, who reads them, and
/// which are done together.
/// </summary>
internal sealed class PlannedNodes
{
    private readonly NetworkDescription _description;
    private readonly ValueSize[] _sizes;
    private readonly HashSet<Node> _broadcasts, _absorbed = [];
    private readonly HashSet<Node> _few = []; // few tokens: kept as vectors
    private readonly Dictionary<Node, NormParts> _norms = []; // by the last node of each
    private List<Node>?[] _readers; // of each node that is needed

    public PlannedNodes(NetworkDescription description, ValueSize[] sizes)
    {
        (_description, _sizes, _broadcasts) = (description, sizes, []);
        _readers = FindReaders();
        foreach (var node in description.Nodes.Where(IsNeeded))
            if (node is EmbeddingNode && AreFew(node) || (node is LinearNode && _few.Contains(node.Inputs[0])))
                _few.Add(node);
        _broadcasts = [.. description.Nodes.OfType<AttentionNode>().Where(IsNeeded).Where(CanBeBroadcast)];
        _readers = FindReaders();
        foreach (var norm in description.Nodes.OfType<GroupNormNode>().Where(IsNeeded))
            Fuse(norm);
    }

    /// <summary>Whether there is a step, or a value, for a node.</summary>
    public bool IsMade(Node node) => IsNeeded(node) && !_absorbed.Contains(node);

    /// <summary>The normalisation that ends in a node; null where none does.</summary>
    public NormParts? NormOf(Node node) => _norms.GetValueOrDefault(node);

    /// <summary>Vectors, and the few tokens of a condition, that are read one by one.</summary>
    public bool IsVector(Node node) => node.Form == ValueForm.Vector || _few.Contains(node);

    /// <summary>Attention to a single token gives its value, whatever is asked: it is added to every place.</summary>
    public bool IsBroadcast(Node node) => _broadcasts.Contains(node);

    /// <summary>Whether a map is the image, with anchors and in patches.</summary>
    public static bool IsGiven(Node node) => node switch
    {
        ResampleNode { Kind: ResampleKind.Unshuffle } => node.Inputs[0] is not ResampleNode && IsGiven(node.Inputs[0]),
        AnchorsNode => node.Inputs[0] is InputNode,
        _ => node is InputNode { Form: ValueForm.Map },
    };

    /// <summary>Whether nothing but convolutions reads a map.</summary>
    public bool ReadByConvolutions(Node node) => !_description.Outputs.Contains(node) && _readers[node.Index]!.All(reader =>
        reader is ConvolutionNode { Shape.Transposed: false } conv && !IsImageResult(conv));

    /// <summary>Whether slices are the queries, keys and values of attention, and all of what they are slices of.</summary>
    public bool IsPartOfAttention(SliceNode slice)
    {
        var whole = slice.Inputs[0];
        var parts = _readers[whole.Index]!;
        return whole is ConvolutionNode or LinearNode && !IsVector(whole) && !_description.Outputs.Contains(whole)
            && parts.All(part => part is SliceNode && IsWholeVectors((SliceNode)part) && IsReadByAttention(part))
            && parts.Sum(part => part.Channels) == whole.Channels;
    }

    /// <summary>
    /// Whether the last convolution makes the few channels of an image, which is all that the network gives first.
    /// </summary>
    public bool IsImageResult(ConvolutionNode conv)
    {
        var output = _description.Outputs[0];
        bool last = output is ResampleNode { Kind: ResampleKind.Shuffle } && output.Inputs[0] == conv
            ? _readers[conv.Index]!.Count == 1 && !_description.Outputs.Contains(conv)
            : output == conv;
        return last && conv is { HasBias: true, Shape: { Kernel: 3, Stride: 1, Transposed: false, Padding: 1 } }
            && _readers[output.Index]!.Count == 0 && _description.Outputs.Count(other => other == output) == 1;
    }

    /// <summary>Whether an output is made of such a convolution.</summary>
    public bool IsImage(Node output) => output == _description.Outputs[0]
        && (output as ConvolutionNode ?? (output as ResampleNode)?.Inputs[0] as ConvolutionNode) is { } conv
        && IsImageResult(conv);

    private bool IsNeeded(Node node) => _readers[node.Index] is not null;

    private Node[] Reads(Node node) => node switch
    {
        _ when IsBroadcast(node) => [node.Inputs[2]],
        ReshapeNode or ResampleNode => [node.Inputs[0]], // of the other its size alone
        PositionsNode => [],
        _ => node.Inputs,
    };

    private List<Node>?[] FindReaders()
    {
        var readers = new List<Node>?[_description.Nodes.Count];
        foreach (var output in _description.Outputs)
            readers[output.Index] = [];
        foreach (var node in _description.Nodes.Reverse().Where(node => readers[node.Index] is not null))
            foreach (var input in Reads(node))
                (readers[input.Index] ??= []).Insert(0, node);
        return readers;
    }

    /// <summary>Whether tokens are only ever multiplied one by one, summed, and attended to.</summary>
    private bool AreFew(Node tokens) => !_description.Outputs.Contains(tokens)
        && _readers[tokens.Index]!.All(reader => reader switch
        {
            LinearNode => AreFew(reader),
            AttentionNode => reader.Inputs[0] != tokens,
            _ => reader is ReduceNode { Kind: ReduceKind.Sum },
        });

    private bool CanBeBroadcast(AttentionNode node) => IsOfOneKey(node) && !_description.Outputs.Contains(node)
        && _readers[node.Index]!.All(reader => reader is AddNode
            && reader.Inputs.Count(input => input is AttentionNode attention && IsOfOneKey(attention)) == 1
            && reader.Inputs[0].Form == reader.Inputs[1].Form);

    private bool IsOfOneKey(AttentionNode node) =>
        node.Mask is null && _few.Contains(node.Inputs[1]) && _few.Contains(node.Inputs[2])
        && _sizes[node.Inputs[1].Index].Places == 1;

    private static bool IsWholeVectors(SliceNode slice) => slice.First % Lanes.Count == 0 && slice.Channels % Lanes.Count == 0;

    private bool IsReadByAttention(Node part) =>
        !_description.Outputs.Contains(part) && _readers[part.Index]!.All(reader => reader is AttentionNode);

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
        _norms.Add(last, new(norm, x, shift, modulation, silu, residual));
    }

    private Node Absorb(Node taken, Node by)
    {
        _absorbed.Add(taken);
        return by;
    }
}
