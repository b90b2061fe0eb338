using Mezzotint.Data;
using Mezzotint.Networks;
using Mezzotint.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Mezzotint.Training;

/// <summary>What a diffusion model needs to know of an autoencoder's latents.</summary>
/// <param name="ScalingFactor">1 / the standard deviation of all latents. Rombach et al. 2022, arXiv 2112.10752, appendix
/// G.</param>
/// <param name="Preview">The linear map from scaled latents to colours that fits best: for each channel the weights of the
/// latents, then a constant.</param>
internal sealed record LatentStatistics(double ScalingFactor, IReadOnlyList<double> Preview)
{
    private const int MostImages = 1024, ImagesAtOnce = 16;
    private const double Ridge = 1e-6; // so that latents that never differ leave the equations solvable

    /// <summary>Finds both from the first training images.</summary>
    /// <param name="autoencoder">The network.</param>
    /// <param name="train">What it was trained on.</param>
    public static LatentStatistics Of(Autoencoder autoencoder, ImageSet train)
    {
        using var scope = NewDisposeScope();
        using var inference = inference_mode();
        var device = autoencoder.parameters().First().device;
        using var images = new ResidentImages(train.Take(Math.Min(MostImages, train.Count)), device);
        using var generator = new Generator(0, CPU);
        var (latents, colours) = (new List<Tensor>(), new List<Tensor>());
        for (int start = 0; start < images.Count; start += ImagesAtOnce)
        {
            using var inner = NewDisposeScope();
            using Scalar first = start, end = Math.Min(start + ImagesAtOnce, images.Count), one = 1;
            var pixels = images.Batch(arange(first, end, one, dtype: ScalarType.Int64, device: device)).Images; // [B, C, H, W]
            var moments = autoencoder.Encode(pixels.Times(2).Plus(-1));
            var z = moments.Sample(randn(moments.Mean.shape, generator: generator).to(device)); // [B, c, h, w]
            latents.Add(Places(z).MoveToOuterDisposeScope());
            colours.Add(Places(Squares(pixels, autoencoder.Config)).MoveToOuterDisposeScope());
        }
        var all = cat(latents); // [N, c]
        double scaling = 1 / all.std().item<double>();
        return new(scaling, ColoursOf(all.Times(scaling), cat(colours)).data<double>().ToArray());
    }

    /// <summary>The linear map that fits best, by least squares: float64 [C, c + 1], the constants last.</summary>
    /// <param name="latents">Scaled latents of places: float64 [N, c].</param>
    /// <param name="colours">Their mean colours: float64 [N, C].</param>
    public static Tensor ColoursOf(Tensor latents, Tensor colours)
    {
        using var scope = NewDisposeScope();
        var x = cat([latents, ones(latents.shape[0], 1, dtype: float64)], 1);                         // [N, c + 1]
        var square = x.t().matmul(x).Plus(eye(x.shape[1], dtype: float64).Times(Ridge * x.shape[0])); // normal equations
        return linalg.solve(square, x.t().matmul(colours)).t().contiguous().MoveToOuterDisposeScope();
    }

    /// <summary>The mean colours of the squares that latents stand for; a margin is black. [B, C, H, W] to
    /// [B, C, h, w].</summary>
    public static Tensor Squares(Tensor pixels, AutoencoderConfig config)
    {
        long margin = config.Margin;
        return nn.functional.avg_pool2d(nn.functional.pad(pixels, [margin, margin, margin, margin]), config.Factor);
    }

    /// <summary>[B, C, H, W] as float64 [B H W, C] on the CPU.</summary>
    public static Tensor Places(Tensor map) => map.permute(0, 2, 3, 1).reshape(-1, map.shape[1]).to(float64).cpu();
}
