using Mezzotint.Models;
using Mezzotint.Runs;

namespace Mezzotint.Cli.Choices;

/// <summary>
/// Models as they are named on the command line: a model folder, a single file of Stable Diffusion, a run folder (its
/// <c>model</c>), a PyTorch checkpoint, or the name of a model in <c>models</c>. Where none is named it is <c>models/mnist</c>,
/// else the first by name. <c>models</c> is looked for in the current folder, then beside the program and in the folders above
/// it.
/// </summary>
internal static class ModelSource
{
    public const string Required =
        "A model folder, a run folder, a PyTorch checkpoint folder, a single file of Stable Diffusion (.safetensors or .ckpt), "
        + "or the name of a model in ./models.";
    public const string Description = Required + " Without it: models/mnist, else the first in models.";

    private const string Preferred = "mnist";

    /// <summary>The folder of a model.</summary>
    /// <exception cref="MezzotintException">There is none; the message says where models were looked for.</exception>
    public static string Find(string? named)
    {
        if (named is null)
            return Known().FirstOrDefault() ?? throw new MezzotintException(
                $"There is no model yet; looked in {string.Join(", ", Shelves())}. Name one, or train one with `mezzotint train "
                + $"CONFIG`.");
        if (IsModel(named))
            return named;
        if (Path.Combine(named, "model") is var trained && ModelFolder.Exists(trained))
            return trained;
        if (RunFolder.Exists(named))
            throw new MezzotintException($"The run '{named}' has no model yet: it gets one at the end of its first epoch.");
        if (Shelves().Select(shelf => Path.Combine(shelf, named)).FirstOrDefault(IsModel) is { } onShelf)
            return onShelf;
        if (File.Exists(named))
            throw new MezzotintException(
                $"'{named}' is not a model: a single file of Stable Diffusion ends in .safetensors or .ckpt.");
        if (ClassifierSource.Known(named) is { } classifier)
            throw new MezzotintException(
                $"'{classifier}' is a classifier, which draws nothing: `mezzotint evaluate` asks it. Name a model.");
        if (Shelves().Select(shelf => Path.Combine(shelf, named)).Prepend(Path.Combine(named, "model")).Prepend(named)
            .FirstOrDefault(AutoencoderFolder.Exists) is { } autoencoder)
            throw new MezzotintException(
                $"'{autoencoder}' is an autoencoder, which draws nothing by itself: `mezzotint reconstruct` shows what it keeps "
                + "of pictures. Name a model.");
        string[] known = [.. Known().Select(folder => Path.GetFileName(folder)).Distinct()];
        string remedy = known.Length > 0
            ? $" The models at hand are {string.Join(", ", known)}." : " Train one with `mezzotint train CONFIG`.";
        throw new MezzotintException(Directory.Exists(named)
            ? $"'{named}' is not a model: a model folder has {ModelFolder.DescriptionFile} and {ModelFolder.WeightsFile}, one of "
                + $"diffusers {ModelFolder.IndexFile}, a PyTorch checkpoint {SeedCheckpoint.ConfigFile} and "
                + $"{SeedCheckpoint.WeightsFile}.{remedy}"
            : $"There is no model '{named}'.{remedy}");
    }

    /// <summary>The folder of a model, or those of all models and finished runs in a folder of them.</summary>
    /// <exception cref="MezzotintException">There is none.</exception>
    public static IReadOnlyList<string> FindAll(string named)
    {
        if (Directory.Exists(named) && !IsNamedBy(named) && !AutoencoderFolder.Exists(named))
        {
            string[] all =
            [
                .. Directory.GetDirectories(named).Order(StringComparer.Ordinal)
                    .Select(folder => Path.Combine(folder, "model") is var trained && IsModel(trained) ? trained : folder)
                    .Where(IsModel),
            ];
            if (all.Length > 0)
                return all;
        }
        return [Find(named)];
    }

    /// <summary>All models in the folders named <c>models</c>, the preferred one of each first.</summary>
    public static IEnumerable<string> Known() =>
        Shelves().Where(Directory.Exists).SelectMany(shelf => Directory.GetDirectories(shelf)
        .Where(IsModel)
        .OrderBy(folder => Path.GetFileName(folder) != Preferred)
        .ThenBy(folder => folder, StringComparer.Ordinal));

    /// <summary>Where models are looked for.</summary>
    public static IReadOnlyList<string> Shelves()
    {
        var shelves = new List<string> { Path.GetFullPath("models") };
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
            if (Path.Combine(folder.FullName, "models") is var shelf && Directory.Exists(shelf) && !shelves.Contains(shelf))
                shelves.Add(shelf);
        return shelves;
    }

    /// <summary>Whether a path itself is a model, or a run: not whether a model on a shelf has that name.</summary>
    public static bool IsNamedBy(string path) =>
        IsModel(path) || RunFolder.Exists(path) || ModelFolder.Exists(Path.Combine(path, "model"))
            || ClassifierFolder.Exists(path) || TextImageFolder.Exists(path);

    /// <summary>Classifiers are folders alike, and draw nothing.</summary>
    private static bool IsModel(string folder) =>
        ModelPath.Exists(folder) && (SeedCheckpoint.Exists(folder) || !ClassifierFolder.Exists(folder));
}
