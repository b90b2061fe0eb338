using CsCheck;
using Mezzotint.Sampling;
using TorchSharp;
using static TorchSharp.torch;

namespace Mezzotint.Tests.Sampling;

public class GaussianMixtureDenoiserTests
{
    private static readonly GaussianMixtureDenoiser Mixture = GaussianMixtureDenoiser.TwoModes;

    [Fact]
    public void The_estimate_is_the_mean_of_what_may_lie_behind()
    {
        // E[x_0 | x] by summing over x_0 on a fine grid: prior times likelihood, which the closed form knows nothing of.
        using var scope = NewDisposeScope();
        Gen.Select(Gen.Double[-4, 4], Gen.Double[-1.5, 2]).Sample((x, logSigma) =>
        {
            double sigma = Math.Pow(10, logSigma), sum = 0, weight = 0;
            for (double clean = -6; clean <= 6; clean += 0.001)
            {
                double p = (
                    0.4 / 0.5 * Math.Exp(-Math.Pow((clean + 1) / 0.5, 2) / 2)
                        + 0.6 / 0.35 * Math.Exp(-Math.Pow((clean - 1.2) / 0.35, 2) / 2))
                    * Math.Exp(-Math.Pow((x - clean) / sigma, 2) / 2);
                (sum, weight) = (sum + p * clean, weight + p);
            }
            Assert.Equal(sum / weight, Denoise(x, sigma), 1e-6);
        }, iter: 40, threads: 1);
    }

    [Fact]
    public void The_score_is_the_slope_of_the_logarithm_of_the_density()
    {
        // (D - x) / sigma^2 for images of two pixels, which are of one component: not a product of one-pixel densities.
        using var scope = NewDisposeScope();
        double LogDensity(double a, double b, double sigma) =>
            Math.Log(new[] { (0.4, -1.0, 0.5), (0.6, 1.2, 0.35) }.Sum(component =>
        {
            var (w, m, s) = component;
            double variance = s * s + sigma * sigma;
            return w / variance * Math.Exp(-((a - m) * (a - m) + (b - m) * (b - m)) / (2 * variance));
        }));
        Gen.Select(Gen.Double[-3, 3], Gen.Double[-3, 3], Gen.Double[0.2, 5]).Sample((a, b, sigma) =>
        {
            const double h = 1e-5;
            double slope = (LogDensity(a + h, b, sigma) - LogDensity(a - h, b, sigma)) / (2 * h);
            using var x = tensor(new[] { a, b }, [1, 1, 1, 2]);
            double denoised = Mixture.Denoise(x, sigma).flatten()[0].item<double>();
            Assert.Equal(slope, (denoised - a) / (sigma * sigma), 1e-5 * (1 + Math.Abs(slope)));
        }, threads: 1);
    }

    [Fact]
    public void Without_noise_an_image_is_its_own_estimate_and_in_nothing_but_noise_the_mean_is()
    {
        using var scope = NewDisposeScope();
        Assert.Equal(0.3, Denoise(0.3, 0), 1e-15);
        Assert.Equal(Mixture.Mean, Denoise(0.3, 1e9), 1e-9);
    }

    [Fact]
    public void Shape_and_type_are_those_of_the_images_and_none_is_fine()
    {
        using var scope = NewDisposeScope();
        var denoised = Mixture.Denoise(randn(2, 3, 4, 5), 1);
        Assert.Equal((ScalarType.Float32, "2 3 4 5"), (denoised.dtype, string.Join(' ', denoised.shape)));
        Assert.Equal(0, Mixture.Denoise(zeros(0, 1, 2, 2), 1).shape[0]);
    }

    [Fact]
    public void Draws_have_the_mean_and_the_variance_that_they_are_said_to_have()
    {
        using var scope = NewDisposeScope();
        const int count = 40_000;
        foreach (double sigma in new[] { 0, 2.0 })
        {
            var x = Mixture.Draw(sigma, count, 1, seed: 5).flatten();
            double variance = Mixture.Variance + sigma * sigma;
            Assert.Equal(Mixture.Mean, x.mean().item<double>(), 4 * Math.Sqrt(variance / count));
            // a normal's error: two modes have less
            Assert.Equal(variance, x.var().item<double>(), 4 * variance * Math.Sqrt(2.0 / count));
        }
        Assert.True(Mixture.Draw(1, 5, 2, seed: 8).Equals(Mixture.Draw(1, 5, 2, seed: 8)));
    }

    [Fact]
    public void The_density_integrates_to_1_with_the_mean_and_the_variance()
    {
        foreach (double sigma in new[] { 0, 0.3, 2 })
        {
            const double h = 0.001;
            double[] places = [.. Enumerable.Range(-20_000, 40_001).Select(i => i * h)];
            double Integral(Func<double, double> f) => places.Sum(x => f(x) * Mixture.Density(x, sigma) * h);
            Assert.Equal(1, Integral(_ => 1), 1e-9);
            Assert.Equal(Mixture.Mean, Integral(x => x), 1e-9);
            Assert.Equal(Mixture.Variance + sigma * sigma, Integral(x => (x - Mixture.Mean) * (x - Mixture.Mean)), 1e-9);
        }
        Assert.Throws<ArgumentOutOfRangeException>(() => Mixture.Density(0, -1));
    }

    [Fact]
    public void Weights_are_shares_of_their_sum()
    {
        using var scope = NewDisposeScope();
        var doubled = new GaussianMixtureDenoiser([0.8, 1.2], [-1, 1.2], [0.5, 0.35]);
        Assert.Equal((Mixture.Mean, Mixture.Variance), (doubled.Mean, doubled.Variance));
    }

    [Theory]
    [InlineData(new double[0], new double[0], new double[0], "at least one component")]
    [InlineData(new[] { 1.0 }, new[] { 0.0, 1 }, new[] { 1.0 }, "1 weights, 2 means and 1 standard deviations")]
    [InlineData(new[] { 1.0, 0 }, new[] { 0.0, 1 }, new[] { 1.0, 1 }, "Weights 1, 0")]
    [InlineData(new[] { 1.0 }, new[] { double.NaN }, new[] { 1.0 }, "Means NaN")]
    [InlineData(new[] { 1.0 }, new[] { 0.0 }, new[] { 0.0 }, "Standard deviations 0")]
    public void What_is_no_mixture_is_refused(double[] weights, double[] means, double[] stds, string message) =>
        Assert.Contains(
            message, Assert.Throws<ArgumentException>(() => new GaussianMixtureDenoiser(weights, means, stds)).Message,
            StringComparison.Ordinal);

    private static double Denoise(double x, double sigma)
    {
        using var image = tensor(new[] { x }, [1, 1, 1, 1]);
        return Mixture.Denoise(image, sigma).item<double>();
    }
}
