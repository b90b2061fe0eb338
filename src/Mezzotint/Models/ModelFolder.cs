using System.Security.Cryptography;
using Mezzotint.Formats;
using Mezzotint.Models.Diffusers;
using Mezzotint.Networks;

namespace Mezzotint.Models;

/// <summary>
/// A model on disk: a folder with <c>config.json</c> (what it is), <c>model.safetensors</c> (its weights) and <c>README.md</c>
/// (the model card). A model of Stable Diffusion's parts has the layout of diffusers instead: <c>model_index.json</c> and a
/// folder for each part, with <c>mezzotint.json</c> beside; such folders are read without it, too.
/// </summary>
/// <remarks>
/// The files are replaced together (<see cref="AtomicFolder"/>): whenever a program is stopped, the folder is the old model or
/// the new one. The weights also carry the hash of the description that they go with, so that files of two models that somebody
/// put together are refused.
/// </remarks>
public static class ModelFolder
{
    /// <summary>The name of the description.</summary>
    public const string DescriptionFile = "config.json";

    /// <summary>The name of the weights.</summary>
    public const string WeightsFile = "model.safetensors";

    /// <summary>The name of the list of parts, in the layout of diffusers.</summary>
    public const string IndexFile = "model_index.json";

    /// <summary>The name of the model card.</summary>
    public const string CardFile = "README.md";

    private const int MaxDescriptionLength = 1 << 20;

    /// <summary>Whether a folder claims to be a model: whether it has a description and weights.</summary>
    /// <param name="folder">The folder.</param>
    public static bool Exists(string folder) => DiffusersFolder.Exists(folder) ||
        File.Exists(AtomicFolder.PathOf(folder, DescriptionFile)) && File.Exists(AtomicFolder.PathOf(folder, WeightsFile));

    /// <summary>Writes a model, in place of the one that may be there.</summary>
    /// <param name="folder">The folder; it is made where it is not there, and other files in it stay.</param>
    /// <param name="network">The weights.</param>
    /// <param name="info">The description; its shape is the network's.</param>
    /// <param name="precision">Of the weights in the file: Float32, or BFloat16 or Float16, which take half of the space.</param>
    /// <exception cref="ArgumentException">The description is of another shape of network, or weights are not kept in that
    /// precision.</exception>
    /// <exception cref="MezzotintException">A number of the description is out of its range, a weight is not finite, or the
    /// folder cannot be written.</exception>
    public static void Write(string folder, DenoisingNetwork network, ModelInfo info, ElementType precision = ElementType.Float32)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        ArgumentNullException.ThrowIfNull(network);
        ArgumentNullException.ThrowIfNull(info);
        if (!info.Model.Equals(network.Config))
            throw new ArgumentException("The description is of another shape of network.", nameof(info));
        info.Validate();
        bool there = DiffusersFolder.Exists(folder);
        if (DiffusersFolder.Takes(info))
        {
            if (!there && Exists(folder))
                throw OfTheOtherLayout(folder);
            DiffusersFolder.Write(folder, network, info, precision);
            return;
        }
        if (there)
            throw OfTheOtherLayout(folder);
        var tensors = NetworkWeights.Save(network, precision);
        AtomicFolder.Write(folder, staged =>
        {
            var written = ModelParts.Write(staged, info, precision);
            byte[] description = ModelDescription.Write(written);
            SafetensorsFile.Write(Path.Combine(staged, WeightsFile), tensors, DescriptionHash.Metadata(description));
            AtomicFile.Write(Path.Combine(staged, DescriptionFile), stream => stream.Write(description));
            AtomicFile.WriteText(Path.Combine(staged, CardFile), ModelCard.Write(written, precision, Hash(staged)));
        });
    }

    /// <summary>Reads a model.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="unwrap">Whether to take off what PyTorch's wrappers put before all names, such as <c>module.</c>; else such
    /// names are refused.</param>
    /// <exception cref="MezzotintException">The folder is no model, or its files are damaged or do not belong
    /// together.</exception>
    public static LoadedModel Read(string folder, bool unwrap = false) => Read(folder, unwrap, new WeightsReading());

    /// <summary>The same, with <paramref name="reading"/>.</summary>
    internal static LoadedModel Read(string folder, bool unwrap, WeightsReading reading)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        AtomicFolder.TryFinish(folder);
        if (DiffusersFolder.Exists(folder))
            return DiffusersFolder.Read(folder, reading);
        string weights = AtomicFolder.PathOf(folder, WeightsFile);
        var (info, hash) = ReadDescription(folder);
        var file = SafetensorsFile.Read(
            weights, length => NetworkWeights.CheckLength(length, info.Model.ParameterCount, weights));
        DescriptionHash.Check(file.Metadata, hash, folder, DescriptionFile, WeightsFile,
            "write the model again (a training that is resumed does)");
        return ModelParts.Open(folder, info, () =>
            NetworkWeights.Build(info.Model, unwrap ? NetworkWeights.Unwrap(file.Tensors) : file.Tensors, weights));
    }

    /// <summary>Reads the description alone.</summary>
    /// <param name="folder">The folder.</param>
    /// <exception cref="MezzotintException">The folder is no model, or its description is damaged.</exception>
    public static ModelInfo ReadInfo(string folder)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        return DiffusersFolder.Exists(folder) ? DiffusersFolder.ReadInfo(folder) : ReadDescription(folder).Info;
    }

    /// <summary>The SHA-256 of the weights' file in lower-case hexadecimal digits, of several parts that of theirs: the model's
    /// fingerprint.</summary>
    /// <param name="folder">The folder.</param>
    /// <exception cref="MezzotintException">The file cannot be read.</exception>
    public static string Hash(string folder) => HashOf(folder, variant: null);

    /// <summary>The same of a variant.</summary>
    internal static string HashOf(string folder, string? variant)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        return DiffusersFolder.Exists(folder) ? DiffusersFolder.Hash(folder, variant) : InputFile.Read(
            AtomicFolder.PathOf(folder, WeightsFile), stream => Convert.ToHexStringLower(SHA256.HashData(stream)));
    }

    /// <summary>The parts in a folder.</summary>
    internal static IReadOnlyList<ModelPart> PartsOf(string folder, string? variant)
    {
        string[] beside = [LatentFolder.Subfolder, TextFolder.EncoderFolder];
        IEnumerable<(string Name, IReadOnlyList<string> Files)> parts = DiffusersFolder.Exists(folder)
            ? DiffusersFolder.WeightParts.Select(part => (part, ModelParts.Weights(folder, part, variant).Files))
            : beside.Where(part => Directory.Exists(AtomicFolder.SubfolderOf(folder, part)))
                .Select(part => (part, ModelParts.Weights(folder, part).Files))
                .Concat(Directory.Exists(AtomicFolder.SubfolderOf(folder, ModelParts.ClassifierSubfolder))
                    ? [(ModelParts.ClassifierSubfolder, (IReadOnlyList<string>)[AtomicFolder.PathOf(
                        AtomicFolder.SubfolderOf(folder, ModelParts.ClassifierSubfolder), WeightsFile)])] : [])
                .Prepend(("network", [AtomicFolder.PathOf(folder, WeightsFile)]));
        return [.. parts.Select(part =>
        {
            using var tensors = DiffusersTensors.Open(part.Files, count: long.MaxValue / 8, whole: false);
            return ModelPart.Of(part.Name, tensors.Tensors.Values);
        })];
    }

    private static MezzotintException OfTheOtherLayout(string folder) => new(
        $"'{folder}' has a model in another layout of files: write this one into a folder of its own, or remove that one.");

    private static (ModelInfo Info, string Hash) ReadDescription(string folder)
    {
        string path = AtomicFolder.PathOf(folder, DescriptionFile);
        if (!Exists(folder))
        {
            throw new MezzotintException(SeedCheckpoint.Exists(folder)
                ? $"'{folder}' is a PyTorch checkpoint, not a model folder: turn it into one with `mezzotint import {folder} "
                    + $"--out MODEL`."
                : $"'{folder}' is not a model folder: it must have {DescriptionFile} and {WeightsFile}, or {IndexFile}.");
        }
        byte[] json = SmallFile.Read(path, MaxDescriptionLength);
        return (ModelDescription.Parse(json, path), DescriptionHash.Of(json));
    }
}
