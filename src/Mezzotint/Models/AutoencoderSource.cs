using Mezzotint.Formats;
using Mezzotint.Models.Diffusers;
using Mezzotint.Models.SingleFiles;

namespace Mezzotint.Models;

/// <summary>Autoencoders as they are named beside a model: folders, and single files in the original's layout.</summary>
internal static class AutoencoderSource
{
    private const string Key = "autoencoder";

    /// <summary>Reads one, with the SHA-256 of its files.</summary>
    /// <param name="path">The folder or file.</param>
    /// <param name="scale">What its latents are multiplied by, where it does not say; null for the published factor.</param>
    /// <param name="reading">How its files are read.</param>
    /// <exception cref="MezzotintException">It is no autoencoder, or damaged.</exception>
    public static (LoadedAutoencoder Autoencoder, string Hash) Read(string path, double? scale, WeightsReading reading)
    {
        if (SingleFile.Exists(path))
            return (SingleFileParts.Autoencoder(path, scale, reading.Narrow), SingleFile.Hash(path));
        string folder = AutoencoderFolder.Exists(path) ? path : AtomicFolder.SubfolderOf(path, LatentFolder.Subfolder);
        if (!AutoencoderFolder.Exists(folder))
            throw new MezzotintException(
                $"'{path}' is no autoencoder: name a folder with {AutoencoderFolder.ConfigFile} and "
                + $"{AutoencoderFolder.WeightsFile}, a model's folder, or a file that ends in .safetensors or .ckpt.")
                { Key = Key };
        return (AutoencoderFolder.Read(folder, reading), DiffusersWeights.Find(folder, "", AutoencoderFolder.WeightsStem).Hash());
    }
}
