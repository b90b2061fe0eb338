using Mezzotint.Data;
using Mezzotint.Networks;
using Mezzotint.Text;
using Mezzotint.Training;

namespace Mezzotint.Models.Diffusers;

/// <summary>The description of a Stable Diffusion that others have published, by what its parts say.</summary>
internal static class PublishedModel
{
    private const int PublishedLatents = 64;

    /// <summary>Puts it together.</summary>
    /// <param name="path">Its folder or file.</param>
    /// <param name="network">Of the U-Net.</param>
    /// <param name="scheduler">Process, prediction, and how it is sampled.</param>
    /// <param name="vae">Of the autoencoder.</param>
    /// <param name="text">Of the text encoder.</param>
    /// <param name="rows">Of the latents that it was trained on; 0 where they are not known.</param>
    /// <param name="columns">Likewise.</param>
    /// <param name="provenance">Where it comes from, in a line.</param>
    /// <exception cref="MezzotintException">The parts do not belong together.</exception>
    public static ModelInfo Of(
        string path, ConditionalUNetConfig network, DiffusersScheduler scheduler, AutoencoderConfig vae, TextEncoderConfig text,
        int rows, int columns, string provenance)
    {
        if (text.HiddenSize != network.CrossAttentionDim)
            throw new MezzotintException(
                $"'{path}': the text encoder gives {text.HiddenSize} numbers a token, and the U-Net takes "
                + $"{network.CrossAttentionDim}: the two do not belong together.");
        int shown = network.InChannels - network.OutChannels, masked = vae.LatentChannels + 1;
        if (shown != 0 && shown != masked)
            throw new MezzotintException(
                $"'{path}': its U-Net sees {network.InChannels} channels; {network.OutChannels} are drawn with here, or "
                + $"{network.OutChannels + masked} for inpainting.");
        string name = Path.GetFileNameWithoutExtension(Path.TrimEndingDirectorySeparator(Path.GetFullPath(path)));
        var info = new ModelInfo
        {
            Name = name.Length > 0 ? name : "diffusers",
            Model = network,
            Process = scheduler.Process,
            Parameterisation = scheduler.Parameterisation,
            Loss = new SimpleWeighting(),
            Pixels = new LatentCodec
            {
                Autoencoder = LatentFolder.Subfolder, Channels = vae.LatentChannels, Factor = vae.Factor, Margin = vae.Margin,
                ImageChannels = vae.InChannels,
            },
            Prompts = new TextPrompts { Encoder = ".", Width = text.HiddenSize, Length = text.MaxPositionEmbeddings },
            ImageChannels = vae.InChannels,
            Height = (rows == 0 ? PublishedLatents : rows) * vae.Factor,
            Width = (columns == 0 ? PublishedLatents : columns) * vae.Factor,
            ClassNames = [],
            Sampling = scheduler.Recipe,
            Provenance = provenance,
        };
        Named(path, info.Validate);
        return info;
    }

    /// <summary>Puts a file's name before what is out of its range.</summary>
    public static void Named(string path, Action check)
    {
        try
        {
            check();
        }
        catch (MezzotintException fault)
        {
            throw new MezzotintException($"'{path}': {fault.Message}", fault) { Key = fault.Key };
        }
    }
}
