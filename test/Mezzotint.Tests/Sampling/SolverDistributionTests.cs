using Mezzotint.Noise;
using Mezzotint.Sampling;
using Mezzotint.Tests.Noise;
using static TorchSharp.torch;

namespace Mezzotint.Tests.Sampling;

/// <summary>
/// Stochastic solvers turn the exact noisy mixture into the mixture, over the levels of every process: mean, variance and weights
/// of the modes within four standard errors.
/// </summary>
public class SolverDistributionTests
{
    // The more draws, the smaller the error that shows, and the more steps are needed before the solver's own no longer does:
    // below one of the four standard errors that are allowed. Solvers of first order take many steps.
    private static readonly (int Steps, int Draws) FirstOrder = (600, 4000), HigherOrder = (150, 8000), Seed = (1000, 4000);
    private static readonly GaussianMixtureDenoiser Mixture = GaussianMixtureDenoiser.TwoModes;

    private static readonly IReadOnlyDictionary<string, NoiseProcess> Processes = Mezzotint.Tests.Noise.Processes.OfEachKind;

    // that of SolverCases adds more noise than is due
    private static readonly Churn Churn = new() { Amount = 20, Min = 0.05, Max = 50 };

    public static TheoryData<string> Names { get; } = [.. Processes.Keys];

    /// <summary>Aside are Langevin steps and lcm's other model, which have tests of their own.</summary>
    public static TheoryData<string, string> Cases { get; } = [.. from process in Processes.Keys
                                                                  from entry in SolverCases.All
                                                                  where entry.Value.Stochastic
                                                                      && entry.Key is not ("lcm" or "predictor-corrector")
                                                                  select (process, entry.Key)];

    [Theory, MemberData(nameof(Cases))]
    public void Moments_and_weights_are_the_mixtures(string process, string name)
    {
        var solver = name switch
        {
            "euler churn" => Solvers.Euler(Churn),
            "heun churn" => Solvers.Heun(Churn),
            "dpm2 churn" => Solvers.Dpm2(Churn),
            _ => SolverCases.All[name],
        };
        var (steps, draws) = solver.Order == 1 ? FirstOrder : HigherOrder;
        AssertIsMixture(solver, NoiseLevels.Karras(Processes[process], steps), draws);
    }

    [Theory, MemberData(nameof(Names))]
    public void Euler_Maruyama_in_the_process_and_at_its_own_times_draws_from_the_mixture(string process) =>
        AssertIsMixture(EulerMaruyama.For(Processes[process]), NoiseLevels.Uniform(Processes[process], Seed.Steps), Seed.Draws);

    [Theory, MemberData(nameof(Names))]
    public void Lcm_draws_from_the_mixture_with_its_consistency_function(string process)
    {
        foreach (int steps in new[] { 1, 2, 5 })
            AssertIsMixture(Solvers.Lcm(), NoiseLevels.Karras(Processes[process], steps), 20_000, new ConsistentMixture());
    }

    [Fact]
    public void Levels_that_stand_there_twice_keep_the_mixture_where_noise_is_put_in_and_taken_out()
    {
        static double[] Twice(double[] levels) => [.. levels[..^1].SelectMany(level => new[] { level, level }), levels[^1]];
        var process = Processes["VP"];
        AssertIsMixture(Solvers.Heun(Churn), Twice(NoiseLevels.Karras(process, HigherOrder.Steps)), HigherOrder.Draws);
        AssertIsMixture(Solvers.Lcm(), Twice(NoiseLevels.Karras(process, 3)), 20_000, new ConsistentMixture());
    }

    /// <summary>
    /// Langevin steps are scaled by norms, which mean what they should in many dimensions. An image's step is the longer the
    /// smaller its own score is, so that what is reached is p |s|^2 rather than p: the variance is too large by 2 / d, d the
    /// number of pixels.
    /// </summary>
    [Theory, MemberData(nameof(Names))]
    public void Predictor_corrector_draws_from_the_mixture(string process)
    {
        using var scope = NewDisposeScope();
        const int count = 250, pixels = 128;
        double[] weights = [0.4, 0.6], means = [-0.5, 0.4], stds = [0.9, 0.7];
        var mixture = new GaussianMixtureDenoiser(weights, means, stds);
        double[] levels = NoiseLevels.Karras(Processes[process], 300);
        var result = Solvers.PredictorCorrector(0.05)
            .Solve(Input(mixture.Draw(levels[0], count, pixels, seed: 4), levels, mixture)).flatten(1);

        // All pixels of an image share a mode, which its mean tells: that strays by 0.08 at most from the mode's.
        var first = result.mean([1]) < -0.05;
        for (int k = 0; k < 2; k++)
        {
            var mode = result[k == 0 ? first : first.logical_not()];
            double n = mode.shape[0];
            Assert.Equal(weights[k], n / count, 4 * Math.Sqrt(0.24 / count));
            Assert.Equal(means[k], mode.mean().item<double>(), 4 * stds[k] / Math.Sqrt(n * pixels));
            // and the predictor's bias
            Assert.Equal(
                1, mode.var().item<double>() / (stds[k] * stds[k]), 2.0 / pixels + 4 * Math.Sqrt(2 / (n * pixels)) + 0.01);
        }
    }

    private static SolverInput Input(Tensor x, double[] levels, IDenoiser denoiser) =>
        new() { Denoiser = denoiser, Levels = levels, X = x, Noise = SolverInputs.Noise(x.shape) };

    private static void AssertIsMixture(Solver solver, double[] levels, int count, IDenoiser? denoiser = null)
    {
        using var scope = NewDisposeScope();
        var x = solver.Solve(Input(Mixture.Draw(levels[0], count, 1, seed: 3), levels, denoiser ?? Mixture)).flatten();

        double below = (x < 0.2).to(float64).mean().item<double>();
        using var threshold = tensor(0.2, float64);
        double expected = Cumulative(threshold, 0).item<double>();
        Assert.Equal(expected, below, 4 * Math.Sqrt(expected * (1 - expected) / count));
        Assert.Equal(Mixture.Mean, x.mean().item<double>(), 4 * Math.Sqrt(Mixture.Variance / count));
        var centred = x - Mixture.Mean;
        double fourth = centred.pow(4).mean().item<double>();
        Assert.Equal(
            Mixture.Variance, centred.pow(2).mean().item<double>(),
            4 * Math.Sqrt((fourth - Mixture.Variance * Mixture.Variance) / count));
    }

    /// <summary>How much of the mixture with noise sigma is below x.</summary>
    private static Tensor Cumulative(Tensor x, double sigma)
    {
        Tensor Normal(double mean, double std) =>
            0.5 * (1 + ((x - mean) / (Math.Sqrt(2) * Math.Sqrt(std * std + sigma * sigma))).erf());
        return 0.4 * Normal(-1, 0.5) + 0.6 * Normal(1.2, 0.35);
    }

    /// <summary>
    /// Where the path of the probability flow from (x, sigma) ends. In one dimension paths cannot cross, so that what is below
    /// stays below: the end is the quantile of the mixture that x is of the noisy mixture, found by halving.
    /// </summary>
    private sealed class ConsistentMixture : IDenoiser
    {
        public Tensor Denoise(Tensor x, double sigma)
        {
            using var scope = NewDisposeScope();
            var share = Cumulative(x, sigma);
            Tensor low = full_like(x, -6), high = full_like(x, 6);
            for (int i = 0; i < 40; i++)
            {
                var middle = (low + high) / 2;
                var below = Cumulative(middle, 0) < share;
                (low, high) = (where(below, middle, low), where(below, high, middle));
            }
            return low.MoveToOuterDisposeScope();
        }
    }
}
