using TorchSharp;
using static TorchSharp.torch;

namespace Mezzotint.Data;

/// <summary>A data set whole on a device, as bytes: a batch of it is one gather and one conversion.</summary>
public sealed class ResidentImages : IDisposable
{
    private static readonly Scalar ByteScale = 1f / 255f;
    private static readonly ImageCodec Unscaled = new PixelScaling();

    private readonly Tensor _pixels;  // uint8 [N, C, H, W]
    private readonly Tensor _labels;  // int64 [N, 1]
    private readonly ImageCodec _codec;

    /// <summary>Copies images to a device.</summary>
    /// <param name="images">The images.</param>
    /// <param name="device">Where.</param>
    /// <param name="codec">What numbers their pixels become; null for pixels 0 to 1 as they are.</param>
    public ResidentImages(ImageSet images, Device device, ImageCodec? codec = null)
    {
        ArgumentNullException.ThrowIfNull(images);
        _codec = codec ?? Unscaled;
        using var scope = NewDisposeScope();
        _pixels = tensor(images.Pixels, [images.Count, images.Channels, images.Height, images.Width]).to(device).DetachFromDisposeScope();
        _labels = tensor(images.Labels, [images.Count, 1]).to(int64).to(device).DetachFromDisposeScope();
        Count = images.Count;
        Device = device;
    }

    /// <summary>Where the images are.</summary>
    public Device Device { get; }

    /// <summary>The number of images.</summary>
    public int Count { get; }

    /// <summary>The shape of the numbers of an image: [C, H, W].</summary>
    public (long Channels, long Height, long Width) Shape =>
        _codec.NumbersOf((int)_pixels.shape[1], (int)_pixels.shape[2], (int)_pixels.shape[3]);

    /// <summary>Images and labels.</summary>
    /// <param name="indices">Which: int64 [B].</param>
    /// <returns>Their numbers, float32 [B, C, H, W], and their classes, int64 [B, 1].</returns>
    public (Tensor Images, Tensor Labels) Batch(Tensor indices)
    {
        var pixels = _pixels.index_select(0, indices).to(float32).mul_(ByteScale);
        return (_codec == Unscaled ? pixels : _codec.Encode(pixels), _labels.index_select(0, indices));
    }

    /// <summary>Frees the memory.</summary>
    public void Dispose()
    {
        _pixels.Dispose();
        _labels.Dispose();
    }
}
