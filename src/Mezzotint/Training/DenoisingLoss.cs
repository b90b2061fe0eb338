using Mezzotint.Networks;
using Mezzotint.Runtime;
using static TorchSharp.torch;

namespace Mezzotint.Training;

/// <summary>
/// What is learned: at xHat = x_0 + level z the network's output F approaches F* = (x_0 - Skip xHat) / Out, and the loss of an
/// image is weight |F - F*|^2, the sum over its pixels. With the seed's settings F is -z where it is right, and the loss
/// |F + z|^2.
/// </summary>
/// <remarks>Vincent 2011, "A Connection Between Score Matching and Denoising Autoencoders"; Song et al. 2021, arXiv 2011.13456,
/// equation 7; Karras et al. 2022, arXiv 2206.00364, equation 8.</remarks>
public static class DenoisingLoss
{
    /// <summary>The loss of each image: [B].</summary>
    /// <param name="network">What predicts F.</param>
    /// <param name="images">x_0, scaled: [B, C, H, W].</param>
    /// <param name="labels">int64 [B, 1].</param>
    /// <param name="draw">One time and one noise an image, on the images' device.</param>
    public static Tensor PerImage(DenoisingNetwork network, Tensor images, Tensor labels, NoiseDraw draw)
    {
        ArgumentNullException.ThrowIfNull(network);
        ArgumentNullException.ThrowIfNull(images);
        ArgumentNullException.ThrowIfNull(draw);
        var terms = Terms(images, Condition.OfClasses(labels), draw);
        return terms.Losses(network.call(terms.X, terms.Times, terms.Condition));
    }

    /// <summary>What the network is asked, and the loss of its answer.</summary>
    internal static RegressionTerms Terms(Tensor images, Condition condition, NoiseDraw draw)
    {
        Tensor Factors(int index) => draw.Factors.select(1, index);                         // [B]
        Tensor Column(int index) => Factors(index).view(-1, 1, 1, 1);                       // [B, 1, 1, 1]
        var (x0, z) = (draw.Numbers(images), draw.Noise);                                    // [B, C, H, W]
        var x = (Column(NoiseDraw.ImageIn) * x0).Plus(Column(NoiseDraw.NoiseIn) * z);       // In xHat
        var f = (Column(NoiseDraw.ImageTarget) * x0).Plus(Column(NoiseDraw.NoiseTarget) * z); // F*
        return new(x, Factors(NoiseDraw.TimeIn), condition, Scale: null, Target: f, Factors(NoiseDraw.Weight), Huber: null);
    }
}
