using System.Globalization;
using System.Security.Cryptography;
using Mezzotint.Formats;
using Mezzotint.Networks.Classifiers;
using Mezzotint.Sampling;
using Mezzotint.Settings;

namespace Mezzotint.Models;

/// <summary>
/// A classifier on disk: a folder with <c>config.json</c>, <c>model.safetensors</c> and <c>README.md</c>, as a model has them.
/// What tells the two apart is the key <c>format</c> of the description, here <c>mezzotint-classifier</c>; its other keys are the
/// properties of <see cref="ClassifierInfo"/>.
/// </summary>
public static class ClassifierFolder
{
    private const string Format = "mezzotint-classifier";
    private const long Version = 1;
    private const int MaxDescriptionLength = 1 << 20;

    /// <summary>Whether a folder claims to be a classifier.</summary>
    /// <param name="folder">The folder; it need not exist.</param>
    public static bool Exists(string folder)
    {
        if (!ModelFolder.Exists(folder))
            return false;
        try
        {
            string path = AtomicFolder.PathOf(folder, ModelFolder.DescriptionFile);
            return JsonSettings.Parse(SmallFile.Read(path, MaxDescriptionLength), path).Entries.GetValueOrDefault("format")
                ?.Value is Format;
        }
        catch (MezzotintException)
        {
            return false; // what is wrong with it is told by whoever takes it for a model
        }
    }

    /// <summary>Writes a classifier, in place of the one that may be there; the weights are kept in float16.</summary>
    /// <param name="folder">The folder; it is made where it is not there.</param>
    /// <param name="network">The weights.</param>
    /// <param name="info">The description; its shape is the network's.</param>
    /// <exception cref="ArgumentException">The description is of another shape of network.</exception>
    /// <exception cref="MezzotintException">A number is out of its range, a weight is not finite, or the folder cannot be
    /// written.</exception>
    public static void Write(string folder, Classifier network, ClassifierInfo info)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        ArgumentNullException.ThrowIfNull(network);
        ArgumentNullException.ThrowIfNull(info);
        if (info.Network != network.Config)
            throw new ArgumentException("The description is of another shape of network.", nameof(info));
        AtomicFolder.Write(folder, staged =>
        {
            WriteFiles(staged, network, info);
            AtomicFile.WriteText(
                Path.Combine(staged, ModelFolder.CardFile),
                ClassifierCard.Write(info, network.parameters().Sum(parameter => parameter.numel()), ModelFolder.Hash(staged)));
        });
    }

    /// <summary>Its description and weights, without a card, into an empty folder.</summary>
    internal static void WriteFiles(string folder, Classifier network, ClassifierInfo info)
    {
        info.Validate();
        var settings = SettingsBinder.Write(info, complete: true);
        settings.Entries.Insert(0, "version", new Setting(Version, default));
        settings.Entries.Insert(0, "format", new Setting(Format, default));
        byte[] description = JsonSettings.Write(settings);
        var weights = NetworkWeights.Save(network, ElementType.Float16);
        SafetensorsFile.Write(Path.Combine(folder, ModelFolder.WeightsFile), weights, DescriptionHash.Metadata(description));
        AtomicFile.Write(Path.Combine(folder, ModelFolder.DescriptionFile), stream => stream.Write(description));
    }

    /// <summary>Opens the classifier of a recipe, where that names one.</summary>
    /// <param name="recipe">How a model is sampled.</param>
    /// <param name="beside">The folder that its path begins in; null for the current one.</param>
    /// <returns>The recipe with the fingerprint of the classifier, and the classifier; null where none is named.</returns>
    /// <exception cref="MezzotintException">There is none, it is another one than the recipe says, or it knows noisy
    /// images.</exception>
    internal static (SamplingRecipe Recipe, LoadedClassifier? Classifier) Open(SamplingRecipe recipe, string? beside = null)
    {
        if (recipe.Classifier is not { } named)
            return (recipe, null);
        string folder = beside is null ? named.Folder : AtomicFolder.SubfolderOf(beside, named.Folder);
        LoadedClassifier? classifier = null;
        try
        {
            classifier = ReadForEstimates(folder);
            if (named.Sha256 is { } expected && expected != classifier.Hash)
                throw new MezzotintException(
                    $"The classifier in '{folder}' is another one than the model was chosen with: its weights have the SHA-256 "
                    + $"{classifier.Hash}, not {expected}.");
            return (recipe with { Classifier = named with { Sha256 = classifier.Hash } }, classifier);
        }
        catch (MezzotintException e) when (e.Key is null)
        {
            classifier?.Dispose();
            throw new MezzotintException(e.Message) { Key = "sampling.classifier.folder" };
        }
    }

    /// <summary>Reads a classifier.</summary>
    /// <param name="folder">The folder.</param>
    /// <exception cref="MezzotintException">The folder is no classifier, or its files are damaged or do not belong
    /// together.</exception>
    public static LoadedClassifier Read(string folder)
    {
        AtomicFolder.TryFinish(folder);
        var (info, hash) = ReadDescription(folder);
        string path = AtomicFolder.PathOf(folder, ModelFolder.WeightsFile);
        var network = Classifier.Create(info.Network);
        try
        {
            long count = network.parameters().Sum(parameter => parameter.numel());
            byte[] bytes = InputFile.Read(path, stream =>
            {
                NetworkWeights.CheckLength(stream.Length, count, path);
                byte[] all = new byte[stream.Length];
                stream.ReadExactly(all);
                return all;
            });
            var file = SafetensorsFile.Read(bytes, path);
            DescriptionHash.Check(file.Metadata, hash, folder, ModelFolder.DescriptionFile, ModelFolder.WeightsFile,
                "write the classifier again with `mezzotint train-classifier`");
            NetworkWeights.Load(network, file.Tensors, path);
            return new LoadedClassifier(network, info, Convert.ToHexStringLower(SHA256.HashData(bytes)));
        }
        catch
        {
            network.Dispose();
            throw;
        }
    }

    /// <summary>Reads a classifier that is to be asked about estimates, which have no noise.</summary>
    internal static LoadedClassifier ReadForEstimates(string folder)
    {
        var classifier = Read(folder);
        if (!classifier.Info.Noise)
            return classifier;
        classifier.Dispose();
        throw new MezzotintException(
            $"'{folder}' knows noisy images, and is to be asked about estimates, which have no noise: train one without "
            + "--noise.");
    }

    /// <summary>Reads the description alone.</summary>
    /// <param name="folder">The folder.</param>
    /// <exception cref="MezzotintException">The folder is no classifier, or its description is damaged.</exception>
    public static ClassifierInfo ReadInfo(string folder)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        return ReadDescription(folder).Info;
    }

    private static (ClassifierInfo Info, string Hash) ReadDescription(string folder)
    {
        string path = AtomicFolder.PathOf(folder, ModelFolder.DescriptionFile);
        if (!ModelFolder.Exists(folder))
            throw new MezzotintException(
                $"'{folder}' is not a classifier: it must have {ModelFolder.DescriptionFile} and {ModelFolder.WeightsFile}, as "
                + $"`mezzotint train-classifier` writes them.");
        byte[] json = SmallFile.Read(path, MaxDescriptionLength);
        var settings = JsonSettings.Parse(json, path);
        TakeConstant(settings, "format", Format);
        TakeConstant(settings, "version", Version);
        var info = SettingsBinder.Read<ClassifierInfo>(settings, complete: true);
        settings.Validate(info.Validate);
        return (info, DescriptionHash.Of(json));
    }

    private static void TakeConstant(SettingsTable table, string key, object constant)
    {
        if (!table.Entries.Remove(key, out var setting) || !setting.Value.Equals(constant))
        {
            throw new MezzotintException(string.Create(CultureInfo.InvariantCulture,
                $"{table.Place}: '{key}' is {(setting is null ? "missing" : setting.Description)}, where a classifier has "
                + $"{new Setting(constant, default).Description}; is it a classifier, from `mezzotint train-classifier`?"));
        }
    }
}
