using Mezzotint.Networks;
using Mezzotint.Runtime;
using static TorchSharp.torch;

namespace Mezzotint.Training;

/// <summary>
/// What is learned: at xHat = x_0 + level z the network's output F approaches F* = (x_0 - Skip xHat) / Out, and the loss of an image is
/// weight |F - F*|^2, the sum over its pixels. With the seed's settings F is -z where it is right, and the loss |F + z|^2.
/// </summary>
/// <remarks>Vincent 2011, "A Connection Between Score Matching and Denoising Autoencoders"; Song et al. 2021, arXiv 2011.13456, equation 7; Karras
/// et al. 2022, arXiv 2206.00364, equation 8.</remarks>
public static class DenoisingLoss
{
    /// <summary>The loss of each image: [B].</summary>
    /// <param name="network">What predicts F.</param>
    /// <param name="images">x_0, scaled: [B, C, H, W].</param>
    /// <param name="labels">int64 [B, 1].</param>
    /// <param name="draw">One time and one noise an image, on the images' device. One in pairs has the loss of <see cref="ConsistencyTuning"/>.</param>
    public static Tensor PerImage(DenoisingNetwork network, Tensor images, Tensor labels, NoiseDraw draw)
    {
        ArgumentNullException.ThrowIfNull(network);
        ArgumentNullException.ThrowIfNull(images);
        ArgumentNullException.ThrowIfNull(draw);
        return PerImage(network.call, images, labels, draw);
    }

    /// <inheritdoc cref="PerImage(DenoisingNetwork, Tensor, Tensor, NoiseDraw)"/>
    internal static Tensor PerImage(NetworkCall network, Tensor images, Tensor labels, NoiseDraw draw)
    {
        var terms = Terms(network, images, labels, draw);
        return terms.PerImage(network(terms.X, terms.Times, Condition.OfClasses(labels)));
    }

    /// <summary>The loss as a regression.</summary>
    /// <param name="network">Asked where the target is an estimate of its own, without gradients.</param>
    /// <param name="images">As in <see cref="PerImage(DenoisingNetwork, Tensor, Tensor, NoiseDraw)"/>, like the others.</param>
    /// <param name="labels">int64 [B, 1].</param>
    /// <param name="draw">The times and the noise.</param>
    internal static RegressionTerms Terms(NetworkCall network, Tensor images, Tensor labels, NoiseDraw draw)
    {
        if (draw.Fill is not null)
            images = images.Plus(draw.Fill);
        if (draw.InPairs)
            return ConsistencyLoss.Terms(network, images, labels, draw);
        Tensor Column(int index) => draw.Factors.select(1, index).view(-1, 1, 1, 1);                             // [B, 1, 1, 1]
        var x = (Column(NoiseDraw.ImageIn) * images).Plus(Column(NoiseDraw.NoiseIn) * draw.Noise);               // [B, C, H, W]: In xHat
        var target = (Column(NoiseDraw.ImageTarget) * images).Plus(Column(NoiseDraw.NoiseTarget) * draw.Noise);  // [B, C, H, W]: F*
        return new RegressionTerms(x, draw.Factors.select(1, NoiseDraw.TimeIn), null, target, draw.Factors.select(1, NoiseDraw.Weight), null);
    }
}
