using CsCheck;
using Mezzotint.Training;

namespace Mezzotint.Tests.Training;

public class WeightAverageTests
{
    /// <summary>What each step's weights count in an average, by running the rule on unit vectors.</summary>
    private static double[] Profile(WeightAverage rule, int index, int steps)
    {
        var counts = new double[steps];
        for (int n = 1; n <= steps; n++)
        {
            double newest = rule.NewestWeight(index, n);
            for (int earlier = 0; earlier < n - 1; earlier++)
                counts[earlier] *= 1 - newest;
            counts[n - 1] = newest;
        }
        return counts;
    }

    [Fact]
    public void A_power_average_counts_steps_by_their_power_and_has_its_width()
    {
        foreach (double width in new[] { 0.05, 0.1, 0.25 })
        {
            const int steps = 2000;
            double gamma = PowerFunctionAverage.Exponent(width);
            double[] counts = Profile(new PowerAverage { Widths = [0.07, width] }, 1, steps);
            Assert.Equal(1, counts.Sum(), 1e-9);
            foreach (int n in new[] { 1, 700, 1999 }) // the integral of (gamma + 1) tau^gamma over the step
                Assert.Equal((Math.Pow(n + 1, gamma + 1) - Math.Pow(n, gamma + 1)) / Math.Pow(steps, gamma + 1), counts[n], 1e-9);
            double mean = counts.Select((c, n) => c * (n + 0.5) / steps).Sum();
            double std = Math.Sqrt(counts.Select((c, n) => c * Math.Pow((n + 0.5) / steps - mean, 2)).Sum());
            Assert.Equal(width, std, 1e-3 * width);
        }
    }

    [Fact]
    public void Widths_and_exponents_are_inverse()
    {
        // Karras et al. 2024, section 3.1: widths of 5 % and 10 % are gamma = 16.97 and 6.94.
        Assert.Equal(16.97, PowerFunctionAverage.Exponent(0.05), 0.01);
        Assert.Equal(6.94, PowerFunctionAverage.Exponent(0.10), 0.01);
        Gen.Double[0.002, 0.28].Sample(width =>
            Assert.Equal(width, PowerFunctionAverage.Width(PowerFunctionAverage.Exponent(width)), 1e-9));
        Assert.Throws<ArgumentOutOfRangeException>(() => PowerFunctionAverage.Exponent(0.3));
    }

    [Fact]
    public void Inner_products_of_profiles_are_their_integrals()
    {
        foreach (var (a, b) in new[] { ((3.0, 10.0), (7.5, 6.0)), ((0.5, 4.0), (0.5, 4.0)), ((20.0, 100.0), (2.0, 90.0)) })
        {
            double end = Math.Min(a.Item2, b.Item2), sum = 0;
            const int parts = 200_000;
            double Density((double Gamma, double End) p, double tau) => (p.Gamma + 1) * Math.Pow(tau / p.End, p.Gamma) / p.End;
            for (int i = 0; i < parts; i++)
                sum += Density(a, (i + 0.5) * end / parts) * Density(b, (i + 0.5) * end / parts) * end / parts;
            Assert.Equal(sum, PowerFunctionAverage.Inner(a, b), 1e-6 * sum);
        }
    }

    [Fact]
    public void A_kept_average_is_reconstructed_as_itself()
    {
        PowerFunctionAverage.Snapshot[] kept = [new(0.05, 500), new(0.1, 500), new(0.05, 1000), new(0.1, 1000)];
        double[] factors = PowerFunctionAverage.Reconstruct(kept, kept[3]);
        Assert.Equal([0, 0, 0, 1], factors, (a, b) => Math.Abs(a - b) < 1e-6);
    }

    [Theory]
    [InlineData(0.03)]
    [InlineData(0.075)]
    [InlineData(0.15)]
    public void Another_width_is_reconstructed_from_snapshots_to_within_a_few_per_cent(double width)
    {
        // Two widths and 40 snapshots, as the paper keeps them: the profile's error against the average that was never run.
        const int steps = 2000;
        var kept = new List<PowerFunctionAverage.Snapshot>();
        for (int n = 50; n <= steps; n += 50)
            kept.AddRange([new(0.05, n), new(0.1, n)]);
        double[] factors = PowerFunctionAverage.Reconstruct(kept, new(width, steps));
        var combined = new double[steps];
        foreach (var (snapshot, factor) in kept.Zip(factors))
        {
            double[] profile = Profile(new PowerAverage { Widths = [snapshot.Width] }, 0, (int)snapshot.Step);
            for (int i = 0; i < profile.Length; i++)
                combined[i] += factor * profile[i];
        }
        double[] wished = Profile(new PowerAverage { Widths = [width] }, 0, steps);
        double error = Math.Sqrt(wished.Zip(combined, (w, c) => (w - c) * (w - c)).Sum() / wished.Sum(w => w * w));
        Assert.True(error < 0.05, $"relative error of the profile {error:F4}");
        Assert.Equal(1, combined.Sum(), 0.02);
    }

    [Fact]
    public void An_exponential_average_forgets_by_its_decay_and_faster_at_first()
    {
        var rule = new ExponentialAverage { Decay = 0.99, WarmUp = 9 };
        Assert.Equal(0.9, rule.NewestWeight(0, 1), 1e-12);    // decay (1 + n) / (10 + n) at n = 0: 0.1
        Assert.Equal(9.0 / 109, rule.NewestWeight(0, 100), 1e-12);
        Assert.Equal(0.01, rule.NewestWeight(0, 10_000), 1e-12);
        Assert.Equal(0.01, (rule with { WarmUp = 0 }).NewestWeight(0, 1), 1e-12);
    }
}
