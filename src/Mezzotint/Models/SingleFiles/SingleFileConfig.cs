using Mezzotint.Formats;
using Mezzotint.Settings;

namespace Mezzotint.Models.SingleFiles;

/// <summary>
/// What the configuration beside a single file says that its weights do not: the file <c>NAME.yaml</c>, or the one of the folder
/// whose name has <c>inference</c> in it.
/// </summary>
internal sealed record SingleFileConfig
{
    private const int MaxLength = 1 << 20;

    /// <summary>Where it stands, for messages; null where there is none.</summary>
    public string? Path { get; init; }

    /// <summary>"v" or "eps"; null where nothing is said.</summary>
    public string? Parameterization { get; init; }

    /// <summary>beta of the first and the last step, and the number of steps.</summary>
    public double? LinearStart { get; init; }

    /// <inheritdoc cref="LinearStart"/>
    public double? LinearEnd { get; init; }

    /// <inheritdoc cref="LinearStart"/>
    public int? Timesteps { get; init; }

    /// <summary>The side of the latents.</summary>
    public int? ImageSize { get; init; }

    /// <summary>What latents are multiplied by.</summary>
    public double? ScaleFactor { get; init; }

    /// <summary>Heads of attention of the U-Net; null where their width is said instead, or nothing.</summary>
    public int? Heads { get; init; }

    /// <summary>The width of each head.</summary>
    public int? HeadChannels { get; init; }

    /// <summary>The width of the context; what tells that the file is of another model.</summary>
    public int? ContextWidth { get; init; }

    /// <summary>Which layer of OpenCLIP's encoder is taken: "penultimate" or "last".</summary>
    public string? Layer { get; init; }

    /// <summary>Reads what stands beside a file of weights.</summary>
    /// <param name="file">The file of weights.</param>
    /// <param name="contextWidth">Of its U-Net. A configuration of the folder that says another belongs to another file.</param>
    /// <exception cref="MezzotintException">It is damaged; or it has the file's own name, and says another width.</exception>
    public static SingleFileConfig Beside(string file, int contextWidth)
    {
        string folder = System.IO.Path.GetDirectoryName(System.IO.Path.GetFullPath(file))!;
        string own = System.IO.Path.ChangeExtension(file, ".yaml");
        if (File.Exists(own))
        {
            var config = Read(own);
            return config.ContextWidth is not { } width || width == contextWidth ? config : throw new MezzotintException(
                $"'{own}' says a context of {width} numbers, and the U-Net of '{file}' takes {contextWidth}: the two do not "
                + "belong together.");
        }
        string[] shared = [.. Directory.EnumerateFiles(folder, "*inference*.yaml").Take(2)];
        return shared is [var only] && Read(only) is var one && one.ContextWidth == contextWidth ? one : new();
    }

    private static SingleFileConfig Read(string path)
    {
        var root = YamlSettings.Parse(SmallFile.Read(path, MaxLength), path);
        var model = Table(Table(root, "model"), "params");
        var unet = Table(Table(model, "unet_config"), "params");
        var text = Table(Table(model, "cond_stage_config"), "params");
        return new()
        {
            Path = path,
            Parameterization = Get<string>(model, "parameterization"),
            LinearStart = Number(model, "linear_start"),
            LinearEnd = Number(model, "linear_end"),
            Timesteps = Whole(model, "timesteps"),
            ImageSize = Whole(model, "image_size"),
            ScaleFactor = Number(model, "scale_factor"),
            Heads = Whole(unet, "num_heads"),
            HeadChannels = Whole(unet, "num_head_channels"),
            ContextWidth = Whole(unet, "context_dim"),
            Layer = Get<string>(text, "layer"),
        };
    }

    private static SettingsTable? Table(SettingsTable? table, string key) => Get<SettingsTable>(table, key);

    private static T? Get<T>(SettingsTable? table, string key) where T : class =>
        table?.Entries.GetValueOrDefault(key)?.Value as T;

    private static double? Number(SettingsTable? table, string key) => table?.Entries.GetValueOrDefault(key)?.Value switch
    {
        double number => number,
        long whole => whole,
        _ => null,
    };

    /// <summary>A whole number of a sensible size; -1 stands for none.</summary>
    private static int? Whole(SettingsTable? table, string key) =>
        table?.Entries.GetValueOrDefault(key)?.Value is long and > 0 and <= int.MaxValue and var number ? (int)number : null;
}
