using Mezzotint.Formats;
using Mezzotint.Networks;
using static TorchSharp.torch;

namespace Mezzotint.Models.SingleFiles;

/// <summary>Autoencoder and text encoder of a single file.</summary>
internal static class SingleFileParts
{
    private const string PositionNumbers = "embeddings.position_ids"; // a buffer that says nothing

    /// <summary>The autoencoder in a file of its own, whose names may begin with those of its parts, or in that of a
    /// model.</summary>
    /// <param name="path">The file.</param>
    /// <param name="scale">What its latents are multiplied by; null for the published factor.</param>
    /// <param name="narrow">Whether weights of 16 bits stay so: see <see cref="NarrowWeights"/>.</param>
    /// <exception cref="MezzotintException">It is none, or damaged.</exception>
    public static LoadedAutoencoder Autoencoder(string path, double? scale, bool narrow)
    {
        using var tensors = SingleFileTensors.Open(path, whole: true, bare: SingleFileNames.Autoencoder);
        if (!tensors.Has(SingleFileNames.Autoencoder + "decoder.conv_in.weight")
            || !tensors.Has(SingleFileNames.Autoencoder + "encoder.down.0.block.0.conv1.weight"))
            throw new MezzotintException(
                $"'{path}' is no autoencoder in the layout of the original programs: one of diffusers is named by its folder.")
                { Key = "autoencoder" };
        var config = SingleFileShape.AutoencoderOf(tensors, new SingleFileConfig { ScaleFactor = scale });
        config.Validate();
        return Autoencoder(tensors, config, narrow);
    }

    /// <summary>The autoencoder.</summary>
    public static LoadedAutoencoder Autoencoder(SingleFileTensors tensors, AutoencoderConfig config, bool narrow)
    {
        var weights = tensors.Under(SingleFileNames.Autoencoder);
        foreach (string loss in weights.Keys.Where(name => name.StartsWith(
            SingleFileNames.Autoencoder + "loss.", StringComparison.Ordinal)).ToArray())
            weights.Remove(loss); // of its training
        foreach (var (name, tensor) in weights.Where(pair => pair.Value.Shape.Length == 2
            && pair.Key.Contains(".mid.attn_1.", StringComparison.Ordinal)).ToList())
            weights[name] = tensor with { Shape = [.. tensor.Shape, 1, 1] }; // some programs write matrices
        NetworkWeights.CheckLength(
            weights.Values.Sum(tensor => (long)tensor.Bytes.Length),
            config.DescribeEncoder().ParameterCount + config.DescribeDecoder().ParameterCount, tensors.Path);
        var network = Networks.Autoencoder.Unfilled(config);
        try
        {
            if (narrow && NarrowWeights.Fit(network))
                NarrowWeights.MakeRoom(
                    network, name => weights.GetValueOrDefault(SingleFileNames.OfAutoencoder(name, config))?.Type);
            using var scope = NewDisposeScope();
            NetworkWeights.LoadSome(
                network.named_parameters().ToDictionary(
                    named => SingleFileNames.OfAutoencoder(named.name, config),
                    named => SingleFileNames.IsConvolution(named.name)
                        ? named.parameter.detach().unsqueeze(-1).unsqueeze(-1) : named.parameter),
                weights, tensors.Path);
            return new(network, new());
        }
        catch
        {
            network.Dispose();
            throw;
        }
    }

    /// <summary>The text encoder.</summary>
    public static TextEncoder Text(SingleFileTensors tensors, TextEncoderConfig config, bool openClip, bool narrow)
    {
        var weights = openClip ? OpenClip(tensors, config) : Clip(tensors);
        var encoder = TextEncoder.Unfilled(config);
        try
        {
            if (narrow && NarrowWeights.Fit(encoder))
                NarrowWeights.MakeRoom(
                    encoder, name => weights.GetValueOrDefault(SingleFileNames.OfText(name, openClip))?.Type);
            NetworkWeights.LoadSome(
                encoder.named_parameters().ToDictionary(
                    named => SingleFileNames.OfText(named.name, openClip), named => (Tensor)named.parameter),
                weights, tensors.Path);
            return encoder;
        }
        catch
        {
            encoder.Dispose();
            throw;
        }
    }

    private static Dictionary<string, TensorData> Clip(SingleFileTensors tensors)
    {
        const string full = SingleFileNames.ClipText + "text_model.";
        var weights = tensors.Under(full);
        if (weights.Count == 0) // written by a version of transformers that leaves that out
            weights = tensors.Under(SingleFileNames.ClipText)
                .ToDictionary(pair => full + pair.Key[SingleFileNames.ClipText.Length..], pair => pair.Value);
        weights.Remove(full + PositionNumbers);
        return weights;
    }

    /// <summary>The layers that are used; each stack of three matrices as three.</summary>
    private static Dictionary<string, TensorData> OpenClip(SingleFileTensors tensors, TextEncoderConfig config)
    {
        string text = SingleFileNames.OpenClipText, unused = $"{text}transformer.resblocks.{config.NumHiddenLayers}.";
        var weights = new Dictionary<string, TensorData>();
        foreach (var (name, tensor) in tensors.Under(text))
            if (name.Contains(".attn.in_proj_", StringComparison.Ordinal) && tensor.Shape is [var rows, ..] && rows % 3 == 0)
            {
                int third = tensor.Bytes.Length / 3;
                string[] parts = [SingleFileNames.Queries, SingleFileNames.Keys, SingleFileNames.Values];
                for (int i = 0; i < parts.Length; i++)
                    weights[name + parts[i]] = tensor with
                        { Shape = [rows / 3, .. tensor.Shape[1..]], Bytes = tensor.Bytes.Slice(i * third, third) };
            }
            else if (name != text + "text_projection" && name != text + "logit_scale")
                weights[name] = tensor;
        foreach (string name in weights.Keys.Where(name => name.StartsWith(unused, StringComparison.Ordinal)).ToArray())
            weights.Remove(name);
        return weights;
    }
}
