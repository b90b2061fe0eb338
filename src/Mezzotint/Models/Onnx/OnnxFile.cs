using System.Globalization;
using System.Text;
using Mezzotint.Networks;
using Mezzotint.Text;
using static TorchSharp.torch;

namespace Mezzotint.Models.Onnx;

/// <summary>
/// Writes a model's network as an ONNX file, which runs without this library: F(x, t, labels), of any batch size, and of one size
/// of image.
/// </summary>
/// <remarks>
/// Inputs: <c>x</c>, float32 [batch, C, H, W], the noisy images as the network sees them; <c>t</c>, float32 [batch], their times;
/// <c>labels</c>, int64 [batch, tokens], the asked classes; or what else the network is given: a context is float32 [batch,
/// tokens, D], and its mask float32 [batch, tokens], 1 for tokens that count. Output: <c>output</c>, float32 [batch, C, H, W].
/// How x and t follow from the level of noise, and the image from the output, depends on the parameterisation. The metadata
/// has the model's description under <c>mezzotint</c>, the same as the model folder's <c>config.json</c>. Weights of more than
/// 1 GB are in a second file beside it, <c>NAME.onnx_data</c>. Sources: the ONNX specification, opset 17, github.com/onnx/onnx.
/// </remarks>
public static class OnnxFile
{
    /// <summary>The key of the metadata under which the model's description is.</summary>
    public const string DescriptionKey = "mezzotint";

    /// <summary>The key of the metadata under which an autoencoder's scaling factor is.</summary>
    public const string ScalingKey = "scaling_factor";

    /// <summary>The keys of the metadata under which a text encoder's <c>vocab.json</c> and <c>merges.txt</c> are, and the number
    /// of tokens of a prompt.</summary>
    public const string VocabularyKey = "vocab", MergesKey = "merges", LengthKey = "length";

    /// <summary>Writes the file, in place of one that may be there.</summary>
    /// <param name="path">The file.</param>
    /// <param name="network">The weights.</param>
    /// <param name="info">The description; its shape is the network's, and its image's size becomes the file's.</param>
    /// <returns>The second file, where the weights are; null where they are in the first.</returns>
    /// <exception cref="ArgumentException">The description is of another shape of network.</exception>
    /// <exception cref="MezzotintException">A layer of the network has no operators in ONNX, a weight is not finite, or the
    /// file cannot be written.</exception>
    public static string? Write(string path, DenoisingNetwork network, ModelInfo info)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        ArgumentNullException.ThrowIfNull(network);
        ArgumentNullException.ThrowIfNull(info);
        if (!info.Model.Equals(network.Config))
            throw new ArgumentException("The description is of another shape of network.", nameof(info));
        info.Validate();
        var (_, height, width) = info.Numbers;
        return Write(path, network, network.Description, height, width, info.Name,
            "F of a diffusion model; the metadata's 'mezzotint' describes how it is used.",
            (DescriptionKey, Encoding.UTF8.GetString(ModelDescription.Write(info))));
    }

    /// <summary>Writes the other parts of a model, each as a file beside that of its network: <c>NAME.decoder.onnx</c>, from
    /// latents z, not multiplied by the metadata's <c>scaling_factor</c>, to images of -1 to 1; <c>NAME.encoder.onnx</c>, from
    /// such images to the mean and ln variance of z; <c>NAME.text.onnx</c>, from tokens to the context, with the
    /// tokenizer in its metadata.</summary>
    /// <param name="path">The file of the network.</param>
    /// <param name="model">The model.</param>
    /// <returns>The files that were written: none where the model is its network alone.</returns>
    /// <exception cref="MezzotintException">As for the network.</exception>
    public static IReadOnlyList<string> WriteParts(string path, LoadedModel model)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        ArgumentNullException.ThrowIfNull(model);
        var written = new List<string>();
        string Beside(string part)
        {
            written.Add(Path.ChangeExtension(path, $".{part}.onnx"));
            return written[^1];
        }
        var info = model.Info;
        if (model.Autoencoder?.Network is { } autoencoder)
        {
            int margin = 2 * autoencoder.Config.Margin;
            var scale = (ScalingKey, autoencoder.Config.ScalingFactor.ToString("R", CultureInfo.InvariantCulture));
            Write(Beside("decoder"), autoencoder, autoencoder.DecoderDescription, info.Numbers.Height, info.Numbers.Width,
                info.Name, "Latents to images.", scale);
            Write(Beside("encoder"), autoencoder, autoencoder.EncoderDescription, info.Height + margin, info.Width + margin,
                info.Name, "Images to the moments of their latents.", scale);
        }
        if (info.Prompts is TextPrompts { Coder: { Network: { } text, Tokenizer: { } tokenizer } })
            Write(Beside("text"), text, TextEncoder.Describe(text.Config), 1, 1, info.Name, "Tokens to a context.",
                (VocabularyKey, Encoding.UTF8.GetString(ClipTokenizerFolder.Vocabulary(tokenizer))),
                (MergesKey, ClipTokenizerFolder.Merges(tokenizer)),
                (LengthKey, tokenizer.Length.ToString(CultureInfo.InvariantCulture)));
        return written;
    }

    private static string? Write(
        string path, nn.Module module, NetworkDescription description, int height, int width, string name, string documentation,
        params (string Key, string Value)[] metadata)
    {
        var part = new OnnxPart(name, documentation)
        {
            Size = new(height, width),
            Metadata = metadata,
            Beside = OnnxPart.IsLarge(description),
        };
        part.Write(path, module, description);
        return part.Beside ? path + OnnxPart.BesideEnding : null;
    }
}
