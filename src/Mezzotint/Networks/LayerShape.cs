namespace Mezzotint.Networks;

/// <summary>A layer that makes a map of another, as far as its memory goes; sizes are doubles, which do not overflow.</summary>
/// <param name="Inputs">Channels that it reads.</param>
/// <param name="Outputs">Channels that it makes.</param>
/// <param name="Kernel">Rows and columns of its weights; 1 for a linear layer.</param>
/// <param name="InputPlaces">H W of what it reads.</param>
/// <param name="OutputPlaces">H W of what it makes.</param>
internal readonly record struct LayerShape(double Inputs, double Outputs, int Kernel, double InputPlaces, double OutputPlaces)
{
    /// <summary>The weights of an attention: heads times queries times keys; 0 for other layers.</summary>
    public double Scores { get; init; }

    /// <summary>How many weights it has, without a bias.</summary>
    public double Weights => Inputs * Outputs * Kernel * Kernel;

    /// <summary>Numbers of the map that it reads.</summary>
    public double InputMap => Inputs * InputPlaces;

    /// <summary>Numbers of the map that it makes.</summary>
    public double OutputMap => Outputs * OutputPlaces;

    /// <summary>The layers of a network that make maps, or tokens of the places of one. Those of time and class make vectors,
    /// which are small.</summary>
    /// <param name="description">The network.</param>
    /// <param name="height">H of its images.</param>
    /// <param name="width">W.</param>
    /// <param name="tokens">Tokens of a text whose layers count too; 0 where texts are short beside images.</param>
    public static IEnumerable<LayerShape> Of(NetworkDescription description, int height, int width, int tokens = 0)
    {
        var sizes = ValueSizes.Of(description, height, width, Math.Max(1, tokens));
        double Places(Node node) => (double)sizes[node.Index].Rows * sizes[node.Index].Columns;
        foreach (var node in description.Nodes)
        {
            var (x, places) = (node.Inputs.FirstOrDefault(), Places(node));
            if (node is ConvolutionNode convolution)
                yield return new(x!.Channels, node.Channels, convolution.Shape.Kernel, Places(x), places);
            else if (node is LinearNode { Form: ValueForm.Tokens } && (tokens > 0 || IsOfMap(node)))
                yield return new(x!.Channels, node.Channels, 1, Places(x), places);
            else if (node is AttentionNode attention)
                yield return new(0, 0, 1, 0, 0) { Scores = attention.Heads * places * Places(node.Inputs[1]) };
        }
    }

    /// <summary>Whether tokens are the places of a map.</summary>
    private static bool IsOfMap(Node tokens) => tokens is ReshapeNode || (tokens.Form == ValueForm.Tokens
        && tokens is not (EmbeddingNode or InputNode) && IsOfMap(tokens.Inputs[0]));
}
