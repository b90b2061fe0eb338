using System.Globalization;
using System.Security.Cryptography;
using Mezzotint.Formats;
using Mezzotint.Networks.Classifiers;
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
        info.Validate();
        var settings = SettingsBinder.Write(info, complete: true);
        settings.Entries.Insert(0, "version", new Setting(Version, default));
        settings.Entries.Insert(0, "format", new Setting(Format, default));
        byte[] description = JsonSettings.Write(settings);
        var weights = NetworkWeights.Save(network, ElementType.Float16);
        AtomicFolder.Write(folder, staged =>
        {
            SafetensorsFile.Write(
                Path.Combine(staged, ModelFolder.WeightsFile), weights, DescriptionHash.Metadata(description));
            AtomicFile.Write(Path.Combine(staged, ModelFolder.DescriptionFile), stream => stream.Write(description));
            AtomicFile.WriteText(
                Path.Combine(staged, ModelFolder.CardFile),
                ClassifierCard.Write(info, network.parameters().Sum(parameter => parameter.numel()), ModelFolder.Hash(staged)));
        });
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
