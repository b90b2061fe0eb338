using Mezzotint.Data;
using static TorchSharp.torch;

namespace Mezzotint.Tests.Data;

/// <summary>How alike pictures are, beside the formulas computed place by place.</summary>
public class PixelSimilarityTests
{
    [Fact]
    public void Peak_signal_to_noise_is_that_of_the_mean_squared_difference()
    {
        using var scope = NewDisposeScope();
        var a = zeros(2, 1, 12, 12);
        var b = a.clone();
        b[0] = 0.1;  // a mean squared difference of 0.01
        b[1] = -0.5; // what lies outside is cut off
        double[] psnr = PixelSimilarity.PeakSignalToNoise(a, b);
        Assert.Equal(20, psnr[0], 1e-5);
        Assert.Equal(100, psnr[1]);
    }

    [Fact]
    public void Structural_similarity_is_the_mean_of_the_windows()
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(2, CPU);
        var a = rand([2, 2, 13, 14], generator: generator);
        var b = a * 0.7 + 0.2 * rand([2, 2, 13, 14], generator: generator);
        double[] similar = PixelSimilarity.StructuralSimilarity(a, b);
        Assert.Equal(Direct(a[1], b[1]), similar[1], 1e-6);
        Assert.Equal(1, PixelSimilarity.StructuralSimilarity(a, a)[0], 1e-9);
        Assert.Throws<ArgumentException>(() => PixelSimilarity.StructuralSimilarity(zeros(1, 1, 10, 12), zeros(1, 1, 10, 12)));
    }

    private static double Direct(Tensor first, Tensor second)
    {
        double[] w = [.. Enumerable.Range(-5, 11).Select(i => Math.Exp(-i * i / 4.5))];
        double all = w.Sum(), sum = 0;
        for (int c = 0; c < 2; c++)
            for (int top = 0; top < 3; top++)
                for (int left = 0; left < 4; left++)
                {
                    double mx = 0, my = 0, xx = 0, yy = 0, xy = 0;
                    for (int i = 0; i < 11; i++)
                        for (int j = 0; j < 11; j++)
                        {
                            double weight = w[i] * w[j] / (all * all);
                            double x = first[c, top + i, left + j].item<float>(), y = second[c, top + i, left + j].item<float>();
                            (mx, my, xx, yy, xy) =
                                (mx + weight * x, my + weight * y, xx + weight * x * x, yy + weight * y * y, xy + weight * x * y);
                        }
                    sum += (2 * mx * my + 1e-4) * (2 * (xy - mx * my) + 9e-4)
                        / ((mx * mx + my * my + 1e-4) * (xx - mx * mx + yy - my * my + 9e-4));
                }
        return sum / (2 * 3 * 4);
    }
}
