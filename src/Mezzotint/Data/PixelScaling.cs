using Mezzotint.Runtime;
using static TorchSharp.torch;

namespace Mezzotint.Data;

/// <summary>
/// How pixels become the numbers that noise is added to: x_0 = (pixel - Mean) / Scale, pixels being 0 (black) to 1. The seed leaves them as they are;
/// Mean = Scale = 0.5 makes them -1 to 1, the data's own mean and standard deviation give them unit variance.
/// </summary>
public sealed record PixelScaling
{
    /// <summary>The pixel that becomes 0.</summary>
    public double Mean { get; init; }

    /// <summary>The distance of the pixel that becomes 1; more than 0.</summary>
    public double Scale { get; init; } = 1;

    /// <summary>
    /// Whether training fills the steps between pixel values: x_0 is that of pixel + (u - 1/2) / 255 with u uniform in [0, 1), drawn anew each time.
    /// A density of pixels can be learned then: without it, that of 256 values has no bound. Theis et al. 2016, arXiv 1511.01844, section 3.1.
    /// </summary>
    [DefaultWhenMissing]
    public bool Dequantise { get; init; }

    /// <summary>The distance of two neighbouring pixel values in the network's numbers.</summary>
    public double Step => 1 / (255 * Scale);

    /// <summary>x_0 of pixels 0 to 1, as a new tensor.</summary>
    public Tensor ToNumbers(Tensor pixels) => pixels.Times(1 / Scale).Plus(-Mean / Scale);

    /// <summary>Pixels of x_0, as a new tensor; those of a network's images may lie a little outside of 0 to 1.</summary>
    public Tensor ToPixels(Tensor numbers) => numbers.Times(Scale).Plus(Mean);

    /// <summary>Checks the ranges of the settings.</summary>
    /// <exception cref="MezzotintException">One is out of its range; the message names it.</exception>
    public void Validate()
    {
        Check.Range("pixels.mean", Mean, Math.Abs(Mean) <= 1000, "between -1000 and 1000");
        Check.Range("pixels.scale", Scale, Scale is >= 1e-6 and <= 1e6, "between 0.000001 and 1000000");
    }
}
