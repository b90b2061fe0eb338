using Mezzotint.Formats;
using Mezzotint.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Mezzotint.Data;

/// <summary>The bytes of images as pixels 0 to 1, and back.</summary>
internal static class PixelTensors
{
    private static readonly Scalar Black = 0, White = 1;

    /// <summary>float32 [N, C, H, W].</summary>
    public static Tensor Of(ImageBatch images)
    {
        using var scope = NewDisposeScope();
        return tensor(images.Pixels, [images.Count, images.Channels, images.Height, images.Width]).to(float32).Over(255)
            .MoveToOuterDisposeScope();
    }

    /// <summary>What lies outside of 0 to 1, brought to the border.</summary>
    public static Tensor Clamped(Tensor pixels) => pixels.clamp(Black, White);

    /// <summary>The nearest of 256 values, row-major; what lies outside of 0 to 1 is brought to the border.</summary>
    public static byte[] Bytes(Tensor pixels)
    {
        using var scope = NewDisposeScope();
        return Clamped(pixels).Times(255).round().to(ScalarType.Byte).cpu().contiguous().bytes.ToArray();
    }
}
