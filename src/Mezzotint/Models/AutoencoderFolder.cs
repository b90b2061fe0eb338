using Mezzotint.Formats;
using Mezzotint.Models.Diffusers;
using Mezzotint.Networks;
using Mezzotint.Settings;

namespace Mezzotint.Models;

/// <summary>
/// An autoencoder on disk, as the folder <c>vae</c> of a Stable Diffusion model: <c>config.json</c> (its shape, with diffusers'
/// keys), <c>diffusion_pytorch_model.safetensors</c> (its weights), and of ours <c>mezzotint.json</c> (how it was made).
/// </summary>
public static class AutoencoderFolder
{
    /// <summary>The name of the shape.</summary>
    public const string ConfigFile = "config.json";

    /// <summary>The name of the weights.</summary>
    public const string WeightsFile = "diffusion_pytorch_model.safetensors";

    /// <summary>The name of what is known beside.</summary>
    public const string InfoFile = "mezzotint.json";

    /// <summary>What the name of weights begins with, in a variant or several files too.</summary>
    internal const string WeightsStem = "diffusion_pytorch_model";

    internal const string ClassName = "AutoencoderKL";
    private const string Down = "DownEncoderBlock2D", Up = "UpDecoderBlock2D";
    private const int MaxDescriptionLength = 1 << 20;

    // Attention of files from before these names.
    private static readonly (string Old, string New)[] Renamed =
        [(".query.", ".to_q."), (".key.", ".to_k."), (".value.", ".to_v."), (".proj_attn.", ".to_out.0.")];

    /// <summary>Whether a folder claims to be an autoencoder.</summary>
    /// <param name="folder">The folder; it need not exist.</param>
    public static bool Exists(string folder) =>
        File.Exists(AtomicFolder.PathOf(folder, ConfigFile)) && AtomicFolder.FilesOf(folder, "", $"{WeightsStem}.").Length > 0;

    /// <summary>Writes an autoencoder, in place of the one that may be there.</summary>
    /// <param name="folder">The folder; it is made where it is not there.</param>
    /// <param name="network">The weights and the shape.</param>
    /// <param name="info">How it was made.</param>
    /// <param name="precision">Of the weights in the file: Float32, or BFloat16 or Float16, which take half of the space.</param>
    /// <exception cref="MezzotintException">A number is out of its range, a weight is not finite, or the folder cannot be
    /// written.</exception>
    public static void Write(
        string folder, Autoencoder network, AutoencoderInfo info, ElementType precision = ElementType.Float32)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        AtomicFolder.Write(folder, staged => WriteFiles(staged, network, info, precision));
    }

    /// <summary>Reads an autoencoder.</summary>
    /// <param name="folder">The folder; one without <see cref="InfoFile"/> is taken as well.</param>
    /// <exception cref="MezzotintException">The folder is no autoencoder, its files are damaged, or it has layers that are not
    /// known here; the message names what.</exception>
    public static LoadedAutoencoder Read(string folder) => Read(folder, new WeightsReading());

    /// <summary>The same, with <paramref name="reading"/>.</summary>
    internal static LoadedAutoencoder Read(string folder, WeightsReading reading)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        AtomicFolder.TryFinish(folder);
        if (!Exists(folder))
            throw new MezzotintException(
                $"'{folder}' is not an autoencoder: it must have {ConfigFile} and {WeightsFile}, as `mezzotint train` with a "
                + "configuration of the kind autoencoder writes them.");
        var config = ReadConfig(folder);
        var weights = DiffusersWeights.Find(folder, "", WeightsStem, reading.Variant);
        long needed = config.DescribeEncoder().ParameterCount + config.DescribeDecoder().ParameterCount;
        using var opened = weights.Read(needed);
        var tensors = opened.Tensors.ToDictionary(pair => NameNow(pair.Key), pair => pair.Value);
        var network = Autoencoder.Unfilled(config);
        try
        {
            if (reading.Narrow && NarrowWeights.Fit(network))
                NarrowWeights.MakeRoom(network, name => tensors.GetValueOrDefault(name)?.Type);
            NetworkWeights.Load(network, tensors, weights.Name);
            return new(network, ReadInfo(folder));
        }
        catch
        {
            network.Dispose();
            throw;
        }
    }

    /// <summary>Reads the shape alone.</summary>
    /// <param name="folder">The folder.</param>
    /// <exception cref="MezzotintException">As for the whole.</exception>
    public static AutoencoderConfig ReadConfig(string folder)
    {
        string path = AtomicFolder.PathOf(folder, ConfigFile);
        var settings = JsonSettings.Parse(SmallFile.Read(path, MaxDescriptionLength), path);
        DiffusersConfig.TakeClass(settings, ClassName);
        DiffusersConfig.TakeOnly(settings, "act_fn", "silu");
        DiffusersConfig.TakeOnly(settings, "mid_block_add_attention", true);
        DiffusersConfig.TakeOnly(settings, "use_quant_conv", true);
        DiffusersConfig.TakeOnly(settings, "use_post_quant_conv", true);
        DiffusersConfig.TakeAll(settings, "down_block_types", Down);
        DiffusersConfig.TakeAll(settings, "up_block_types", Up);
        var config = DiffusersConfig.Read<AutoencoderConfig>(settings);
        settings.Validate(config.Validate);
        return config;
    }

    internal static void WriteFiles(string folder, Autoencoder network, AutoencoderInfo info, ElementType precision)
    {
        ArgumentNullException.ThrowIfNull(network);
        ArgumentNullException.ThrowIfNull(info);
        info.Validate();
        WriteConfig(folder, network.Config);
        SafetensorsFile.Write(Path.Combine(folder, WeightsFile), NetworkWeights.Save(network, precision));
        byte[] known = JsonSettings.Write(SettingsBinder.Write(info, complete: true));
        AtomicFile.Write(Path.Combine(folder, InfoFile), stream => stream.Write(known));
    }

    /// <summary>Writes the shape alone.</summary>
    internal static void WriteConfig(string folder, AutoencoderConfig config)
    {
        var settings = SettingsBinder.Write(config, complete: true);
        void Insert(string key, object value) => settings.Entries.Add(key, new Setting(value, default));
        List<Setting> Repeated(string type) => [.. config.BlockOutChannels.Select(_ => new Setting(type, default))];
        Insert("act_fn", "silu");
        Insert("down_block_types", Repeated(Down));
        Insert("up_block_types", Repeated(Up));
        Insert("force_upcast", false);
        DiffusersConfig.Write(Path.Combine(folder, ConfigFile), settings, ClassName);
    }

    private static AutoencoderInfo ReadInfo(string folder)
    {
        string path = AtomicFolder.PathOf(folder, InfoFile);
        if (!File.Exists(path))
            return new();
        var settings = JsonSettings.Parse(SmallFile.Read(path, MaxDescriptionLength), path);
        var info = SettingsBinder.Read<AutoencoderInfo>(settings, complete: false);
        settings.Validate(info.Validate);
        return info;
    }

    private static string NameNow(string name) =>
        name.Contains(".attentions.", StringComparison.Ordinal)
            ? Renamed.Aggregate(name, (path, pair) => path.Replace(pair.Old, pair.New, StringComparison.Ordinal)) : name;
}
