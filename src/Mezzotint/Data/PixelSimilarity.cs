using Mezzotint.Runtime;
using static TorchSharp.torch;

namespace Mezzotint.Data;

/// <summary>How alike two pictures are, pixel by pixel.</summary>
public static class PixelSimilarity
{
    /// <summary>The peak signal-to-noise ratio of pictures that are the same to the last value of a byte, in decibels: there is
    /// no more to be seen in bytes.</summary>
    private const double Most = 100;

    /// <summary>The peak signal-to-noise ratio of each picture, -10 log10 of the mean squared difference, in decibels; 100 for
    /// equal ones.</summary>
    /// <param name="pictures">0 to 1; what lies outside is cut off: [B, C, H, W].</param>
    /// <param name="others">Of the same shape.</param>
    public static double[] PeakSignalToNoise(Tensor pictures, Tensor others)
    {
        ArgumentNullException.ThrowIfNull(pictures);
        ArgumentNullException.ThrowIfNull(others);
        using var scope = NewDisposeScope();
        var difference = PixelTensors.Clamped(pictures) - PixelTensors.Clamped(others);
        var error = (difference * difference).mean([1, 2, 3]).to(float64).cpu(); // [B]
        return [.. error.data<double>().ToArray().Select(mean => mean == 0 ? Most : Math.Min(Most, -10 * Math.Log10(mean)))];
    }

    /// <summary>The structural similarity of each picture: the mean over places and channels of SSIM in a Gaussian window of 11 x
    /// 11 with a deviation of 1.5 pixels; 1 for equal ones. Wang et al. 2004, "Image Quality Assessment", equation 13, with K1 =
    /// 0.01 and K2 = 0.03.</summary>
    /// <param name="pictures">0 to 1; what lies outside is cut off: [B, C, H, W], at least 11 x 11.</param>
    /// <param name="others">Of the same shape.</param>
    /// <exception cref="ArgumentException">They are smaller than the window.</exception>
    public static double[] StructuralSimilarity(Tensor pictures, Tensor others)
    {
        ArgumentNullException.ThrowIfNull(pictures);
        ArgumentNullException.ThrowIfNull(others);
        long count = pictures.shape[0], channels = pictures.shape[1], height = pictures.shape[2], width = pictures.shape[3];
        if (height < Window || width < Window)
            throw new ArgumentException($"Pictures of {height} x {width} are smaller than the window of {Window} x {Window}.",
                nameof(pictures));
        using var scope = NewDisposeScope();
        Tensor Planes(Tensor x) => PixelTensors.Clamped(x).to(float64).reshape(count * channels, 1, height, width);
        var (x, y) = (Planes(pictures), Planes(others));
        var across =
            tensor([.. Enumerable.Range(-Window / 2, Window).Select(i => Math.Exp(-0.5 * i * i / (Deviation * Deviation)))]);
        across = (across / across.sum()).reshape(1, 1, 1, Window);
        Tensor Mean(Tensor plane) => nn.functional.conv2d(nn.functional.conv2d(plane, across), across.transpose(2, 3));
        var (mx, my) = (Mean(x), Mean(y));                                          // [B C, 1, H - 10, W - 10]
        var (vx, vy, both) = (Mean(x * x) - mx * mx, Mean(y * y) - my * my, Mean(x * y) - mx * my);
        const double C1 = 0.01 * 0.01, C2 = 0.03 * 0.03;
        var similarity = (mx * my).Times(2).Plus(C1) * both.Times(2).Plus(C2)
            / ((mx * mx).Plus(my * my).Plus(C1) * vx.Plus(vy).Plus(C2));
        return similarity.mean([1, 2, 3]).reshape(count, channels).mean([1]).data<double>().ToArray();
    }

    private const int Window = 11;
    private const double Deviation = 1.5;
}
