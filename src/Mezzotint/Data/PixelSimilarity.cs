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
}
