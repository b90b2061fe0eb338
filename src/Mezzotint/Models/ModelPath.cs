using Mezzotint.Formats;
using Mezzotint.Models.Diffusers;
using Mezzotint.Models.SingleFiles;

namespace Mezzotint.Models;

/// <summary>A model wherever it lies: a folder of ours or of diffusers, a single file of Stable Diffusion, or a PyTorch
/// checkpoint of the seed system.</summary>
public static class ModelPath
{
    /// <summary>Whether a path claims to be a model.</summary>
    /// <param name="path">A folder or a file; it need not exist.</param>
    public static bool Exists(string path) =>
        SingleFile.Exists(path) || ModelFolder.Exists(path) || SeedCheckpoint.Exists(path);

    /// <summary>Reads a model.</summary>
    /// <param name="path">Its folder or file.</param>
    /// <param name="opening">What its files do not say; null for nothing.</param>
    /// <exception cref="MezzotintException">It is no model, or its files are damaged or do not belong together.</exception>
    public static LoadedModel Read(string path, ModelOpening? opening = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        var model = ReadWhole(path, opening);
        try
        {
            return opening?.Autoencoder is { } other ? model.WithAutoencoder(other, opening.Reading) : model;
        }
        catch
        {
            model.Dispose();
            throw;
        }
    }

    private static LoadedModel ReadWhole(string path, ModelOpening? opening)
    {
        CheckVariant(path, opening);
        if (SingleFile.Exists(path))
            return SingleFile.Read(path, opening);
        opening?.RefuseForFolder(path);
        return IsCheckpoint(path) ? SeedCheckpoint.Read(path)
            : ModelFolder.Read(path, unwrap: false, opening?.Reading ?? default);
    }

    /// <summary>Reads the description alone.</summary>
    /// <param name="path">Its folder or file.</param>
    /// <param name="opening">What its files do not say; null for nothing.</param>
    /// <exception cref="MezzotintException">As for the whole.</exception>
    public static ModelInfo ReadInfo(string path, ModelOpening? opening = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        CheckVariant(path, opening);
        if (SingleFile.Exists(path))
            return SingleFile.ReadInfo(path, opening);
        opening?.RefuseForFolder(path);
        if (!IsCheckpoint(path))
            return ModelFolder.ReadInfo(path);
        using var model = SeedCheckpoint.Read(path);
        return model.Info;
    }

    /// <summary>The model's fingerprint, as <see cref="ModelFolder.Hash"/>; null for a PyTorch checkpoint, which has
    /// none.</summary>
    /// <param name="path">Its folder or file.</param>
    /// <param name="opening">Which variant of the weights; null for what is read without a word.</param>
    /// <exception cref="MezzotintException">A file cannot be read.</exception>
    public static string? Hash(string path, ModelOpening? opening = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        return SingleFile.Exists(path) ? SingleFile.Hash(path) : IsCheckpoint(path) ? null
            : ModelFolder.HashOf(path, opening?.Variant);
    }

    /// <summary>With what numbers its weights are stored: the type that all have; float32 where they have several, and for a
    /// PyTorch checkpoint.</summary>
    /// <param name="path">Its folder or file.</param>
    /// <param name="opening">Which variant of the weights; null for what is read without a word.</param>
    /// <exception cref="MezzotintException">A file is damaged.</exception>
    public static ElementType PrecisionOf(string path, ModelOpening? opening = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        return PartsOf(path, opening).SelectMany(part => part.Types).Distinct().ToArray()
            is [ElementType.Float16 or ElementType.BFloat16] and [var only] ? only : ElementType.Float32;
    }

    /// <summary>What the files hold: the parts, without their numbers being read.</summary>
    /// <param name="path">Its folder or file.</param>
    /// <param name="opening">Which variant of the weights; null for what is read without a word.</param>
    /// <returns>The parts; none of a PyTorch checkpoint.</returns>
    /// <exception cref="MezzotintException">A file is damaged.</exception>
    public static IReadOnlyList<ModelPart> PartsOf(string path, ModelOpening? opening = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        return SingleFile.Exists(path) ? SingleFile.PartsOf(path) : IsCheckpoint(path) ? []
            : ModelFolder.PartsOf(path, opening?.Variant);
    }

    /// <summary>What somebody who uses it should know of its files: a variant that was taken for want of another, a part that is
    /// not used.</summary>
    /// <param name="path">Its folder or file.</param>
    /// <param name="opening">Which variant of the weights; null for what is read without a word.</param>
    /// <returns>Sentences; none where there is nothing to say.</returns>
    public static IReadOnlyList<string> NotesOf(string path, ModelOpening? opening = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        return IsDiffusers(path) ? DiffusersFolder.NotesOf(path, opening?.Variant) : [];
    }

    private static bool IsDiffusers(string path) => !SingleFile.Exists(path) && DiffusersFolder.Exists(path);

    private static void CheckVariant(string path, ModelOpening? opening)
    {
        opening?.Validate();
        if (IsDiffusers(path))
            DiffusersFolder.CheckVariant(path, opening?.Variant);
        else
            opening?.RefuseVariant(path);
    }

    private static bool IsCheckpoint(string path) => !ModelFolder.Exists(path) && SeedCheckpoint.Exists(path);
}
