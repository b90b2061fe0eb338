using static TorchSharp.torch;

namespace Mezzotint.Sampling;

/// <summary>Sums and deviations over each image for itself, so that an image does not depend on its batch: [B, 1, 1,
/// 1].</summary>
internal static class PerImage
{
    /// <summary>The sum of an image's values.</summary>
    public static Tensor Sum(Tensor x) => Spread(x, x.flatten(1).sum(1));

    /// <summary>The standard deviation of an image's values from their own mean, divided by their number.</summary>
    public static Tensor Std(Tensor x) => Spread(x, x.flatten(1).std(1, unbiased: false));

    private static Tensor Spread(Tensor x, Tensor values) =>
        values.reshape([x.shape[0], .. Enumerable.Repeat(1L, (int)x.dim() - 1)]);
}
