using Mezzotint.Formats;
using Mezzotint.Networks;
using static TorchSharp.torch;

namespace Mezzotint.Models.Onnx;

/// <summary>How what a module computes becomes a file of ONNX.</summary>
/// <param name="Name">Of the graph.</param>
/// <param name="Documentation">For people.</param>
internal sealed record OnnxPart(string Name, string Documentation)
{
    /// <summary>What the name of the file of weights has behind that of the graph's.</summary>
    public const string BesideEnding = "_data";

    private const long MostInside = 1L << 30; // bytes; protobuf allows 2 GB a file

    /// <summary>Rows and columns of the maps that it is given; null for any.</summary>
    public ValueSize? Size { get; init; }

    /// <summary>For programs.</summary>
    public IReadOnlyList<(string Key, string Value)> Metadata { get; init; } = [];

    /// <summary>Whether the weights are a file of their own, beside that of the graph.</summary>
    public bool Beside { get; init; }

    /// <summary>What the inputs are called, by the names that the network has; null for these.</summary>
    public IReadOnlyDictionary<string, string>? Inputs { get; init; }

    /// <summary>What the result is called.</summary>
    public string Output { get; init; } = "output";

    /// <summary>Of a text encoder, its shape: the state at the end of each text is a second result then.</summary>
    public TextEncoderConfig? Pools { get; init; }

    /// <summary>Whether the weights must be in a file of their own.</summary>
    public static bool IsLarge(NetworkDescription description) => sizeof(float) * description.ParameterCount > MostInside;

    /// <summary>Writes the files, in place of those that may be there.</summary>
    /// <param name="path">That of the graph.</param>
    /// <param name="module">The weights; one at a time is held twice.</param>
    /// <param name="description">What is computed: its first output.</param>
    /// <exception cref="MezzotintException">A layer has no operators in ONNX, a weight is not finite, or a file cannot be
    /// written.</exception>
    public void Write(string path, nn.Module module, NetworkDescription description)
    {
        if (!Beside)
        {
            byte[] file = Graph(new OnnxGraph(), module, description);
            AtomicFile.Write(path, stream => stream.Write(file));
            return;
        }
        string name = Path.GetFileName(path);
        AtomicFolder.Write(Path.GetDirectoryName(Path.GetFullPath(path))!, staged =>
        {
            byte[] file = [];
            AtomicFile.Write(Path.Combine(staged, name + BesideEnding), weights =>
                file = Graph(new OnnxGraph(weights, name + BesideEnding), module, description));
            AtomicFile.Write(Path.Combine(staged, name), stream => stream.Write(file));
        });
    }

    private byte[] Graph(OnnxGraph graph, nn.Module module, NetworkDescription description)
    {
        var layers = new OnnxNetwork(graph, NetworkWeights.OneByOne(module), Inputs);
        var sizes = Size is { } size ? ValueSizes.Of(description, size.Rows, size.Columns, tokens: 1) : null;
        layers.AddInputs(description, Size);
        string made = layers.Add(description, sizes);
        var output = description.Outputs[0];
        graph.Output(Output, made, ["batch", .. output.Form switch
        {
            ValueForm.Tokens => new object[] { "tokens", output.Channels },
            _ when sizes is null => [output.Channels, "output_height", "output_width"],
            _ => [output.Channels, sizes[output.Index].Rows, sizes[output.Index].Columns],
        }]);
        if (Pools is { } text)
        {
            string tokens = layers.NameOf(description.Inputs.Single());
            graph.Output("pooler_output", layers.AddPooled(tokens, made, text.EndToken), "batch", output.Channels);
        }
        return graph.Model(Name, Documentation, Metadata.Select(pair => KeyValuePair.Create(pair.Key, pair.Value))).ToArray();
    }
}
