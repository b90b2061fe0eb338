using Mezzotint.Formats;
using Mezzotint.Models.Diffusers;
using Mezzotint.Networks;
using Mezzotint.Settings;

namespace Mezzotint.Models;

/// <summary>
/// A text encoder on disk, as transformers keeps it and the folder <c>text_encoder/</c> of Stable Diffusion has it:
/// <c>config.json</c> and <c>model.safetensors</c>.
/// </summary>
public static class TextEncoderFolder
{
    /// <summary>The file of the description.</summary>
    public const string ConfigFile = "config.json";

    /// <summary>The file of the weights.</summary>
    public const string WeightsFile = "model.safetensors";

    /// <summary>What the name of weights begins with, in a variant or several files too.</summary>
    internal const string WeightsStem = "model";

    /// <summary>The same of PyTorch's archives.</summary>
    internal const string ArchiveStem = "pytorch_model";

    /// <summary>A buffer of older files, which says nothing: the numbers of the positions.</summary>
    private const string PositionNumbers = "text_model.embeddings.position_ids";

    private const int MaxConfigLength = 1 << 20;

    /// <summary>Reads an encoder.</summary>
    /// <param name="folder">The folder. Keys that are missing have the defaults of <c>CLIPTextConfig</c>; others than those of
    /// <see cref="TextEncoderConfig"/> are passed over.</param>
    /// <exception cref="MezzotintException">A file is missing or damaged, or the two do not belong together; the message names
    /// it.</exception>
    public static TextEncoder Read(string folder) => Read(folder, new WeightsReading());

    /// <summary>The same, with <paramref name="reading"/>.</summary>
    internal static TextEncoder Read(string folder, WeightsReading reading)
    {
        var config = ReadConfig(folder);
        var files = DiffusersWeights.Find(folder, "", WeightsStem, reading.Variant);
        using var opened = files.Read(config.ParameterCount);
        var weights = new Dictionary<string, TensorData>(opened.Tensors);
        weights.Remove(PositionNumbers);
        var encoder = TextEncoder.Unfilled(config);
        try
        {
            if (reading.Narrow && NarrowWeights.Fit(encoder))
                NarrowWeights.MakeRoom(encoder, name => weights.GetValueOrDefault(name)?.Type);
            NetworkWeights.Load(encoder, weights, files.Name);
            return encoder;
        }
        catch
        {
            encoder.Dispose();
            throw;
        }
    }

    /// <summary>Reads the description alone.</summary>
    /// <param name="folder">The folder.</param>
    /// <exception cref="MezzotintException">It is missing or damaged.</exception>
    public static TextEncoderConfig ReadConfig(string folder)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        string path = Path.Combine(folder, ConfigFile);
        var settings = JsonSettings.Parse(SmallFile.Read(path, MaxConfigLength), path);
        var config = DiffusersConfig.Read<TextEncoderConfig>(settings);
        settings.Validate(config.Validate, "text_encoder.");
        return config;
    }

    /// <summary>Writes an encoder; transformers reads it.</summary>
    /// <param name="folder">The folder; it is made where it is not there.</param>
    /// <param name="encoder">The weights.</param>
    /// <param name="precision">What numbers the file has: <see cref="ElementType.Float32"/>, <see cref="ElementType.Float16"/>
    /// or <see cref="ElementType.BFloat16"/>.</param>
    /// <exception cref="MezzotintException">A weight is not finite there, or the folder cannot be written.</exception>
    public static void Write(string folder, TextEncoder encoder, ElementType precision = ElementType.Float32)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        ArgumentNullException.ThrowIfNull(encoder);
        var weights = NetworkWeights.Save(encoder, precision);
        AtomicFolder.Write(folder, staged =>
        {
            WriteConfig(staged, encoder.Config, precision);
            SafetensorsFile.Write(Path.Combine(staged, WeightsFile), weights,
                new Dictionary<string, string> { ["format"] = "pt" }); // transformers asks for it
        });
    }

    /// <summary>Writes the shape alone, and of what numbers its weights are.</summary>
    internal static void WriteConfig(string folder, TextEncoderConfig config, ElementType precision)
    {
        var settings = SettingsBinder.Write(config, complete: true);
        void Say(string key, object value) => settings.Entries.Insert(0, key, new Setting(value, default));
        Say("torch_dtype", $"{precision}".ToLowerInvariant());
        Say("model_type", "clip_text_model");
        Say("architectures", new List<Setting> { new("CLIPTextModel", default) });
        byte[] json = JsonSettings.Write(settings);
        AtomicFile.Write(Path.Combine(folder, ConfigFile), stream => stream.Write(json));
    }
}
