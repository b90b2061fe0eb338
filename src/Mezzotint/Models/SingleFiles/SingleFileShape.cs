using Mezzotint.Networks;

namespace Mezzotint.Models.SingleFiles;

/// <summary>The shapes of the networks in a single file, as its tensors have them and as its configuration says.</summary>
/// <param name="UNet">Of the U-Net.</param>
/// <param name="Autoencoder">Of the autoencoder; null where the file has none.</param>
/// <param name="Text">Of the text encoder; null where the file has none.</param>
/// <param name="OpenClip">Whether the text encoder is OpenCLIP's, as of Stable Diffusion 2.</param>
internal sealed record SingleFileShape(
    ConditionalUNetConfig UNet, AutoencoderConfig? Autoencoder, TextEncoderConfig? Text, bool OpenClip)
{
    /// <summary>The width of the context of Stable Diffusion 2.</summary>
    public const int WidthOfOpenClip = 1024;

    private const int WidthOfClip = 768, HeadsOfFirst = 8, HeadWidth = 64;

    /// <summary>Finds the shapes.</summary>
    /// <exception cref="MezzotintException">The tensors are not those of a Stable Diffusion, or do not say enough.</exception>
    public static SingleFileShape Of(SingleFileTensors tensors, SingleFileConfig config, int contextWidth)
    {
        bool openClip = tensors.Has(SingleFileNames.OpenClipText + "positional_embedding");
        bool hasText = openClip || tensors.Has(ClipName(tensors, "embeddings.position_embedding.weight"));
        bool hasAutoencoder = tensors.Has(SingleFileNames.Autoencoder + "decoder.conv_in.weight");
        return new(
            UNetOf(tensors, config, contextWidth), hasAutoencoder ? AutoencoderOf(tensors, config) : null,
            !hasText ? null : openClip ? OpenClipOf(tensors, config) : ClipOf(tensors), openClip);
    }

    /// <summary>The width of the U-Net's context, which says what the file is.</summary>
    public static int ContextWidthOf(SingleFileTensors tensors) =>
        tensors.Shape(SingleFileNames.UNet + "middle_block.1.transformer_blocks.0.attn2.to_k.weight", 2)[1];

    /// <summary>The name of a weight of CLIP's text encoder, of which some files leave a part out.</summary>
    public static string ClipName(SingleFileTensors tensors, string end)
    {
        string full = $"{SingleFileNames.ClipText}text_model.{end}";
        return tensors.Has(full) ? full : SingleFileNames.ClipText + end;
    }

    private static ConditionalUNetConfig UNetOf(SingleFileTensors tensors, SingleFileConfig config, int contextWidth)
    {
        string unet = SingleFileNames.UNet;
        int[] first = tensors.Shape(unet + "input_blocks.0.0.weight", 4);
        SingleFileKind.CheckChannels(first[1], tensors.Path);
        int blocks = 1;
        var halvings = new List<int>();
        while (tensors.Has($"{unet}input_blocks.{blocks}.0.in_layers.0.weight")
            || tensors.Has($"{unet}input_blocks.{blocks}.0.op.weight"))
        {
            if (tensors.Has($"{unet}input_blocks.{blocks}.0.op.weight"))
                halvings.Add(blocks);
            blocks++;
        }
        int each = halvings.Count == 0 ? blocks : halvings[0], levels = halvings.Count + 1;
        if (each < 2 || levels > 8 || blocks != levels * each || halvings.Where((at, i) => at != (i + 1) * each).Any())
            throw new MezzotintException(
                $"'{tensors.Path}': the blocks of its U-Net are not those of a Stable Diffusion: it is damaged, or another "
                + "model.");
        bool Attends(string block) => tensors.Has($"{unet}{block}.1.proj_in.weight");
        int[] widths = [.. Enumerable.Range(0, levels).Select(level =>
            tensors.Shape($"{unet}input_blocks.{1 + level * each}.0.in_layers.2.weight", 4)[0])];
        int[] depths = [.. Enumerable.Range(0, levels).Select(level => Math.Max(1, tensors.Count(
            $"{unet}{(level == levels - 1 ? "middle_block" : $"input_blocks.{1 + level * each}")}.1.transformer_blocks.",
            ".norm1.weight")))];
        return new()
        {
            InChannels = first[1],
            OutChannels = tensors.Shape(unet + "out.2.weight", 4)[0],
            BlockOutChannels = widths,
            LayersPerBlock = [each - 1],
            DownBlockTypes = [.. Enumerable.Range(0, levels).Select(level => Attends($"input_blocks.{1 + level * each}")
                ? ConditionalUNetConfig.AttendingDown : ConditionalUNetConfig.Down)],
            UpBlockTypes = [.. Enumerable.Range(0, levels).Select(level => Attends($"output_blocks.{level * each}")
                ? ConditionalUNetConfig.AttendingUp : ConditionalUNetConfig.Up)],
            TransformerLayersPerBlock = depths.Distinct().Count() == 1 ? [depths[0]] : depths,
            CrossAttentionDim = contextWidth,
            UseLinearProjection = tensors.Shape(unet + "middle_block.1.proj_in.weight", 2, 4).Length == 2,
            AttentionHeadDim = Heads(tensors, config, contextWidth, widths),
            TimeCondProjDim = tensors.Has(unet + "time_embed.cond_proj.weight")
                ? tensors.Shape(unet + "time_embed.cond_proj.weight", 2)[1] : null,
        };
    }

    private static int[] Heads(SingleFileTensors tensors, SingleFileConfig config, int contextWidth, int[] widths)
    {
        int[] OfWidth(int head) => [.. widths.Select(width => Math.Max(1, width / head))];
        if (config.HeadChannels is { } each)
            return OfWidth(each);
        if (config.Heads is { } heads)
            return [heads];
        return contextWidth switch
        {
            WidthOfClip => [HeadsOfFirst],
            WidthOfOpenClip => OfWidth(HeadWidth),
            _ => throw new MezzotintException(
                $"'{tensors.Path}': its U-Net takes a context of {contextWidth} numbers, where Stable Diffusion 1 takes "
                + $"{WidthOfClip} and 2 {WidthOfOpenClip}, so its weights do not say how many heads it has: put its "
                + $"configuration beside it, as '{System.IO.Path.ChangeExtension(tensors.Path, ".yaml")}'."),
        };
    }

    /// <summary>The shape of the autoencoder.</summary>
    public static AutoencoderConfig AutoencoderOf(SingleFileTensors tensors, SingleFileConfig config)
    {
        string vae = SingleFileNames.Autoencoder;
        int levels = tensors.Count($"{vae}encoder.down.", ".block.0.conv1.weight");
        int channels = tensors.Shape(vae + "encoder.conv_in.weight", 4)[1];
        var plain = new AutoencoderConfig();
        return plain with
        {
            InChannels = channels,
            OutChannels = channels,
            LatentChannels = tensors.Shape(vae + "decoder.conv_in.weight", 4)[1],
            BlockOutChannels = [.. Enumerable.Range(0, levels).Select(level =>
                tensors.Shape($"{vae}encoder.down.{level}.block.0.conv2.weight", 4)[0])],
            LayersPerBlock = Math.Max(1, tensors.Count($"{vae}encoder.down.0.block.", ".conv1.weight")),
            ScalingFactor = config.ScaleFactor ?? plain.ScalingFactor,
            SampleSize = config.ImageSize is { } side ? side << Math.Max(0, levels - 1) : 512,
        };
    }

    private static TextEncoderConfig ClipOf(SingleFileTensors tensors)
    {
        int[] words = tensors.Shape(ClipName(tensors, "embeddings.token_embedding.weight"), 2);
        string layers = ClipName(tensors, "encoder.layers.0.mlp.fc1.weight");
        return TextOf(words,
            tensors.Shape(ClipName(tensors, "embeddings.position_embedding.weight"), 2)[0], tensors.Shape(layers, 2)[0],
            tensors.Count(layers[..^"0.mlp.fc1.weight".Length], ".mlp.fc1.weight"), TextEncoderConfig.QuickGelu);
    }

    /// <summary>The last layer is in the file, and not used.</summary>
    private static TextEncoderConfig OpenClipOf(SingleFileTensors tensors, SingleFileConfig config)
    {
        string text = SingleFileNames.OpenClipText, blocks = text + "transformer.resblocks.";
        int layers = tensors.Count(blocks, ".mlp.c_fc.weight") - (config.Layer == "last" ? 0 : 1);
        return TextOf(
            tensors.Shape(text + "token_embedding.weight", 2), tensors.Shape(text + "positional_embedding", 2)[0],
            tensors.Shape(blocks + "0.mlp.c_fc.weight", 2)[0], layers, TextEncoderConfig.Gelu);
    }

    /// <summary>Numbers of tokens as the published files say them: the end is the largest number of a text.</summary>
    private static TextEncoderConfig TextOf(int[] words, int positions, int inner, int layers, string act) => new()
    {
        VocabSize = words[0], HiddenSize = words[1], IntermediateSize = inner, NumHiddenLayers = layers, HiddenAct = act,
        NumAttentionHeads = words[1] % HeadWidth == 0 ? words[1] / HeadWidth : 0, // 0 for not known
        MaxPositionEmbeddings = positions, ProjectionDim = words[1], BosTokenId = 0, EosTokenId = 2, PadTokenId = 1,
    };
}
