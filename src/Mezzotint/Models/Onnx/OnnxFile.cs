using System.Text;
using Mezzotint.Formats;
using Mezzotint.Networks;
using Mezzotint.Noise;

namespace Mezzotint.Models.Onnx;

/// <summary>
/// Writes a model's network as an ONNX file, which runs without this library: F(x, t, labels), of any batch size, and of one size
/// of image.
/// </summary>
/// <remarks>
/// Inputs: <c>x</c>, float32 [batch, C, H, W], the noisy images as the network sees them; <c>t</c>, float32 [batch], their times;
/// <c>labels</c>, int64 [batch, tokens], the asked classes; or what else the network is given: a context is float32 [batch,
/// tokens, D], and its mask float32 [batch, tokens], 1 for tokens that count. Output: <c>output</c>, float32 [batch, C, H, W].
/// How
/// x and t follow from the level of noise, and the image from the output, depends on the parameterisation. The metadata has the
/// model's description under <c>mezzotint</c>, the same as the model folder's <c>config.json</c>. Sources: the ONNX
/// specification, opset 17, github.com/onnx/onnx.
/// </remarks>
public static class OnnxFile
{
    /// <summary>The key of the metadata under which the model's description is.</summary>
    public const string DescriptionKey = "mezzotint";

    /// <summary>Writes the file, in place of one that may be there.</summary>
    /// <param name="path">The file.</param>
    /// <param name="network">The weights.</param>
    /// <param name="info">The description; its shape is the network's, and its image's size becomes the file's.</param>
    /// <exception cref="ArgumentException">The description is of another shape of network.</exception>
    /// <exception cref="MezzotintException">A layer of the network has no operators in ONNX, a weight is not finite, or the
    /// file cannot be written.</exception>
    public static void Write(string path, DenoisingNetwork network, ModelInfo info)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        ArgumentNullException.ThrowIfNull(network);
        ArgumentNullException.ThrowIfNull(info);
        if (!info.Model.Equals(network.Config))
            throw new ArgumentException("The description is of another shape of network.", nameof(info));
        info.Validate();
        var graph = new OnnxGraph();
        var (channels, height, width) = info.Numbers;
        var description = network.Description;
        var layers = new OnnxNetwork(graph, NetworkWeights.Save(network));
        layers.AddInputs(description, height, width);
        string output = layers.Add(description, ValueSizes.Of(description, height, width, tokens: 1));
        graph.Output("output", output, "batch", channels, height, width);
        var metadata = new Dictionary<string, string>
            { [DescriptionKey] = Encoding.UTF8.GetString(ModelDescription.Write(info)) };
        byte[] file = graph.Model(info.Name,
            "F(x, t, labels) of a diffusion model; the metadata's 'mezzotint' describes how it is used.", metadata).ToArray();
        AtomicFile.Write(path, stream => stream.Write(file));
    }
}
