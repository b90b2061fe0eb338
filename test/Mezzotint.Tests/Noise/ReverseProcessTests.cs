using Mezzotint.Noise;
using Mezzotint.Runtime;
using static Mezzotint.Tests.Noise.Processes;
using static TorchSharp.torch;

namespace Mezzotint.Tests.Noise;

/// <summary>Images from N(m, s^2) make x_t ~ N(alpha m, alpha^2 s^2 + std^2), whose score is known.</summary>
public class ReverseProcessTests
{
    private const double M = 0.7, S = 0.4;

    private static double Spread(NoiseProcess process, double t) =>
        Math.Sqrt(Math.Pow(process.Alpha(t) * S, 2) + Math.Pow(process.Std(t), 2));

    private static double Score(NoiseProcess process, double t, double x) =>
        (process.Alpha(t) * M - x) / Math.Pow(Spread(process, t), 2);

    /// <summary>Times that fall by a constant factor of the level, through the table's own entries where there is one.</summary>
    private static double[] Grid(NoiseProcess process, int steps)
    {
        double high = Math.Min(process.MaximumLevel, 50), low = process.MinimumLevel;
        return [.. Enumerable.Range(0, steps + 1).Select(i => process.Time(high * Math.Pow(low / high, (double)i / steps)))];
    }

    [Theory]
    [MemberData(nameof(Names), MemberType = typeof(Processes))]
    public void The_probability_flow_keeps_the_place_in_the_distribution(string name)
    {
        var process = All[name];
        var flow = process.Reverse(0);
        double[] times = Grid(process, 2000);
        double x = process.Alpha(times[0]) * M + 1.3 * Spread(process, times[0]);
        for (int i = 1; i < times.Length; i++)
        {
            double h = times[i] - times[i - 1], middle = times[i - 1] + h / 2;
            double halfway = x + h / 2 * flow.Drift(times[i - 1], x, Score(process, times[i - 1], x));
            x += h * flow.Drift(middle, halfway, Score(process, middle, halfway)); // the midpoint method
        }
        Assert.Equal(process.Alpha(times[^1]) * M + 1.3 * Spread(process, times[^1]), x, 2e-3 * S);
    }

    [Theory]
    [InlineData("variance-exploding", 1)]
    [InlineData("linear", 1)]
    [InlineData("cosine-table", 1)]
    [InlineData("sub-variance-preserving", 1)]
    [InlineData("edm", 0.5)]
    [InlineData("flow", 1)]
    [InlineData("flow", 1.4)]
    public void The_reverse_equation_leads_back_to_the_distribution_of_the_images(string name, double stochasticity)
    {
        var process = All[name];
        var reverse = process.Reverse(stochasticity);
        double[] times = Grid(process, 400);
        var random = new RandomStream(12);
        const int Paths = 2000;
        double sum = 0, sumOfSquares = 0;
        for (int path = 0; path < Paths; path++)
        {
            double x = process.Alpha(times[0]) * M + Spread(process, times[0]) * random.Normal();
            for (int i = 1; i < times.Length; i++)
            {
                double h = times[i] - times[i - 1], t = times[i - 1] + h / 2;
                x += h * reverse.Drift(t, x, Score(process, t, x)) + reverse.Diffusion(t) * Math.Sqrt(-h) * random.Normal();
            }
            sum += x;
            sumOfSquares += x * x;
        }
        // Standard errors: 2.2 % of S for the mean, 1.6 % for the spread.
        double mean = sum / Paths, std = Math.Sqrt(sumOfSquares / Paths - mean * mean);
        Assert.Equal(process.Alpha(times[^1]) * M, mean, 0.09 * S);
        Assert.Equal(Spread(process, times[^1]), std, 0.07 * S);
    }

    [Fact]
    public void Coefficients_are_those_of_the_forward_process()
    {
        var process = new VariancePreserving();
        double g = process.Diffusion(0.3);
        Assert.Equal(
            (process.Drift(0.3), -g * g, g),
            (process.Reverse().StateCoefficient(0.3), process.Reverse().ScoreCoefficient(0.3), process.Reverse().Diffusion(0.3)));
        Assert.Equal((-0.5 * g * g, 0), (process.Reverse(0).ScoreCoefficient(0.3), process.Reverse(0).Diffusion(0.3)));
        Assert.Equal(process.Reverse(0.5), process.Reverse(0.5));
    }

    [Fact]
    public void The_drift_of_images_is_that_of_their_pixels()
    {
        using var scope = NewDisposeScope();
        var reverse = new SubVariancePreserving().Reverse();
        Tensor x = tensor([0.5, -2.0]).view(1, 1, 1, 2), score = tensor([0.1, 3.0]).view(1, 1, 1, 2);
        double[] drift = [.. reverse.Drift(0.4, x, score).data<double>()];
        AssertClose(reverse.Drift(0.4, 0.5, 0.1), drift[0], 1e-14);
        AssertClose(reverse.Drift(0.4, -2, 3), drift[1], 1e-14);
    }

    [Theory]
    [InlineData(-0.1)]
    [InlineData(double.NaN)]
    [InlineData(double.PositiveInfinity)]
    public void Less_than_no_noise_is_refused(double stochasticity) =>
        Assert.Throws<ArgumentOutOfRangeException>(nameof(stochasticity), () => new Edm().Reverse(stochasticity));
}
