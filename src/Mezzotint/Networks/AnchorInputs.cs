using Mezzotint.Runtime;
using static TorchSharp.torch;

namespace Mezzotint.Networks;

/// <summary>
/// For each anchor a, how far a noisy pixel is from it in deviations of the noise: clip((xHat - a) / level, -4, 4) / 2. Where the
/// pixel is a, that is half of its noise.
/// </summary>
/// <remarks>
/// Four fifths of the pixels of MNIST are exactly black. To predict their noise takes a slope of 1 / level, up to a thousand,
/// which a network of normalised layers learns slowly. Every e-fold of the level in which it does not costs bits of likelihood.
/// Here only whether the pixel is black is left to learn. Kingma et al. 2021, arXiv 2107.00630, section 3.1, give their network
/// steep sines of the pixels for the same purpose. Anchors are made for what the data hold, and are fewer and learned sooner:
/// docs/4-training.md has measurements of both. The network sees In xHat and ln(level) / 4, so both are known here: Karras et al.
/// 2022, arXiv 2206.00364, table 1.
/// </remarks>
internal static class AnchorInputs
{
    /// <summary>Where a distance is cut off, in deviations, and its factor, which makes it a number of the size of the
    /// others.</summary>
    public const double Limit = 4, Scale = 0.5;

    /// <summary>x and, beside its channels, those of each anchor: [B, C (1 + anchors), H, W].</summary>
    /// <param name="x">In xHat: [B, C, H, W].</param>
    /// <param name="t">ln(level) / 4: [B].</param>
    /// <param name="anchors">One or more.</param>
    /// <param name="dataStd">The data_std of the preconditioning.</param>
    public static Tensor Beside(Tensor x, Tensor t, IReadOnlyList<double> anchors, double dataStd)
    {
        using var scope = NewDisposeScope();
        var level = t.Times(4).exp().view(-1, 1, 1, 1);                                             // [B, 1, 1, 1]
        var noisy = x * level.Squared().Plus(dataStd * dataStd).sqrt();   // xHat
        return cat([x, .. anchors.Select(anchor => Clipped(noisy.Plus(-anchor) / level))], 1).MoveToOuterDisposeScope();
    }

    private static Tensor Clipped(Tensor distance)
    {
        using TorchSharp.Scalar low = -Limit, high = Limit; // held while libtorch reads them: see TensorArithmetic
        return distance.clamp(low, high).Times(Scale);
    }
}
