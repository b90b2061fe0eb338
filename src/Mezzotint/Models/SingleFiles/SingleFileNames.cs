using System.Globalization;
using System.Text.RegularExpressions;
using Mezzotint.Networks;

namespace Mezzotint.Models.SingleFiles;

/// <summary>
/// What the weights of a Stable Diffusion are called in a single file, as the original programs write it, by what they are called
/// in a folder of diffusers.
/// </summary>
internal static partial class SingleFileNames
{
    /// <summary>What the names of the parts begin with.</summary>
    public const string UNet = "model.diffusion_model.", Autoencoder = "first_stage_model.", Text = "cond_stage_model.",
        ClipText = Text + "transformer.", OpenClipText = Text + "model.";

    /// <summary>Three matrices in one, of which a name here takes a third: the queries', the keys' or the values'.</summary>
    public const string Queries = " (queries)", Keys = " (keys)", Values = " (values)";

    private static readonly (string Folder, string File)[] OfResidual =
    [
        ("norm1.", "in_layers.0."), ("conv1.", "in_layers.2."), ("time_emb_proj.", "emb_layers.1."), ("norm2.", "out_layers.0."),
        ("conv2.", "out_layers.3."), ("conv_shortcut.", "skip_connection."),
    ];

    private static readonly (string Folder, string File)[] OfEnds =
    [
        ("time_embedding.linear_1.", "time_embed.0."), ("time_embedding.linear_2.", "time_embed.2."),
        ("time_embedding.cond_proj.", "time_embed.cond_proj."),
        ("conv_in.", "input_blocks.0.0."), ("conv_norm_out.", "out.0."), ("conv_out.", "out.2."),
    ];

    private static readonly (string Folder, string File)[] OfAttention =
        [("group_norm.", "norm."), ("to_q.", "q."), ("to_k.", "k."), ("to_v.", "v."), ("to_out.0.", "proj_out.")];

    private static readonly (string Folder, string File)[] OfOpenClip =
    [
        ("self_attn.q_proj.weight", "attn.in_proj_weight" + Queries), ("self_attn.q_proj.bias", "attn.in_proj_bias" + Queries),
        ("self_attn.k_proj.weight", "attn.in_proj_weight" + Keys), ("self_attn.k_proj.bias", "attn.in_proj_bias" + Keys),
        ("self_attn.v_proj.weight", "attn.in_proj_weight" + Values), ("self_attn.v_proj.bias", "attn.in_proj_bias" + Values),
        ("self_attn.out_proj.", "attn.out_proj."), ("layer_norm1.", "ln_1."), ("layer_norm2.", "ln_2."),
        ("mlp.fc1.", "mlp.c_fc."), ("mlp.fc2.", "mlp.c_proj."),
    ];

    /// <summary>The name of a weight of the U-Net.</summary>
    public static string OfUNet(string name, ConditionalUNetConfig config)
    {
        int layers = config.LayersPerBlock[0] + 1; // a level's places in the file's count: its layers and its resampling
        string Placed()
        {
            if (InBlock().Match(name) is { Success: true } block)
            {
                bool down = block.Groups["side"].Value == "down";
                int level = Number(block, "level"), layer = Number(block, "layer");
                bool attends = !down && config.UpBlockTypes[level] == ConditionalUNetConfig.AttendingUp;
                string rest = block.Groups["rest"].Value;
                return (down, block.Groups["kind"].Value) switch
                {
                    (true, "resnets") => $"input_blocks.{1 + level * layers + layer}.0.{Renamed(rest, OfResidual)}",
                    (true, "attentions") => $"input_blocks.{1 + level * layers + layer}.1.{rest}",
                    (true, _) => $"input_blocks.{(level + 1) * layers}.0.op.{rest["conv.".Length..]}",
                    (false, "resnets") => $"output_blocks.{level * layers + layer}.0.{Renamed(rest, OfResidual)}",
                    (false, "attentions") => $"output_blocks.{level * layers + layer}.1.{rest}",
                    _ => $"output_blocks.{level * layers + layers - 1}.{(attends ? 2 : 1)}.{rest}",
                };
            }
            if (InMiddle().Match(name) is { Success: true } middle)
                return middle.Groups["kind"].Value == "attentions" ? $"middle_block.1.{middle.Groups["rest"].Value}"
                    : $"middle_block.{2 * Number(middle, "layer")}.{Renamed(middle.Groups["rest"].Value, OfResidual)}";
            return Renamed(name, OfEnds);
        }
        return UNet + Placed();
    }

    /// <summary>The name of a weight of the autoencoder.</summary>
    public static string OfAutoencoder(string name, AutoencoderConfig config)
    {
        string Placed()
        {
            if (InBlock().Match(name) is { Success: true } block)
            {
                bool down = block.Groups["side"].Value == "down";
                int level = Number(block, "level");
                string place = down ? $"encoder.down.{level}" : $"decoder.up.{config.BlockOutChannels.Count - 1 - level}";
                string rest = block.Groups["rest"].Value;
                return block.Groups["kind"].Value == "resnets"
                    ? $"{place}.block.{Number(block, "layer")}.{Shortened(rest)}"
                    : $"{place}.{(down ? "downsample" : "upsample")}.{rest}";
            }
            if (InMiddle().Match(name) is not { Success: true } middle)
                return name.Replace(".conv_norm_out.", ".norm_out.", StringComparison.Ordinal);
            string side = name[..name.IndexOf('.', StringComparison.Ordinal)], after = middle.Groups["rest"].Value;
            return middle.Groups["kind"].Value == "attentions" ? $"{side}.mid.attn_1.{Renamed(after, OfAttention)}"
                : $"{side}.mid.block_{1 + Number(middle, "layer")}.{Shortened(after)}";
        }
        return Autoencoder + Placed();
    }

    /// <summary>Whether a weight of the autoencoder is of attention, whose matrices are convolutions of 1 x 1 in the
    /// file.</summary>
    public static bool IsConvolution(string name) =>
        InMiddle().Match(name) is { Success: true } middle && middle.Groups["kind"].Value == "attentions"
        && !middle.Groups["rest"].Value.StartsWith("group_norm", StringComparison.Ordinal)
        && name.EndsWith(".weight", StringComparison.Ordinal);

    /// <summary>The name of a weight of the text encoder.</summary>
    /// <param name="name">Its name in a folder.</param>
    /// <param name="openClip">Whether the file has OpenCLIP's encoder, as Stable Diffusion 2.</param>
    public static string OfText(string name, bool openClip)
    {
        if (!openClip)
            return ClipText + name;
        const string model = "text_model.", layers = model + "encoder.layers.";
        if (!name.StartsWith(layers, StringComparison.Ordinal))
            return OpenClipText + name[model.Length..] switch
            {
                "embeddings.position_embedding.weight" => "positional_embedding",
                "embeddings.token_embedding.weight" => "token_embedding.weight",
                var end => end.Replace("final_layer_norm.", "ln_final.", StringComparison.Ordinal),
            };
        string[] parts = name[layers.Length..].Split('.', 2);
        return $"{OpenClipText}transformer.resblocks.{parts[0]}.{Renamed(parts[1], OfOpenClip)}";
    }

    private static string Shortened(string rest) => rest.Replace("conv_shortcut.", "nin_shortcut.", StringComparison.Ordinal);

    private static string Renamed(string name, (string Folder, string File)[] table)
    {
        foreach (var (folder, file) in table)
            if (name.StartsWith(folder, StringComparison.Ordinal))
                return file + name[folder.Length..];
        return name;
    }

    private static int Number(Match match, string group) =>
        int.Parse(match.Groups[group].Value, CultureInfo.InvariantCulture);

    [GeneratedRegex(@"^(?:encoder\.|decoder\.)?(?<side>down|up)_blocks\.(?<level>\d+)\."
        + @"(?<kind>resnets|attentions|downsamplers|upsamplers)\.(?<layer>\d+)\.(?<rest>.+)$")]
    private static partial Regex InBlock();

    [GeneratedRegex(@"^(?:encoder\.|decoder\.)?mid_block\.(?<kind>resnets|attentions)\.(?<layer>\d+)\.(?<rest>.+)$")]
    private static partial Regex InMiddle();
}
