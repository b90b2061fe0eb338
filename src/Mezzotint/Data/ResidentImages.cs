using TorchSharp;
using static TorchSharp.torch;

namespace Mezzotint.Data;

/// <summary>A data set whole on a device, as bytes: a batch of it is one gather and one conversion.</summary>
public sealed class ResidentImages : IDisposable
{
    private static readonly Scalar ByteScale = 1f / 255f;
    private static readonly PixelScaling Unscaled = new();

    private readonly Tensor _pixels;  // uint8 [N, C, H, W]
    private readonly Tensor _labels;  // int64 [N, 1]
    private readonly PixelScaling _scaling;

    /// <summary>Copies <paramref name="images"/> to <paramref name="device"/>; <paramref name="scaling"/> says what numbers their pixels become.</summary>
    public ResidentImages(ImageSet images, Device device, PixelScaling? scaling = null)
    {
        _scaling = scaling ?? new();
        ArgumentNullException.ThrowIfNull(images);
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

    /// <summary>[C, H, W].</summary>
    public (long Channels, long Height, long Width) Shape => (_pixels.shape[1], _pixels.shape[2], _pixels.shape[3]);

    /// <summary>The images and labels at <paramref name="indices"/> (int64 [B]): scaled values, in [0, 1] unless told otherwise, float32 [B, C, H, W]; classes, int64 [B, 1].</summary>
    public (Tensor Images, Tensor Labels) Batch(Tensor indices)
    {
        var pixels = _pixels.index_select(0, indices).to(float32).mul_(ByteScale);
        return (_scaling == Unscaled ? pixels : _scaling.ToNumbers(pixels), _labels.index_select(0, indices));
    }

    /// <summary>Frees the memory.</summary>
    public void Dispose()
    {
        _pixels.Dispose();
        _labels.Dispose();
    }
}
