using Mezzotint.Data;
using Mezzotint.Formats;
using Mezzotint.Models.Diffusers;
using Mezzotint.Networks;
using Mezzotint.Runtime;
using static TorchSharp.torch;

namespace Mezzotint.Models;

/// <summary>Opens the autoencoders that codecs of the kind <c>latent</c> name.</summary>
public static class LatentFolder
{
    /// <summary>The name of the autoencoder's folder in a model folder, as diffusers has it.</summary>
    internal const string Subfolder = "vae";

    /// <summary>Reads the autoencoder of a codec that needs one and has none yet.</summary>
    /// <param name="codec">The codec, as it stands in settings.</param>
    /// <param name="beside">The folder that its path begins in; null for the current one.</param>
    /// <returns>The codec with all that it needs, and the autoencoder that was read for it, which must live as long as the codec
    /// is used; null where none was needed.</returns>
    /// <exception cref="MezzotintException">There is no autoencoder, or it is another one than the codec was used
    /// with.</exception>
    public static (ImageCodec Codec, LoadedAutoencoder? Autoencoder) Open(ImageCodec codec, string? beside = null) =>
        Open(codec, beside, new WeightsReading());

    /// <summary>The same, with <paramref name="reading"/>.</summary>
    internal static (ImageCodec Codec, LoadedAutoencoder? Autoencoder) Open(
        ImageCodec codec, string? beside, WeightsReading reading)
    {
        ArgumentNullException.ThrowIfNull(codec);
        if (codec is not LatentCodec { Coder: null } latent)
            return (codec, null);
        string folder = beside is null ? latent.Autoencoder : AtomicFolder.SubfolderOf(beside, latent.Autoencoder);
        var autoencoder = AutoencoderFolder.Read(folder, reading);
        try
        {
            string hash = DiffusersWeights.Find(folder, "", AutoencoderFolder.WeightsStem, reading.Variant).Hash();
            if (latent.Sha256 is { } expected && expected != hash)
                throw new MezzotintException(
                    $"The autoencoder in '{folder}' is another one than the model was trained with: its weights have the SHA-256 "
                    + $"{hash}, not {expected}. Latents of two autoencoders mean different things.")
                    { Key = "pixels.autoencoder" };
            return (With(latent, autoencoder, hash), autoencoder);
        }
        catch
        {
            autoencoder.Dispose();
            throw;
        }
    }

    /// <summary>A codec that an autoencoder computes, where that is.</summary>
    internal static LatentCodec With(LatentCodec codec, LoadedAutoencoder autoencoder, string? hash)
    {
        var (network, info) = autoencoder;
        double scale = network.Config.ScalingFactor;
        var coder = new LatentCoder(
            pixels => Distribution(autoencoder, pixels, scale),
            numbers => Decoded(autoencoder, numbers, scale),
            new(() => LatentPreview.Of(autoencoder)),
            (folder, precision) => AutoencoderFolder.WriteFiles(folder, network, info, precision));
        return codec with
        {
            Channels = network.Config.LatentChannels,
            Factor = network.Config.Factor,
            Margin = network.Config.Margin,
            ImageChannels = network.Config.InChannels,
            Sha256 = hash,
            Coder = coder,
        };
    }

    internal static Tensor Decoded(LoadedAutoencoder autoencoder, Tensor numbers, double scale)
    {
        using var scope = NewDisposeScope();
        var z = numbers.to(float32).to(DeviceOf(autoencoder)).Times(1 / scale); // a walk in float64 ends here
        return autoencoder.Evaluator.Decode(z).Times(0.5).Plus(0.5).MoveToOuterDisposeScope();
    }

    private static Device DeviceOf(LoadedAutoencoder autoencoder) => autoencoder.Network.parameters().First().device;

    internal static (Tensor Mean, Tensor Std) Distribution(LoadedAutoencoder autoencoder, Tensor pixels, double scale)
    {
        using var scope = NewDisposeScope();
        var moments = autoencoder.Evaluator.Encode(pixels.to(DeviceOf(autoencoder)).Times(2).Plus(-1));
        return (moments.Mean.Times(scale).MoveToOuterDisposeScope(), moments.Std.Times(scale).MoveToOuterDisposeScope());
    }
}
