using Mezzotint.Data;

namespace Mezzotint.Evaluation;

/// <summary>
/// Images without what is all but black in them. A sampler that stops early leaves grain there that nobody sees and a classifier does; a distance that
/// falls when it is taken away, of both sets alike, was the grain's.
/// </summary>
public static class FaintBackground
{
    /// <summary>Pixels below this are set to 0: a tenth of white.</summary>
    public const byte Threshold = 26;

    /// <summary>The same images with the faint pixels black.</summary>
    public static ImageSet RemovedFrom(ImageSet images)
    {
        ArgumentNullException.ThrowIfNull(images);
        return new ImageSet(images.Name, Array.ConvertAll(images.Pixels, value => value < Threshold ? (byte)0 : value), images.Labels,
            images.Channels, images.Height, images.Width, images.ClassNames);
    }
}
