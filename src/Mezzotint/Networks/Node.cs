namespace Mezzotint.Networks;

/// <summary>How the numbers of a value lie in a batch of B.</summary>
public enum ValueForm
{
    /// <summary>One number an image, such as its time: [B].</summary>
    Number,

    /// <summary>Whole numbers that name rows of an embedding, such as class labels or words: int64 [B, T].</summary>
    Indices,

    /// <summary>Which tokens count: bool [B, T].</summary>
    Mask,

    /// <summary>A list of channels: [B, C].</summary>
    Vector,

    /// <summary>A list of channels for each token: [B, T, C].</summary>
    Tokens,

    /// <summary>A feature map: [B, C, H, W].</summary>
    Map,
}

/// <summary>
/// A value of a described network, and the layer that makes it from others. <see cref="NetworkBuilder"/> makes them.
/// </summary>
public abstract class Node
{
    private protected Node(ValueForm form, int channels, params Node[] inputs) =>
        (Form, Channels, Inputs) = (form, channels, inputs);

    /// <summary>How its numbers lie.</summary>
    public ValueForm Form { get; }

    /// <summary>Its channels, C; 1 for numbers, indices and masks.</summary>
    public int Channels { get; }

    /// <summary>What the layer reads.</summary>
    internal Node[] Inputs { get; }

    /// <summary>Its place in the description: a node reads only nodes before it.</summary>
    internal int Index { get; set; } = -1;

    /// <summary>The path of its module, such as <c>encoder.0.downsampling</c>; null for a layer that is no module.</summary>
    internal string? Name { get; set; }

    /// <summary>The parameters of the module, in the order of libtorch.</summary>
    internal virtual IEnumerable<(string Name, long[] Shape)> Parameters => [];
}
