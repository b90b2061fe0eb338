namespace Mezzotint.Tests.Networks;

/// <summary>Layers of a network in float64 loops over plain arrays, one image [C, H, W] at a time: what the library's are
/// compared with.</summary>
internal static class PlainLayers
{
    public static double[] Linear(double[] x, double[] weight, double[] bias) =>
        [.. bias.Select((b, o) => b + x.Select((value, i) => value * weight[o * x.Length + i]).Sum())];

    public static double[] Silu(double[] x) => [.. x.Select(value => value / (1 + Math.Exp(-value)))];

    /// <param name="x">[C, H, W].</param>
    /// <param name="channels">C.</param>
    /// <param name="together">The channels of a group.</param>
    /// <param name="weight">[C].</param>
    /// <param name="bias">[C].</param>
    public static double[] GroupNorm(double[] x, int channels, int together, double[] weight, double[] bias)
    {
        int size = x.Length / channels * together;
        var result = new double[x.Length];
        for (int start = 0; start < x.Length; start += size)
        {
            var group = x.Skip(start).Take(size);
            double mean = group.Average(), variance = group.Average(value => (value - mean) * (value - mean));
            for (int i = start; i < start + size; i++)
                result[i] =
                    (x[i] - mean) / Math.Sqrt(variance + 1e-5) * weight[i * channels / x.Length] + bias[i * channels / x.Length];
        }
        return result;
    }

    /// <summary>A convolution of an odd kernel that keeps the size of the map, with zeros around it.</summary>
    public static double[] Convolution(
        double[] x, int channels, int height, int width, double[] weight, double[] bias, int kernel)
    {
        int half = kernel / 2;
        var result = new double[bias.Length * height * width];
        for (int o = 0; o < bias.Length; o++)
            for (int row = 0; row < height; row++)
                for (int column = 0; column < width; column++)
                {
                    double sum = bias[o];
                    for (int c = 0; c < channels; c++)
                        for (int i = 0; i < kernel; i++)
                            for (int j = 0; j < kernel; j++)
                                if (row + i - half is var y && y >= 0 && y < height && column + j - half is var z && z >= 0
                                    && z < width)
                                    sum += weight[((o * channels + c) * kernel + i) * kernel + j] * x[
                                        (c * height + y) * width + z];
                    result[(o * height + row) * width + column] = sum;
                }
        return result;
    }
}
