using Mezzotint.Formats;
using Mezzotint.Networks;
using Mezzotint.Settings;
using Mezzotint.Text;
using static TorchSharp.torch;

namespace Mezzotint.Models;

/// <summary>
/// A text-image model on disk: <c>text_encoder/</c> and <c>tokenizer/</c> as Stable Diffusion has them, <c>image_encoder/</c>
/// (<c>config.json</c>, <c>model.safetensors</c>), <c>model.safetensors</c> (the projections and the scale, with the names of
/// transformers' <c>CLIPModel</c>) and <c>mezzotint.json</c> (how it was made).
/// </summary>
public static class TextImageFolder
{
    /// <summary>The subfolder of the text tower: see <see cref="TextEncoderFolder"/>.</summary>
    public const string TextEncoder = TextFolder.EncoderFolder;

    /// <summary>The subfolder of the tokenizer: see <see cref="ClipTokenizer"/>.</summary>
    public const string Tokenizer = TextFolder.TokenizerFolder;

    /// <summary>The subfolder of the image tower.</summary>
    public const string ImageEncoder = "image_encoder";

    /// <summary>The name of the weights: of the projections, and of the image tower in its folder.</summary>
    public const string WeightsFile = "model.safetensors";

    /// <summary>The name of what is known beside.</summary>
    public const string InfoFile = "mezzotint.json";

    private const int MaxDescriptionLength = 1 << 20;

    /// <summary>Whether a folder claims to be a text-image model.</summary>
    /// <param name="folder">The folder; it need not exist.</param>
    public static bool Exists(string folder) => File.Exists(AtomicFolder.PathOf(folder, WeightsFile))
        && Directory.Exists(AtomicFolder.SubfolderOf(folder, ImageEncoder))
        && Directory.Exists(AtomicFolder.SubfolderOf(folder, TextEncoder));

    /// <summary>Writes a model, in place of the one that may be there.</summary>
    /// <param name="folder">The folder; it is made where it is not there.</param>
    /// <param name="model">The weights and the shapes.</param>
    /// <param name="tokenizer">The tokenizer of the text tower.</param>
    /// <param name="info">How it was made.</param>
    /// <param name="precision">Of the weights in the files: Float16, BFloat16, or Float32, which takes twice the space.</param>
    /// <exception cref="MezzotintException">A number is out of its range, a weight is not finite, or the folder cannot be
    /// written.</exception>
    public static void Write(string folder, TextImageModel model, ClipTokenizer tokenizer, TextImageInfo info,
        ElementType precision = ElementType.Float16)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(tokenizer);
        ArgumentNullException.ThrowIfNull(info);
        info.Validate();
        var own = Own(model).Keys.ToHashSet();
        AtomicFolder.Write(folder, staged =>
        {
            string image = Path.Combine(staged, ImageEncoder);
            Directory.CreateDirectory(image);
            Json(Path.Combine(image, TextEncoderFolder.ConfigFile), model.Image.Config);
            SafetensorsFile.Write(Path.Combine(image, WeightsFile), NetworkWeights.Save(model.Image, precision));
            TextEncoderFolder.Write(Path.Combine(staged, TextEncoder), model.Text, precision);
            tokenizer.Write(Path.Combine(staged, Tokenizer));
            SafetensorsFile.Write(Path.Combine(staged, WeightsFile),
                NetworkWeights.Save(model, precision).Where(weights => own.Contains(weights.Key)));
            Json(Path.Combine(staged, InfoFile), info);
        });
    }

    /// <summary>Reads a model.</summary>
    /// <param name="folder">The folder.</param>
    /// <exception cref="MezzotintException">The folder is no text-image model, or its files are damaged or do not belong
    /// together; the message names what.</exception>
    public static LoadedTextImageModel Read(string folder)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        AtomicFolder.TryFinish(folder);
        if (!Exists(folder))
            throw new MezzotintException(
                $"'{folder}' is not a text-image model: it must have {WeightsFile}, {TextEncoder}/ and {ImageEncoder}/, as "
                + "`mezzotint train` with a configuration of the kind text-image writes them.");
        var info = Record<TextImageInfo>(AtomicFolder.PathOf(folder, InfoFile), known => known.Validate());
        var tokenizer = ClipTokenizer.Read(AtomicFolder.SubfolderOf(folder, Tokenizer));
        var text = TextEncoderFolder.Read(AtomicFolder.SubfolderOf(folder, TextEncoder));
        try
        {
            if (text.Config.VocabSize != tokenizer.Count || text.Config.MaxPositionEmbeddings < tokenizer.Length)
                throw new MezzotintException(
                    $"'{folder}': its tokenizer has {tokenizer.Count} tokens, up to {tokenizer.Length} a prompt, its text "
                    + $"encoder {text.Config.VocabSize}, up to {text.Config.MaxPositionEmbeddings}: the two do not belong "
                    + "together.");
            var model = new TextImageModel(text, ReadImageEncoder(AtomicFolder.SubfolderOf(folder, ImageEncoder)));
            string path = AtomicFolder.PathOf(folder, WeightsFile);
            var own = Own(model);
            long count = own.Values.Sum(parameter => parameter.numel());
            var file = SafetensorsFile.Read(path, length => NetworkWeights.CheckLength(length, count, path));
            NetworkWeights.LoadSome(own, file.Tensors, path);
            return new(model, tokenizer, info);
        }
        catch
        {
            text.Dispose();
            throw;
        }
    }

    /// <summary>Reads an image tower alone: the folder <c>image_encoder/</c> of a model.</summary>
    /// <param name="folder">The folder.</param>
    /// <exception cref="MezzotintException">A file is missing or damaged, or the two do not belong together.</exception>
    public static ImageEncoder ReadImageEncoder(string folder)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        var config = Record<ImageEncoderConfig>(Path.Combine(folder, TextEncoderFolder.ConfigFile), shape => shape.Validate(),
            "image_encoder.");
        string path = Path.Combine(folder, WeightsFile);
        long count = config.ParameterCount;
        var file = SafetensorsFile.Read(path, length => NetworkWeights.CheckLength(length, count, path));
        var encoder = Networks.ImageEncoder.Create(config);
        try
        {
            NetworkWeights.Load(encoder, file.Tensors, path);
            return encoder;
        }
        catch
        {
            encoder.Dispose();
            throw;
        }
    }

    /// <summary>The parameters that are in neither tower.</summary>
    private static Dictionary<string, Tensor> Own(TextImageModel model)
    {
        var towers = model.Text.parameters().Concat(model.Image.parameters()).Select(parameter => parameter.Handle).ToHashSet();
        return model.named_parameters().Where(named => !towers.Contains(named.parameter.Handle))
            .ToDictionary(named => named.name, named => (Tensor)named.parameter);
    }

    private static void Json(string path, object record) =>
        AtomicFile.Write(path, stream => stream.Write(JsonSettings.Write(SettingsBinder.Write(record, complete: true))));

    private static T Record<T>(string path, Action<T> validate, string prefix = "") where T : class
    {
        var settings = JsonSettings.Parse(SmallFile.Read(path, MaxDescriptionLength), path);
        var record = SettingsBinder.Read<T>(settings, complete: false);
        settings.Validate(() => validate(record), prefix);
        return record;
    }
}
