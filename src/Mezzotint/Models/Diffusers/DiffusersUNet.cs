using Mezzotint.Networks;
using Mezzotint.Settings;

namespace Mezzotint.Models.Diffusers;

/// <summary>The file <c>unet/config.json</c>: <c>UNet2DConditionModel</c> of diffusers.</summary>
internal static class DiffusersUNet
{
    private const string ClassName = "UNet2DConditionModel", SampleSize = "sample_size";
    private const string InChannels = "in_channels", OutChannels = "out_channels";
    private const string ActFn = "act_fn", MidBlockType = "mid_block_type", MidBlock = "UNetMidBlock2DCrossAttn";
    private const string CenterInput = "center_input_sample", DownsamplePadding = "downsample_padding";
    private const string MidBlockScale = "mid_block_scale_factor";
    private const int MostSide = 1 << 20;

    /// <summary>Keys that have one meaning here, and no other.</summary>
    private static readonly Dictionary<string, object?> OnlyValues = new()
    {
        [CenterInput] = false, [DownsamplePadding] = 1L, [MidBlockType] = MidBlock, [MidBlockScale] = 1.0,
        ["encoder_hid_dim"] = null, ["encoder_hid_dim_type"] = null, ["num_attention_heads"] = null,
        ["dual_cross_attention"] = false, ["class_embed_type"] = null, ["num_class_embeds"] = null,
        ["resnet_skip_time_act"] = false, ["resnet_out_scale_factor"] = 1.0, ["time_embedding_type"] = "positional",
        ["time_embedding_dim"] = null, ["time_embedding_act_fn"] = null, ["timestep_post_act"] = null,
        ["attention_type"] = "default", ["class_embeddings_concat"] = false,
        ["cross_attention_norm"] = null, ["reverse_transformer_layers_per_block"] = null, ["dropout"] = 0.0,
    };

    private static readonly string[] Lists = ["layers_per_block", "attention_head_dim", "transformer_layers_per_block"];

    /// <summary>Reads the shape.</summary>
    /// <param name="path">The file.</param>
    /// <returns>The shape, and the rows and columns of the latents that it was trained on; 0 where they are not said.</returns>
    /// <exception cref="MezzotintException">The file is damaged, or says what is not supported.</exception>
    public static (ConditionalUNetConfig Config, int Height, int Width) Read(string path)
    {
        var settings = DiffusersConfig.Parse(path);
        DiffusersConfig.TakeClass(settings, ClassName);
        DiffusersConfig.TakeOnly(settings, ActFn, "silu", "swish");
        foreach (var (key, value) in OnlyValues)
            DiffusersConfig.TakeOnly(settings, key, value);
        foreach (string key in Lists)
            DiffusersConfig.TakeAsList(settings, key);
        foreach (string key in new[] { InChannels, OutChannels }) // a missing key is 4, and not left open
            settings.Entries.TryAdd(key, new Setting(4L, settings.Place));
        settings.Entries.Remove(SampleSize, out var size);
        var config = DiffusersConfig.Read<ConditionalUNetConfig>(settings);
        settings.Validate(config.Validate, "model.");
        return size?.Value switch
        {
            long side => (config, Side(side, size), Side(side, size)),
            List<Setting> and [{ Value: long rows }, { Value: long columns }] =>
                (config, Side(rows, size), Side(columns, size)),
            _ => (config, 0, 0),
        };
    }

    /// <summary>Writes it, with every key that published networks have.</summary>
    /// <param name="path">The file.</param>
    /// <param name="config">The shape.</param>
    /// <param name="height">Rows of the latents.</param>
    /// <param name="width">Columns.</param>
    public static void Write(string path, ConditionalUNetConfig config, int height, int width)
    {
        var settings = SettingsBinder.Write(config, complete: true);
        foreach (string key in Lists)
            DiffusersConfig.AddAsNumber(settings, key);
        foreach (string key in new[] { CenterInput, DownsamplePadding, MidBlockType, MidBlockScale })
            DiffusersConfig.Add(settings, key, OnlyValues[key]);
        DiffusersConfig.Add(settings, ActFn, "silu");
        List<Setting> sides = [new((long)height, default), new((long)width, default)];
        DiffusersConfig.Add(settings, SampleSize, height == width ? (long)height : sides);
        DiffusersConfig.Write(path, settings, ClassName);
    }

    private static int Side(long side, Setting setting) => side is >= 1 and <= MostSide ? (int)side
        : throw new MezzotintException(
            $"{setting.Place}: '{SampleSize}' is {setting.Description}; sides are whole numbers from 1 to {MostSide}.");
}
