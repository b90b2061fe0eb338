using Mezzotint.Networks;
using Mezzotint.Noise;
using Mezzotint.Runtime;
using static TorchSharp.torch;

namespace Mezzotint.Training;

/// <summary>
/// The seed's loss: the sum over pixels of (h + z)^2, where h is the network's output at x_t = x_0 + std(t) z, so that h / std(t)
/// learns the score -z / std(t). Vincent 2011, "A Connection Between Score Matching and Denoising Autoencoders", weighted by std(t)^2
/// as in Song et al. 2021, arXiv 2011.13456, equation 7.
/// </summary>
public static class ScoreMatchingLoss
{
    /// <summary>The loss of each image: [B].</summary>
    /// <param name="network">What predicts h.</param>
    /// <param name="process">Gives std(t).</param>
    /// <param name="images">x_0 in [0, 1]: [B, C, H, W].</param>
    /// <param name="labels">int64 [B, 1].</param>
    /// <param name="draw">One time and one noise an image, on the images' device.</param>
    public static Tensor PerImage(UNet network, VarianceExploding process, Tensor images, Tensor labels, NoiseDraw draw)
    {
        ArgumentNullException.ThrowIfNull(network);
        ArgumentNullException.ThrowIfNull(images);
        ArgumentNullException.ThrowIfNull(draw);
        var x = images.Plus(process.Std(draw.Times).view(-1, 1, 1, 1) * draw.Noise);  // [B, C, H, W]
        var h = network.call(x, draw.Times, labels);
        return h.Plus(draw.Noise).Squared().sum([1, 2, 3]);                           // [B]
    }
}

/// <summary>The random numbers of one batch: a time and a noise an image.</summary>
/// <param name="Times">t ~ U(minimum time, 1): [B].</param>
/// <param name="Noise">z ~ N(0, I): [B, C, H, W].</param>
public sealed record NoiseDraw(Tensor Times, Tensor Noise)
{
    /// <summary>Draws on the CPU, whatever the device of the training, so that a seed means the same everywhere.</summary>
    public static NoiseDraw From(Generator generator, VarianceExploding process, long count, long channels, long height, long width)
    {
        ArgumentNullException.ThrowIfNull(process);
        var times = rand(count, generator: generator).Times(1 - process.MinimumTime).Plus(process.MinimumTime);
        return new NoiseDraw(times, randn(count, channels, height, width, generator: generator));
    }

    /// <summary>The same draws on another device.</summary>
    public NoiseDraw To(Device device) => new(Times.to(device), Noise.to(device));

    /// <summary>The draws of the images from <paramref name="start"/> on.</summary>
    public NoiseDraw Slice(long start, long count) => new(Times.narrow(0, start, count), Noise.narrow(0, start, count));
}
