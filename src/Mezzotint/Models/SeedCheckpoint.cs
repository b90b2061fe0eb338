using System.Globalization;
using Mezzotint.Formats;
using Mezzotint.Networks;
using Mezzotint.Settings;

namespace Mezzotint.Models;

/// <summary>
/// A checkpoint of the seed system: a folder with <c>config.json</c>, the keys of the table <c>[model]</c> as a JSON object, and
/// <c>weights.pt</c>, a state dict saved by PyTorch, or a checkpoint with one among other things. Nothing in it is executed.
/// </summary>
public static class SeedCheckpoint
{
    /// <summary>The name of the shape of the network.</summary>
    public const string ConfigFile = "config.json";

    /// <summary>The name of the weights.</summary>
    public const string WeightsFile = "weights.pt";

    private const int MaxConfigLength = 1 << 16;
    private const int MnistSide = 28;

    /// <summary>Whether a folder claims to be such a checkpoint.</summary>
    /// <param name="folder">The folder.</param>
    public static bool Exists(string folder) =>
        File.Exists(Path.Combine(folder, ConfigFile)) && File.Exists(Path.Combine(folder, WeightsFile));

    /// <summary>Reads a checkpoint. It does not say what its images and its noise were like. So these are the seed's: 28 x 28
    /// pixels (the next size that fits, for a network with more levels), classes named by their numbers, sigma = 25.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="key">The key of the weights, where the file has several state dicts: see
    /// <see cref="PyTorchArchive.Read(string, string?)"/>.</param>
    /// <exception cref="MezzotintException">The folder is no such checkpoint, or its files are damaged or do not belong
    /// together.</exception>
    public static LoadedModel Read(string folder, string? key = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        if (!Exists(folder))
            throw new MezzotintException(
                $"'{folder}' is not a PyTorch checkpoint of this kind: it must have {ConfigFile} and {WeightsFile}.");
        string configPath = Path.Combine(folder, ConfigFile);
        string weightsPath = Path.Combine(folder, WeightsFile);
        var config = ParseConfig(SmallFile.Read(configPath, MaxConfigLength), configPath);
        var (weights, taken) = PyTorchArchive.ReadUnder(weightsPath, key);
        var network = NetworkWeights.Build(config, NetworkWeights.Unwrap(weights), weightsPath);
        string source = taken is null ? WeightsFile : $"{Printable.Quote(taken)} of {WeightsFile}";
        int side = (MnistSide + config.Stride - 1) / config.Stride * config.Stride;
        return new LoadedModel(network, new ModelInfo
        {
            Name = Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder))) is { Length: > 0 } name
                ? name : "imported",
            Model = config,
            Height = side,
            Width = side,
            ClassNames =
            [
                .. Enumerable.Range(0, config.CorpusLength).Select(label => label.ToString(CultureInfo.InvariantCulture)),
            ],
            Provenance =
                $"Imported from a checkpoint of PyTorch ({ConfigFile} and {source}), which says nothing about its training.",
        });
    }

    /// <summary>Reads and checks the shape of the network.</summary>
    internal static UNetConfig ParseConfig(ReadOnlySpan<byte> json, string name)
    {
        var settings = JsonSettings.Parse(json, name);
        var config = SettingsBinder.Read<UNetConfig>(settings, complete: true);
        settings.Validate(config.Validate, "model.");
        return config;
    }
}
