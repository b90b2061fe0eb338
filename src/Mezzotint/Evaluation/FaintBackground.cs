using Mezzotint.Data;

namespace Mezzotint.Evaluation;

/// <summary>
/// Images without what is all but black in them. A sampler that stops early leaves grain there, which a classifier sees and
/// nobody else. Where a distance falls when the grain is removed from both sets, it was due to the grain.
/// </summary>
internal static class FaintBackground
{
    /// <summary>Pixels below this are set to 0: a tenth of white.</summary>
    public const byte Threshold = 26;

    /// <summary>The same images with the faint pixels black.</summary>
    public static ImageSet RemovedFrom(ImageSet images)
    {
        ArgumentNullException.ThrowIfNull(images);
        return new ImageSet(
            images.Name, Array.ConvertAll(images.Pixels, value => value < Threshold ? (byte)0 : value), images.Labels,
            images.Channels, images.Height, images.Width, images.ClassNames);
    }
}
