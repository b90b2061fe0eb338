using Mezzotint.Sampling;
using TorchSharp;
using static TorchSharp.torch;

namespace Mezzotint.Tests.Sampling;

/// <summary>Guidance by a classifier, held against a mixture whose posterior is known.</summary>
public class ClassifierGuidanceTests
{
    private readonly ClassMixture _mixture = new();

    [Theory]
    [InlineData(0.01, 1)]
    [InlineData(0.3, 1)]
    [InlineData(0.3, 5)]
    [InlineData(2, 3)]
    [InlineData(80, 3)]
    public void With_the_exact_posterior_a_denoiser_without_classes_becomes_that_of_each_images_class(double sigma, int pixels)
    {
        using var scope = NewDisposeScope();
        var x = SolverInputs.Start(Math.Max(sigma, 0.5), 6, pixels);
        int[] labels = [0, 1, 1, 0, 1, 0];
        var guided = new ClassifierGuidance { Scores = Posterior, Labels = labels }.Wrap(_mixture.Unconditional());
        var exact = _mixture.For([.. labels.Select(label => (long)label)]).Denoise(x, sigma);
        Assert.InRange(Largest(guided.Denoise(x, sigma) - exact), 0, 1e-9 * (1 + sigma));
    }

    [Fact]
    public void The_scale_counts_the_difference_of_the_scores()
    {
        using var scope = NewDisposeScope();
        var x = SolverInputs.Start(1, 5, 2);
        var (without, with) = (_mixture.Unconditional().Denoise(x, 0.7), _mixture.For(1).Denoise(x, 0.7));
        foreach (double scale in new[] { 0, 0.5, 3 })
        {
            var guidance = new ClassifierGuidance { Scores = Posterior, Labels = [1], Scale = scale };
            var guided = guidance.Wrap(_mixture.Unconditional());
            Assert.InRange(Largest(guided.Denoise(x, 0.7) - (without + scale * (with - without))), 0, 1e-12);
        }
    }

    [Fact]
    public void Outside_of_its_interval_the_classifier_is_not_asked()
    {
        using var scope = NewDisposeScope();
        var asked = new List<double>();
        Tensor Watched(Tensor at, double sigma)
        {
            asked.Add(sigma);
            return Posterior(at, sigma);
        }
        var guidance = new ClassifierGuidance { Scores = Watched, Labels = [1], Low = 0.3, High = 2 };
        var guided = guidance.Wrap(_mixture.Unconditional());
        var x = SolverInputs.Start(1, 4, 2);
        foreach (double sigma in new[] { 0.2, 0.3, 1, 2, 2.5 })
        {
            double shift = Largest(guided.Denoise(x, sigma) - _mixture.Unconditional().Denoise(x, sigma));
            Assert.Equal(sigma is >= 0.3 and <= 2, shift > 0);
        }
        Assert.Equal([0.3, 1, 2], asked);
    }

    [Theory]
    [InlineData("heun")]
    [InlineData("ddim")]
    [InlineData("ddpm")]
    [InlineData("dpmpp-2m")]
    public void A_guided_walk_is_that_of_the_class(string name)
    {
        using var scope = NewDisposeScope();
        double[] levels = SolverInputs.LevelsToZero(20);
        var x = SolverInputs.Start(levels[0], 8, 2);
        Tensor Walk(IDenoiser denoiser) => Solvers.Named(name).Solve(
            new() { Denoiser = denoiser, Levels = levels, X = x, Noise = SolverInputs.Noise(x.shape) });
        var guided = new ClassifierGuidance { Scores = Posterior, Labels = [1] }.Wrap(_mixture.Unconditional());
        Assert.InRange(Largest(Walk(guided) - Walk(_mixture.For(1))), 0, 1e-8);
    }

    [Fact]
    public void A_classifier_of_clean_images_is_exact_where_the_data_are_a_Gaussian_and_its_logarithm_is_linear()
    {
        using var scope = NewDisposeScope();
        const double mean = 0.3, std = 0.6, slope = 1.7;
        var data = new GaussianMixtureDenoiser([1], [mean], [std]);
        // N(mean, std^2) times e^{slope x} is a Gaussian around mean + slope std^2.
        var tilted = new GaussianMixtureDenoiser([1], [mean + slope * std * std], [std]);
        // The other class is so likely that the logarithm of the softmax is the score itself, and a constant.
        var guidance = new ClassifierGuidance
        {
            Scores = (x, _) => stack([x.flatten(1).sum(1) * slope, full_like(x.flatten(1).sum(1), 80)], 1),
            Labels = [0],
            CleanStd = std,
        };
        var x = SolverInputs.Start(1, 5, 3);
        foreach (double sigma in new[] { 0.01, 0.5, 3, 50 })
            Assert.InRange(Largest(guidance.Wrap(data).Denoise(x, sigma) - tilted.Denoise(x, sigma)), 0, 1e-10);
    }

    [Fact]
    public void With_little_noise_a_classifier_of_clean_images_is_as_good_as_one_of_noisy_ones()
    {
        using var scope = NewDisposeScope();
        var x = SolverInputs.Start(0.6, 20, 1);
        double Off(double sigma)
        {
            var exact = _mixture.For(1).Denoise(x, sigma) - _mixture.Unconditional().Denoise(x, sigma);
            var guidance = new ClassifierGuidance { Scores = (at, _) => Posterior(at, 0), Labels = [1], CleanStd = 0.5 };
            var guided = guidance.Wrap(_mixture.Unconditional()).Denoise(x, sigma) - _mixture.Unconditional().Denoise(x, sigma);
            return Largest(guided - exact) / Largest(exact);
        }
        Assert.InRange(Off(0.01), 0, 2e-3);
        Assert.InRange(Math.Log2(Off(0.02) / Off(0.01)), 1.8, 2.2); // what is left out grows as sigma^2
    }

    [Fact]
    public void Both_estimates_of_cfg_plus_plus_are_shifted_alike()
    {
        using var scope = NewDisposeScope();
        using var inner = _mixture.Guided(new RenoisedGuidance { Weight = 0.6 }, 1);
        var guided = new ClassifierGuidance { Scores = Posterior, Labels = [1], Scale = 2 }.Wrap(inner);
        var x = SolverInputs.Start(1, 4, 2);
        var (before, after) = (inner.Estimate(x, 0.8), guided.Estimate(x, 0.8));
        Assert.InRange(Largest(after.Denoised - before.Denoised - (after.OfNoise! - before.OfNoise!)), 0, 1e-12);
        Assert.True(Largest(after.Denoised - before.Denoised) > 0.01);
        Assert.Contains(
            "cfg++", Assert.Throws<MezzotintException>(() => guided.Denoise(x, 0.8)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void It_works_in_inference_mode_in_float32_and_leaves_nothing_behind()
    {
        var guided = new ClassifierGuidance { Scores = Posterior, Labels = [1] }.Wrap(_mixture.Unconditional());
        var x = SolverInputs.Start(1, 4, 2);
        Tensor Ask()
        {
            using var inference = inference_mode();
            using var single = x.to(float32);
            return guided.Denoise(single, 0.8);
        }
        Ask().Dispose();
        GC.Collect(); // what earlier tests left is not counted
        GC.WaitForPendingFinalizers();
        long before = Tensor.TotalCount;
        var estimate = Ask();
        Assert.InRange(Tensor.TotalCount, 0, before + 1);
        using var scope = NewDisposeScope();
        Assert.Equal((ScalarType.Float32, false), (estimate.dtype, estimate.requires_grad));
        Assert.True(Largest(estimate - guided.Denoise(x, 0.8)) < 1e-5);
    }

    [Fact]
    public void What_is_no_classifier_is_refused()
    {
        using var scope = NewDisposeScope();
        var x = SolverInputs.Start(1, 4, 2);
        void Refused<T>(string why, ClassifierGuidance guidance) where T : Exception => Assert.Contains(
            why, Assert.Throws<T>(() => guidance.Wrap(_mixture.Unconditional()).Denoise(x, 1)).Message, StringComparison.Ordinal);
        var sound = new ClassifierGuidance { Scores = Posterior, Labels = [1] };
        Refused<MezzotintException>("classifier_guidance", sound with { Scale = -1 });
        Refused<MezzotintException>("classifier_guidance", sound with { Scale = double.NaN });
        Refused<MezzotintException>("guidance_interval", sound with { Low = 2, High = 1 });
        Refused<MezzotintException>("clean_std", sound with { CleanStd = 0 });
        Refused<ArgumentException>("one of the classifier's 2 classes", sound with { Labels = [2] });
        Refused<ArgumentException>("differentiable scores [4, classes]", sound with { Scores = (_, _) => zeros(4, 2) });
        Refused<ArgumentException>("differentiable scores", sound with { Scores = (at, _) => at });
    }

    /// <summary>ln w_k N(x; m_k, s_k^2 + sigma^2) of the two classes, all pixels of an image being of one.</summary>
    private static Tensor Posterior(Tensor x, double sigma) => stack([.. Enumerable.Range(0, 2).Select(k =>
    {
        double variance = ClassMixture.Stds[k] * ClassMixture.Stds[k] + sigma * sigma;
        var flat = x.flatten(1);
        double constant = Math.Log(ClassMixture.Weights[k]) - 0.5 * flat.shape[1] * Math.Log(variance);
        return (flat - ClassMixture.Means[k]).pow(2).sum(1) * (-0.5 / variance) + constant;
    })], 1);

    private static double Largest(Tensor error) => error.abs().max().to(float64).item<double>();
}
