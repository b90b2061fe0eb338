using Mezzotint.Runtime;
using static TorchSharp.torch;

namespace Mezzotint.Data;

/// <summary>
/// Plain scaling of each pixel: x_0 = (pixel - Mean) / Scale, pixels being 0 (black) to 1. The seed leaves them as they are; 0.5
/// for both makes them -1 to 1; the data's own mean and standard deviation give them unit variance.
/// </summary>
public sealed record PixelScaling : ImageCodec
{
    /// <summary>The pixel that becomes 0.</summary>
    public double Mean { get; init; }

    /// <summary>The distance of the pixel that becomes 1; more than 0.</summary>
    public double Scale { get; init; } = 1;

    /// <summary>
    /// Whether training fills the steps between pixel values: x_0 is that of pixel + (u - 1/2) / 255 with u uniform in [0, 1),
    /// drawn anew each time. A density of pixels can be learned then: without it, that of 256 values has no bound. Theis et al.
    /// 2016, arXiv 1511.01844, section 3.1.
    /// </summary>
    [DefaultWhenMissing]
    public bool Dequantise { get; init; }

    /// <inheritdoc/>
    public override double? PixelsPerNumber => Scale;

    /// <inheritdoc/>
    public override double FilledStep => Dequantise ? Step!.Value : 0;

    /// <inheritdoc/>
    public override int? ImageChannelsOf(int numbers) => numbers;

    /// <inheritdoc/>
    public override (int Channels, int Height, int Width) NumbersOf(int channels, int height, int width) =>
        (channels, height, width);

    /// <inheritdoc/>
    public override Tensor Encode(Tensor pixels) => pixels.Times(1 / Scale).Plus(-Mean / Scale);

    /// <inheritdoc/>
    public override Tensor Decode(Tensor numbers) => numbers.Times(Scale).Plus(Mean);

    /// <inheritdoc/>
    public override void Validate()
    {
        Check.Range("pixels.mean", Mean, Math.Abs(Mean) <= 1000, "between -1000 and 1000");
        Check.Range("pixels.scale", Scale, Scale is >= 1e-6 and <= 1e6, "between 0.000001 and 1000000");
    }
}
