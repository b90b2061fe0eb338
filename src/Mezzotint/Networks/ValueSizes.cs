namespace Mezzotint.Networks;

/// <summary>The rows and columns of a map; tokens are rows of one column, vectors and numbers one of each.</summary>
internal readonly record struct ValueSize(int Rows, int Columns)
{
    public int Places => Rows * Columns;
}

/// <summary>How large the values of a description are, for images of one size.</summary>
internal static class ValueSizes
{
    /// <summary>The size of each value, by its place in the description.</summary>
    /// <param name="description">The network.</param>
    /// <param name="height">H of its images.</param>
    /// <param name="width">W.</param>
    /// <param name="tokens">How many indices or tokens it is given.</param>
    public static ValueSize[] Of(NetworkDescription description, int height, int width, int tokens)
    {
        var sizes = new ValueSize[description.Nodes.Count];
        foreach (var node in description.Nodes)
            sizes[node.Index] = SizeOf(node);
        return sizes;

        ValueSize SizeOf(Node node)
        {
            var from = node.Inputs.Length > 0 ? sizes[node.Inputs[0].Index] : default;
            return node switch
            {
                InputNode { Form: ValueForm.Map } => new(height, width),
                InputNode { Form: ValueForm.Indices or ValueForm.Tokens or ValueForm.Mask } => new(tokens, 1),
                InputNode or ReduceNode or TimeFeaturesNode or ReshapeNode { Form: ValueForm.Vector } => new(1, 1),
                ConvolutionNode convolution => new(convolution.Shape.Side(from.Rows), convolution.Shape.Side(from.Columns)),
                ResampleNode { Inputs.Length: 2 } => sizes[node.Inputs[1].Index],
                ResampleNode { Enlarges: true } resample => new(from.Rows * resample.Factor, from.Columns * resample.Factor),
                ResampleNode resample => new(from.Rows / resample.Factor, from.Columns / resample.Factor),
                ReshapeNode { Form: ValueForm.Tokens } => new(from.Places, 1),
                ReshapeNode reshape => sizes[reshape.Inputs[1].Index],
                ConcatenateNode => sizes[node.Inputs[^1].Index], // larger ones are cropped
                _ => from,
            };
        }
    }
}
