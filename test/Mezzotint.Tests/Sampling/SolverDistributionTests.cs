using Mezzotint.Sampling;
using static TorchSharp.torch;

namespace Mezzotint.Tests.Sampling;

/// <summary>Stochastic solvers turn the exact noisy mixture into the mixture: mean, variance and weights of the modes within sampling error.</summary>
public class SolverDistributionTests
{
    private const int Count = 20_000;
    private static readonly GaussianMixture Mixture = GaussianMixture.TwoModes;

    /// <summary>Churn with S_noise 1 and Langevin steps, which have tests of their own, aside: lcm needs another model.</summary>
    public static TheoryData<string> Cases { get; } = [.. SolverCases.All.Where(entry => entry.Value.Stochastic && entry.Key is not ("lcm" or "predictor-corrector")).Select(entry => entry.Key)];

    [Theory, MemberData(nameof(Cases))]
    public void Moments_and_weights_are_the_mixtures(string name)
    {
        using var scope = NewDisposeScope();
        var churn = new Churn { Amount = 20, Min = 0.05, Max = 50 };
        var solver = name switch
        {
            "euler churn" => Solvers.Euler(churn),
            "heun churn" => Solvers.Heun(churn),
            "dpm2 churn" => Solvers.Dpm2(churn),
            _ => SolverCases.All[name],
        };
        var x = Mixture.Draw(80, Count, 1, seed: 3);
        var result = solver.Solve(Input(x, GaussianMixture.LevelsToZero(solver.Order == 1 ? 240 : 100, 80, 0.03)));
        AssertIsMixture(result.flatten(), Count);
    }

    [Fact]
    public void Predictor_corrector_draws_from_the_mixture()
    {
        // Langevin steps are scaled by norms, which mean what they should in many dimensions. An image's step is the longer the smaller its own
        // score is, so that what is reached is p |s|^2 rather than p: the variance is too large by 2 / d, d the number of pixels.
        using var scope = NewDisposeScope();
        const int count = 250, pixels = 128; // under the 32768 values from which libtorch splits an operation over threads
        double[] weights = [0.4, 0.6], means = [-0.5, 0.4], stds = [0.9, 0.7];
        var mixture = new GaussianMixture(weights, means, stds);
        var x = mixture.Draw(30, count, pixels, seed: 4);
        var input = new SolverInput { Denoiser = mixture, Levels = GaussianMixture.LevelsToZero(300, 30, 0.02), X = x, Labels = GaussianMixture.NoLabels, Noise = GaussianMixture.Noise(x.shape) };
        var result = Solvers.PredictorCorrector(0.05).Solve(input).flatten(1);

        // All pixels of an image share a mode, which its mean tells: that strays by 0.08 at most from the mode's.
        var first = result.mean([1]) < -0.05;
        for (int k = 0; k < 2; k++)
        {
            var mode = result[k == 0 ? first : first.logical_not()];
            double n = mode.shape[0];
            Assert.Equal(weights[k], n / count, 4 * Math.Sqrt(0.24 / count));
            Assert.Equal(means[k], mode.mean().item<double>(), 4 * stds[k] / Math.Sqrt(n * pixels));
            Assert.Equal(1, mode.var().item<double>() / (stds[k] * stds[k]), 2.0 / pixels + 4 * Math.Sqrt(2 / (n * pixels)) + 0.01); // and the predictor's bias
        }
    }

    [Fact]
    public void Lcm_draws_from_a_Gaussian_with_its_consistency_function()
    {
        // For N(m, s^2) the path from (x, sigma) ends at m + (x - m) s / sqrt(s^2 + sigma^2).
        using var scope = NewDisposeScope();
        const double m = 0.3, s = 0.6;
        var x = (randn(Count, 1, 1, 1, dtype: float64) * Math.Sqrt(s * s + 6400) + m).MoveToOuterDisposeScope();
        foreach (int steps in new[] { 1, 2, 5 })
        {
            var result = Solvers.Lcm().Solve(Input(x, GaussianMixture.LevelsToZero(steps, 80), new ConsistentGaussian(m, s)));
            Assert.Equal(m, result.mean().item<double>(), 4 * s / Math.Sqrt(Count));
            Assert.Equal(s * s, result.var().item<double>(), 4 * s * s * Math.Sqrt(2.0 / Count));
        }
    }

    private static SolverInput Input(Tensor x, double[] levels, IDenoiser? denoiser = null) =>
        new() { Denoiser = denoiser ?? Mixture, Levels = levels, X = x, Labels = GaussianMixture.NoLabels, Noise = GaussianMixture.Noise(x.shape) };

    private static void AssertIsMixture(Tensor x, int count)
    {
        // Four standard errors and, for the variance, one per cent for what the steps do not reach.
        double below = (x < 0.2).to(float64).mean().item<double>();
        double expected = 0.4 * Normal((0.2 + 1) / 0.5) + 0.6 * Normal((0.2 - 1.2) / 0.35);
        Assert.Equal(expected, below, 4 * Math.Sqrt(expected * (1 - expected) / count));
        Assert.Equal(Mixture.Mean, x.mean().item<double>(), 4 * Math.Sqrt(Mixture.Variance / count));
        var centred = x - Mixture.Mean;
        double fourth = centred.pow(4).mean().item<double>();
        double error = 4 * Math.Sqrt((fourth - Mixture.Variance * Mixture.Variance) / count) + 0.01 * Mixture.Variance;
        Assert.Equal(Mixture.Variance, centred.pow(2).mean().item<double>(), error);
    }

    private static double Normal(double z)
    {
        using var scope = NewDisposeScope();
        return 0.5 * (1 + tensor(z / Math.Sqrt(2)).erf().item<double>());
    }

    private sealed class ConsistentGaussian(double mean, double std) : IDenoiser
    {
        public Tensor Denoise(Tensor x, double sigma, Tensor labels) => (x - mean) * (std / Math.Sqrt(std * std + sigma * sigma)) + mean;
    }
}
