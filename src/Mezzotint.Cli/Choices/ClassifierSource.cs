using Mezzotint.Data;
using Mezzotint.Evaluation;
using Mezzotint.Models;
using Mezzotint.Networks;

namespace Mezzotint.Cli.Choices;

/// <summary>Classifiers as they are named on the command line: a folder, or the name of one in <c>models/classifiers</c>; without
/// a name all there that fit the images.</summary>
internal static class ClassifierSource
{
    /// <summary>Where classifiers are looked for: beside the models, in a folder of their own, as they draw nothing.</summary>
    /// <param name="choosing">Those that something is chosen by, and not those that judge what was chosen.</param>
    public static IEnumerable<string> Shelves(bool choosing = false) =>
        ModelSource.Shelves().Select(shelf => Path.Combine(shelf, choosing ? "choosers" : "classifiers"));

    /// <summary>A folder, or the name of one on a shelf; null where that is no classifier.</summary>
    public static string? Known(string name) =>
        Shelves().Select(shelf => Path.Combine(shelf, name)).Prepend(name).FirstOrDefault(ClassifierFolder.Exists);

    /// <summary>Reads the classifiers that are to be asked, one of each architecture; none where nobody named one and none
    /// fits.</summary>
    /// <exception cref="MezzotintException">A named one is none, or does not go with images without classes.</exception>
    public static IReadOnlyList<LoadedClassifier> Load(IReadOnlyList<string> named, ImageSet images, bool choosing = false)
    {
        if (named.Count > 0 && !images.HasClasses)
            throw new MezzotintException(
                $"{images.Name} has no classes, and a classifier tells classes: leave --classifier out.")
                { Key = "--classifier" };
        string[] folders = named.Count > 0 ? [.. named.Select(Find)] : [.. Fitting(images, choosing)];
        var loaded = new List<LoadedClassifier>();
        try
        {
            foreach (string folder in folders)
                loaded.Add(ClassifierFolder.Read(folder));
            return loaded;
        }
        catch
        {
            loaded.ForEach(classifier => classifier.Dispose());
            throw;
        }
    }

    /// <summary>Why there are no figures of a classifier, in a line; null where there are.</summary>
    public static string? WhyNone(IReadOnlyList<LoadedClassifier> classifiers, ImageSet images) => classifiers.Count > 0 ? null
        : !images.HasClasses ? $"{images.Name} has no classes: the figures are those that need none."
        : $"No classifier in {string.Join(", ", Shelves())} is for images of {images.Width} x {images.Height} in the classes of "
            + $"{images.Name}: the figures are those that need none. `mezzotint train-classifier --set DATA --out FOLDER` trains "
            + "one, --classifier FOLDER names it.";

    private static string Find(string name) => Known(name)
        ?? throw new MezzotintException(
            $"--classifier '{name}' is no classifier: name a folder that `mezzotint train-classifier` made, or one in "
            + $"{string.Join(", ", Shelves())}.");

    /// <summary>All on the shelves; the residual one gives the embedding, and is named first, as in
    /// Classifier.Architectures.</summary>
    /// <remarks>One that cannot be read is left out: a server draws without it, and `mezzotint evaluate` tells what is
    /// wrong.</remarks>
    public static IEnumerable<string> All() =>
        Described(Folders(choosing: false).Where(IsSound)).Select(classifier => classifier.Folder);

    private static bool IsSound(string folder)
    {
        try
        {
            _ = ClassifierFolder.ReadInfo(folder);
            return true;
        }
        catch (MezzotintException)
        {
            return false;
        }
    }

    /// <summary>An autoencoder on the same shelf for such images; null where there is none. It saw no label.</summary>
    public static LoadedAutoencoder? Autoencoder(ImageSet images, bool choosing)
    {
        bool Fits(AutoencoderConfig config) => config.InChannels == images.Channels
            && (images.Height + 2 * config.Margin) % config.Factor == 0 && (images.Width + 2 * config.Margin) % config.Factor == 0
            && (long)config.LatentChannels * (images.Height + 2 * config.Margin) / config.Factor
                * ((images.Width + 2 * config.Margin) / config.Factor) <= LatentFeatures.MostNumbers;
        foreach (string folder in Folders(choosing).Where(AutoencoderFolder.Exists))
        {
            var autoencoder = AutoencoderFolder.Read(folder);
            if (Fits(autoencoder.Network.Config))
                return autoencoder;
            autoencoder.Dispose();
        }
        return null;
    }

    private static IEnumerable<string> Folders(bool choosing) => Shelves(choosing).Where(Directory.Exists)
        .SelectMany(shelf => Directory.GetDirectories(shelf).Order(StringComparer.Ordinal));

    private static IEnumerable<(string Folder, ClassifierInfo Info)> Described(IEnumerable<string> folders) => folders
        .Where(ClassifierFolder.Exists)
        .Select(folder => (Folder: folder, Info: ClassifierFolder.ReadInfo(folder)))
        .OrderBy(classifier =>
            Networks.Classifiers.Classifier.Architectures.ToList().IndexOf(classifier.Info.Network.Architecture));

    private static IEnumerable<string> Fitting(ImageSet images, bool choosing) => Described(Folders(choosing))
        .Where(classifier =>
            (classifier.Info.Network.Channels, classifier.Info.Network.Height, classifier.Info.Network.Width)
                == (images.Channels, images.Height, images.Width)
            && classifier.Info.ClassNames.SequenceEqual(images.ClassNames))
        .DistinctBy(classifier => classifier.Info.Network.Architecture)
        .Select(classifier => classifier.Folder);
}
