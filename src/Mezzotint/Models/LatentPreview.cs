using Mezzotint.Runtime;
using Mezzotint.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace Mezzotint.Models;

/// <summary>
/// The linear map from scaled latents to colours by which a walk is watched, place by place. Autoencoders that were trained here
/// have it beside their weights. For those of others it is fitted by least squares to three pictures of random colours: two soft
/// ones, and one of flat patches with a soft one in front. Their latents are given the mean colours of their squares.
/// </summary>
/// <remarks>A picture has <see cref="Side"/> x <see cref="Side"/> places, so the fit costs three encodings of 1/16 of the work of
/// 64 x 64 latents, once, and no decoding.</remarks>
internal static class LatentPreview
{
    /// <summary>Places of a picture, along a side.</summary>
    private const int Side = 16;

    private const int CoarseCells = 4, FineCells = 8; // of the random colours, along a side
    private const int Shades = 3;                     // of flat patches: 0, 1/2 and 1

    /// <summary>The map of an autoencoder: float32 [C, c + 1], the constants last; it belongs to no scope.</summary>
    public static Tensor Of(LoadedAutoencoder autoencoder)
    {
        var (network, info) = autoencoder;
        long images = network.Config.InChannels, latents = network.Config.LatentChannels;
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var map = info.Preview.Count == images * (latents + 1)
            ? tensor([.. info.Preview.Select(number => (float)number)], [images, latents + 1]) : Fitted(autoencoder);
        return map.to(float32).DetachFromDisposeScope();
    }

    /// <summary>The same as if it said none: float64.</summary>
    internal static Tensor Fitted(LoadedAutoencoder autoencoder)
    {
        using var scope = NewDisposeScope();
        var config = autoencoder.Network.Config;
        long margin = config.Margin, frame = (2 * margin + config.Factor - 1) / config.Factor; // in places, along a side
        var pixels = Pictures(config.InChannels, (Side + frame) * config.Factor - 2 * margin);
        var (latents, _) = LatentFolder.Distribution(autoencoder, pixels, config.ScalingFactor);
        return LatentStatistics.ColoursOf(
            LatentStatistics.Places(latents), LatentStatistics.Places(LatentStatistics.Squares(pixels, config)))
            .MoveToOuterDisposeScope();
    }

    /// <summary>The pictures, 0 to 1: [3, C, side, side].</summary>
    private static Tensor Pictures(int channels, long side)
    {
        var stream = new RandomStream(0);
        Tensor Cells(int cells, int channels) => tensor(
            [.. Enumerable.Range(0, channels * cells * cells).Select(_ => (float)stream.NextDouble())],
            [1, channels, cells, cells]);
        Tensor Soft(int cells, int channels) =>
            nn.functional.interpolate(Cells(cells, channels), [side, side], mode: InterpolationMode.Bilinear);
        Tensor Flat(int cells, int channels) => nn.functional.interpolate(
            Cells(cells, channels).Times(Shades).floor().Times(1.0 / (Shades - 1)), [side, side]);
        Tensor fine = Soft(FineCells, channels), coarse = Soft(CoarseCells, channels);
        using Scalar half = 0.5;
        var shapes = where(Soft(FineCells, 1).gt(half), Soft(CoarseCells, channels), Flat(CoarseCells, channels));
        return cat([fine, coarse, shapes]);
    }
}
