using Mezzotint.Formats;

namespace Mezzotint.Serving;

/// <summary>
/// A picture that drawing begins from instead of pure noise: image-to-image, and with a mask inpainting.
/// </summary>
/// <remarks>
/// The picture is brought to the level where the rest of the walk begins, x = x_0 + sigma z, and walked down from there:
/// Meng et al. 2022, "SDEdit", arXiv 2108.01073, algorithm 1.
/// </remarks>
public sealed record SourceImage
{
    /// <summary>The picture, one image of the model's size.</summary>
    public required ImageBatch Image { get; init; }

    /// <summary>The share of the steps that is walked, more than 0 to 1: the more, the less of the picture is left.</summary>
    public double Strength { get; init; } = 0.6;

    /// <summary>Where to draw anew: one grey image of the same size, 128 and more for yes; null for everywhere. What is kept, is
    /// kept to the bit.</summary>
    public ImageBatch? Mask { get; init; }

    /// <summary>How often each step is walked, 1 or more: with a mask, more than once lets what is drawn anew agree with what is
    /// kept.</summary>
    public int Resampling { get; init; } = 1;

    internal void Check(int channels, int height, int width)
    {
        bool Fits(ImageBatch image, int itsChannels) =>
            image.Count == 1 && image.Channels == itsChannels && image.Height == height && image.Width == width;
        if (!Fits(Image, channels))
            throw new ArgumentException(
                $"The picture is {Image.Count} x {Image.Channels} x {Image.Height} x {Image.Width}; the model draws 1 x "
                + $"{channels} x {height} x {width}.");
        if (Mask is not null && !Fits(Mask, 1))
            throw new ArgumentException(
                $"The mask is {Mask.Count} x {Mask.Channels} x {Mask.Height} x {Mask.Width}; it must be 1 x 1 x {height} x "
                + $"{width}.");
        if (!(Strength > 0 && Strength <= 1))
            throw new ArgumentException($"Strength {Strength}: it is more than 0 and at most 1.");
        if (Resampling is < 1 or > 1000)
            throw new ArgumentException($"Resampling {Resampling}: each step is walked 1 to 1000 times.");
    }
}
