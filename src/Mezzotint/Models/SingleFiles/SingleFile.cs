using System.Security.Cryptography;
using Mezzotint.Data;
using Mezzotint.Formats;
using Mezzotint.Models.Diffusers;
using Mezzotint.Networks;
using Mezzotint.Settings;
using Mezzotint.Text;

namespace Mezzotint.Models.SingleFiles;

/// <summary>
/// A whole Stable Diffusion 1 or 2 in one file, as the original programs write it: <c>.safetensors</c>, or <c>.ckpt</c>, of which
/// nothing is executed. Which model it is, its shapes say; a configuration beside it (<c>NAME.yaml</c>) says the rest.
/// </summary>
/// <remarks>Rombach et al. 2022, arXiv 2112.10752. The file is mapped, and each weight is converted once on its way into the
/// network.</remarks>
public static class SingleFile
{
    private const string PredictionKey = "modelspec.prediction_type"; // of the metadata of safetensors
    private const int PixelsOfVelocity = 768, Pixels = 512;

    /// <summary>Whether a path claims to be such a file.</summary>
    /// <param name="path">The path; it need not exist.</param>
    public static bool Exists(string path) => SingleFileTensors.HasEnding(path) && File.Exists(path);

    /// <summary>Reads a model.</summary>
    /// <param name="path">The file.</param>
    /// <param name="opening">What it does not say; null for nothing.</param>
    /// <exception cref="MezzotintException">It is damaged or another model, or its tokenizer or what it predicts is not
    /// known.</exception>
    public static LoadedModel Read(string path, ModelOpening? opening = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        opening ??= new();
        using var tensors = SingleFileTensors.Open(path, whole: true);
        var (shape, info) = Describe(tensors, opening);
        string folder = SingleFileTokenizer.Find(path, opening.Tokenizer);
        var text = SingleFileTokenizer.Complete(shape.Text!, folder, path);
        var owned = new List<IDisposable>();
        T Owned<T>(T part) where T : IDisposable
        {
            owned.Add(part);
            return part;
        }
        try
        {
            var network = Owned(NetworkWeights.Build(
                shape.UNet, tensors.Under(SingleFileNames.UNet), path, name => SingleFileNames.OfUNet(name, shape.UNet),
                opening.Narrow));
            var autoencoder = Owned(SingleFileParts.Autoencoder(tensors, shape.Autoencoder!, opening.Narrow));
            var encoder = Owned(SingleFileParts.Text(tensors, text, shape.OpenClip, opening.Narrow));
            var tokenizer = SingleFileTokenizer.Read(folder, shape.OpenClip);
            var (prompts, opened) = TextFolder.With((TextPrompts)info.Prompts!, tokenizer, encoder, folder);
            var codec = LatentFolder.With((LatentCodec)info.Pixels, autoencoder, hash: null);
            return new LoadedModel(network, info with { Pixels = codec, Prompts = prompts })
                { Autoencoder = autoencoder, Encoder = opened };
        }
        catch
        {
            owned.ForEach(part => part.Dispose());
            throw;
        }
    }

    /// <summary>Reads the description alone, by the shapes of the tensors.</summary>
    /// <param name="path">The file.</param>
    /// <param name="opening">What it does not say; null for nothing.</param>
    /// <exception cref="MezzotintException">It is damaged or another model, or what it predicts is not known.</exception>
    public static ModelInfo ReadInfo(string path, ModelOpening? opening = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        using var tensors = SingleFileTensors.Open(path, whole: false);
        return Describe(tensors, opening ?? new()).Info;
    }

    /// <summary>Writes a model, and the original's configuration beside it as <c>NAME.yaml</c>.</summary>
    /// <param name="path">The file: its name ends in <c>.safetensors</c>.</param>
    /// <param name="model">A Stable Diffusion, as <see cref="ModelPath.Read"/> gives it.</param>
    /// <param name="precision">Of the weights: Float32, Float16 or BFloat16.</param>
    /// <exception cref="MezzotintException">The name is another, the model has other parts, or a weight is not finite in that
    /// precision.</exception>
    public static void Write(string path, LoadedModel model, ElementType precision = ElementType.Float32)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        ArgumentNullException.ThrowIfNull(model);
        if (!path.EndsWith(".safetensors", StringComparison.OrdinalIgnoreCase))
            throw new MezzotintException($"'{path}' must end in .safetensors.") { Key = "single_file" };
        SingleFileWriter.Write(path, model, precision);
    }

    /// <summary>The SHA-256 of the file in lower-case hexadecimal digits.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="MezzotintException">It cannot be read.</exception>
    public static string Hash(string path) =>
        InputFile.Read(path, stream => Convert.ToHexStringLower(SHA256.HashData(stream)));

    /// <summary>The parts in a file.</summary>
    internal static IReadOnlyList<ModelPart> PartsOf(string path)
    {
        using var tensors = SingleFileTensors.Open(path, whole: false);
        (string Name, string Prefix)[] parts =
        [
            ("unet", SingleFileNames.UNet), (LatentFolder.Subfolder, SingleFileNames.Autoencoder),
            (TextFolder.EncoderFolder, SingleFileNames.Text),
        ];
        return [.. parts.Select(part => ModelPart.Of(part.Name, tensors.Under(part.Prefix).Values))];
    }

    private static (SingleFileShape Shape, ModelInfo Info) Describe(SingleFileTensors tensors, ModelOpening opening)
    {
        opening.Validate();
        string path = tensors.Path;
        SingleFileKind.Check(tensors.Names, path);
        int contextWidth = SingleFileShape.ContextWidthOf(tensors);
        var config = SingleFileConfig.Beside(path, contextWidth);
        var shape = SingleFileShape.Of(tensors, config, contextWidth);
        if (shape.Autoencoder is not { } vae)
            throw Lacks(path, "autoencoder", SingleFileNames.Autoencoder);
        if (shape.Text is not { } text)
            throw Lacks(path, "text encoder", SingleFileNames.Text);
        PublishedModel.Named(path, shape.UNet.Validate);
        PublishedModel.Named(path, vae.Validate);
        string prediction = PredictionOf(tensors, opening, config, shape);
        // the published configuration of 768 pixels says 64 latents, as that of 512 does
        int side = shape.UNet.CrossAttentionDim == SingleFileShape.WidthOfOpenClip && prediction == ModelOpening.Velocity
            ? PixelsOfVelocity / vae.Factor : config.ImageSize ?? Pixels / vae.Factor;
        return (shape, PublishedModel.Of(
            path, shape.UNet, Scheduler(config, prediction, shape), vae, text, side, side,
            "Read from a single file, which says nothing about its training."));
    }

    /// <summary>Noise with the table of the original, as its folders of diffusers sample it.</summary>
    private static DiffusersScheduler Scheduler(SingleFileConfig config, string prediction, SingleFileShape shape)
    {
        var scheduler = new DiffusersScheduler
        {
            ClassName = shape.UNet.TimeCondProjDim is not null ? "LCMScheduler"
                : shape.OpenClip ? "DDIMScheduler" : "PNDMScheduler",
            BetaSchedule = "scaled_linear",
            BetaStart = config.LinearStart ?? 0.00085,
            BetaEnd = config.LinearEnd ?? 0.012,
            NumTrainTimesteps = config.Timesteps ?? 1000,
            PredictionType = prediction == ModelOpening.Velocity ? "v_prediction" : "epsilon",
            SetAlphaToOne = false,
        };
        PublishedModel.Named(config.Path ?? "", scheduler.Validate);
        return scheduler;
    }

    /// <summary>What is said first counts: by the caller, by the configuration, by the file's own text. Weights never say it; but
    /// all of Stable Diffusion 1, and those for inpainting, predict noise.</summary>
    private static string PredictionOf(
        SingleFileTensors tensors, ModelOpening opening, SingleFileConfig config, SingleFileShape shape)
    {
        if (opening.Prediction is { } said)
            return said;
        if (config.Path is not null)
            return config.Parameterization == "v" ? ModelOpening.Velocity : ModelOpening.Epsilon;
        if (tensors.Metadata.GetValueOrDefault(PredictionKey) is { } written
            && written is ModelOpening.Velocity or ModelOpening.Epsilon)
            return written;
        return !shape.OpenClip || shape.UNet.InChannels != shape.UNet.OutChannels ? ModelOpening.Epsilon
            : throw new MezzotintException(
                $"'{tensors.Path}' is a Stable Diffusion 2, whose weights do not say what they predict: add --prediction v for "
                + "models of 768 pixels, or --prediction epsilon for those of 512 (\"base\").") { Key = "prediction" };
    }

    private static MezzotintException Lacks(string path, string part, string prefix) => new(
        $"'{path}' has no {part}: none of its weights has a name that begins with {prefix} Take a file with all parts, or a "
        + "folder of diffusers.");
}
