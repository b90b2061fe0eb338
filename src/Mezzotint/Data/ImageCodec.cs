using Mezzotint.Settings;
using static TorchSharp.torch;

namespace Mezzotint.Data;

/// <summary>
/// Turns pixels into the numbers that a network sees, and back: the table <c>[pixels]</c> of a configuration. Sampling ends in
/// such numbers; only a codec knows of pixels.
/// </summary>
/// <remarks>A program adds its own kind by <see cref="SettingsKinds.Register"/>.</remarks>
[SettingsKind("scaling", typeof(PixelScaling), IsDefault = true)]
[SettingsKind("latent", typeof(LatentCodec))]
public abstract record ImageCodec
{
    /// <summary>The numbers of an image: their channels, rows and columns.</summary>
    /// <param name="channels">Channels of the image: 1 or 3.</param>
    /// <param name="height">Its rows.</param>
    /// <param name="width">Its columns.</param>
    /// <exception cref="MezzotintException">The codec takes no such images.</exception>
    public abstract (int Channels, int Height, int Width) NumbersOf(int channels, int height, int width);

    /// <summary>Channels of the images whose numbers have some channels; null where that is not known.</summary>
    /// <param name="numbers">Channels of the numbers.</param>
    public virtual int? ImageChannelsOf(int numbers) => null;

    /// <summary>The numbers x_0 of images, as a new tensor.</summary>
    /// <param name="pixels">0 (black) to 1: float [B, C, H, W].</param>
    /// <returns>Of the shape that <see cref="NumbersOf"/> says: float [B, c, h, w].</returns>
    public abstract Tensor Encode(Tensor pixels);

    /// <summary>The images of numbers, as a new tensor.</summary>
    /// <param name="numbers">As <see cref="Encode"/> makes them, or as a network draws them.</param>
    /// <returns>float [B, C, H, W]; values may lie a little outside of 0 to 1.</returns>
    public abstract Tensor Decode(Tensor numbers);

    /// <summary>Whether the numbers of an image are a normal distribution, of which training draws anew each time.</summary>
    public virtual bool IsDrawn => false;

    /// <summary>That distribution; of a codec without one, the numbers and 0.</summary>
    /// <param name="pixels">0 (black) to 1: float [B, C, H, W].</param>
    /// <returns>Each float [B, c, h, w].</returns>
    public virtual (Tensor Mean, Tensor Std) Distribution(Tensor pixels)
    {
        var numbers = Encode(pixels);
        return (numbers, zeros_like(numbers));
    }

    /// <summary>
    /// The images of numbers, roughly, where that is much cheaper than <see cref="Decode"/>: for watching a walk.
    /// </summary>
    /// <param name="numbers">As for <see cref="Decode"/>.</param>
    public virtual Tensor Preview(Tensor numbers) => Decode(numbers);

    /// <summary>Which numbers belong to a part of the image.</summary>
    /// <param name="mask">True where the part is: bool [1, 1, H, W].</param>
    /// <returns>bool [1, 1, h, w]: true for a number on which any pixel of the part depends.</returns>
    public virtual Tensor EncodeMask(Tensor mask) => mask;

    /// <summary>
    /// How much brighter a pixel is for one more of its number, where each number belongs to one pixel by the same straight line.
    /// Null elsewhere: pixels then have no density.
    /// </summary>
    public virtual double? PixelsPerNumber => null;

    /// <summary>The distance of two neighbouring pixel values in the numbers; null as for
    /// <see cref="PixelsPerNumber"/>.</summary>
    public double? Step => PixelsPerNumber is { } scale ? 1 / (255 * scale) : null;

    /// <summary>The width of the uniform noise by which training fills the steps between pixel values, in the numbers; 0 for
    /// none.</summary>
    public virtual double FilledStep => 0;

    /// <summary>Checks the ranges of the settings.</summary>
    /// <exception cref="MezzotintException">One is out of its range; the message names it.</exception>
    public abstract void Validate();
}
