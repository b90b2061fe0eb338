using System.Globalization;
using Mezzotint.Formats;
using Mezzotint.Networks;
using Mezzotint.Noise;
using Mezzotint.Text;

namespace Mezzotint.Models.SingleFiles;

/// <summary>Writes a single file, and the configuration that belongs beside it.</summary>
internal static class SingleFileWriter
{
    /// <summary>Writes both.</summary>
    /// <param name="path">The file, which ends in <c>.safetensors</c>.</param>
    /// <param name="model">A Stable Diffusion.</param>
    /// <param name="precision">Of its weights.</param>
    /// <exception cref="MezzotintException">The model is of other parts, or such files have no words for it.</exception>
    public static void Write(string path, LoadedModel model, ElementType precision)
    {
        if (model is not
            {
                Info: { Model: ConditionalUNetConfig unet, Prompts: TextPrompts { Coder: { } coder } }, Autoencoder: { } vae,
            } || Diffusers.DiffusersFolder.Takes(model.Info) is false)
            throw new MezzotintException(
                $"'{model.Info.Name}' is no Stable Diffusion, which alone goes into a single file: it needs a U-Net with a "
                + "context, an autoencoder and a text encoder.");
        if (unet.LayersPerBlock.Distinct().Count() > 1 || unet.AdditionEmbedType is not null || unet.NormNumGroups != 32
            || unet.AttentionHeadDim.Distinct().Count() > 1 && HeadWidth(unet) is null || vae.Network.Config.Margin != 0)
            throw new MezzotintException(
                $"'{model.Info.Name}' has a shape that single files have no words for: layers, heads, groups or a margin of its "
                + "own. Use its folder.");
        var tensors = new SortedDictionary<string, TensorData>(StringComparer.Ordinal);
        foreach (var (name, tensor) in NetworkWeights.Save(model.Network, precision))
            tensors[SingleFileNames.OfUNet(name, unet)] = tensor;
        foreach (var (name, tensor) in NetworkWeights.Save(vae.Network, precision))
            tensors[SingleFileNames.OfAutoencoder(name, vae.Network.Config)] =
                SingleFileNames.IsConvolution(name) ? tensor with { Shape = [.. tensor.Shape, 1, 1] } : tensor;
        bool openClip = coder.Network.Config.HiddenAct == TextEncoderConfig.Gelu;
        foreach (var (name, tensor) in Stacked(NetworkWeights.Save(coder.Network, precision)
            .ToDictionary(pair => SingleFileNames.OfText(pair.Key, openClip), pair => pair.Value)))
            tensors[name] = tensor;
        if (openClip)
            AddUnusedLayer(tensors, coder.Network.Config.NumHiddenLayers);
        SafetensorsFile.Write(path, tensors, new Dictionary<string, string> { ["format"] = "pt" });
        AtomicFile.WriteText(Path.ChangeExtension(path, ".yaml"), Configuration(model.Info, unet, vae.Network.Config, openClip));
    }

    /// <summary>Queries, keys and values in one matrix, as OpenCLIP has them.</summary>
    private static IEnumerable<KeyValuePair<string, TensorData>> Stacked(Dictionary<string, TensorData> tensors)
    {
        foreach (var (name, tensor) in tensors)
            if (name.EndsWith(SingleFileNames.Queries, StringComparison.Ordinal))
            {
                string stack = name[..^SingleFileNames.Queries.Length];
                TensorData[] three = [tensor, tensors[stack + SingleFileNames.Keys], tensors[stack + SingleFileNames.Values]];
                byte[] bytes = [.. three.SelectMany(each => each.Bytes.ToArray())];
                yield return new(stack, tensor with { Shape = [3 * tensor.Shape[0], .. tensor.Shape[1..]], Bytes = bytes });
            }
            else if (!name.EndsWith(SingleFileNames.Keys, StringComparison.Ordinal)
                && !name.EndsWith(SingleFileNames.Values, StringComparison.Ordinal))
                yield return new(name, tensor);
    }

    /// <summary>The original's last layer, which nothing reads and which its programs ask for: it is all zeros here.</summary>
    private static void AddUnusedLayer(SortedDictionary<string, TensorData> tensors, int layers)
    {
        string blocks = SingleFileNames.OpenClipText + "transformer.resblocks.";
        var first = tensors.Where(pair => pair.Key.StartsWith($"{blocks}0.", StringComparison.Ordinal)).ToList();
        foreach (var (name, tensor) in first)
            tensors[string.Create(CultureInfo.InvariantCulture, $"{blocks}{layers}.{name[(blocks.Length + 2)..]}")] =
                tensor with { Bytes = new byte[tensor.Bytes.Length] };
    }

    /// <summary>With the keys of the original.</summary>
    private static string Configuration(ModelInfo info, ConditionalUNetConfig unet, AutoencoderConfig vae, bool openClip)
    {
        var scheduler = Diffusers.DiffusersScheduler.Of(info.Process, info.Parameterisation, info.Sampling);
        string heads = HeadWidth(unet) is { } width && unet.AttentionHeadDim.Count > 1
            ? $"num_head_channels: {width}" : $"num_heads: {unet.AttentionHeadDim[0]}";
        return string.Create(CultureInfo.InvariantCulture, $"""
            # written by Mezzotint, with the keys of the original program
            model:
              target: ldm.models.diffusion.ddpm.LatentDiffusion
              params:
                parameterization: {(info.Parameterisation is VelocityParameterisation ? "v" : "eps")}
                linear_start: {scheduler.BetaStart}
                linear_end: {scheduler.BetaEnd}
                timesteps: {scheduler.NumTrainTimesteps}
                image_size: {info.Numbers.Height}
                channels: {vae.LatentChannels}
                conditioning_key: {(unet.InChannels == unet.OutChannels ? "crossattn" : "hybrid")}
                scale_factor: {vae.ScalingFactor}
                unet_config:
                  target: ldm.modules.diffusionmodules.openaimodel.UNetModel
                  params:
                    in_channels: {unet.InChannels}
                    out_channels: {unet.OutChannels}
                    model_channels: {unet.BlockOutChannels[0]}
                    attention_resolutions: [ {string.Join(", ", Attending(unet))} ]
                    num_res_blocks: {unet.LayersPerBlock[0]}
                    channel_mult: [ {string.Join(", ", unet.BlockOutChannels.Select(width => width / unet.BlockOutChannels[0]))} ]
                    {heads}
                    use_spatial_transformer: True
                    use_linear_in_transformer: {unet.UseLinearProjection}
                    transformer_depth: {unet.TransformerLayersPerBlock[0]}
                    context_dim: {unet.CrossAttentionDim}
                    legacy: False
                first_stage_config:
                  target: ldm.models.autoencoder.AutoencoderKL
                  params:
                    embed_dim: {vae.LatentChannels}
                    ddconfig:
                      double_z: true
                      z_channels: {vae.LatentChannels}
                      resolution: {vae.SampleSize}
                      in_channels: {vae.InChannels}
                      out_ch: {vae.OutChannels}
                      ch: {vae.BlockOutChannels[0]}
                      ch_mult: [ {string.Join(", ", vae.BlockOutChannels.Select(width => width / vae.BlockOutChannels[0]))} ]
                      num_res_blocks: {vae.LayersPerBlock}
                      attn_resolutions: []
                      dropout: 0.0
                cond_stage_config:
                  target: ldm.modules.encoders.modules.{(openClip ? "FrozenOpenCLIPEmbedder" : "FrozenCLIPEmbedder")}
                  params:
                    layer: {(openClip ? "penultimate" : "last")}

            """);
    }

    /// <summary>By how much maps are reduced on the levels that attend.</summary>
    private static IEnumerable<int> Attending(ConditionalUNetConfig unet) =>
        unet.DownBlockTypes.Index().Where(type => type.Item == ConditionalUNetConfig.AttendingDown)
            .Select(type => 1 << type.Index).Reverse();

    /// <summary>The width of every head, where all are as wide.</summary>
    private static int? HeadWidth(ConditionalUNetConfig unet)
    {
        int[] widths = [.. unet.BlockOutChannels.Select((width, level) =>
            width / ConditionalUNetConfig.At(unet.AttentionHeadDim, level)).Distinct()];
        return widths is [var only] ? only : null;
    }
}
