using Mezzotint.Data;
using Mezzotint.Networks;

namespace Mezzotint.Training;

/// <summary>What is asked of a trained network that settings name for what it sees of images.</summary>
internal static class FeatureNetwork
{
    /// <summary>Makes sure that it sees such images.</summary>
    /// <param name="key">The key that names it.</param>
    /// <param name="maps">Of the network; null where it is not asked.</param>
    /// <param name="folder">Its folder.</param>
    /// <param name="images">What is learned from.</param>
    /// <param name="without">The keys to leave out for doing without it.</param>
    public static void Check(string key, FeatureMaps? maps, string folder, ImageSet images, string without)
    {
        if (maps is not null && maps.Shape != (images.Channels, images.Height, images.Width))
            throw new MezzotintException(
                $"The network '{folder}' sees images of {maps.Shape.Height} x {maps.Shape.Width} with "
                + $"{maps.Shape.Channels} channel(s), and those of {images.Name} are {images.Height} x {images.Width} with "
                + $"{images.Channels}: train one for such images, or leave {without} out.") { Key = key };
    }

    /// <summary>The maps of a network that was opened.</summary>
    public static FeatureMaps Opened(FeatureMaps? maps, string folder) => maps ?? throw new InvalidOperationException(
        $"The network '{folder}' has not been opened: ExperimentParts.Open does.");
}
