using CsCheck;
using Mezzotint.Noise;
using static Mezzotint.Tests.Noise.Processes;

namespace Mezzotint.Tests.Noise;

public class BetaDistributionTests
{
    [Fact]
    public void Quantiles_agree_with_50_digit_arithmetic()
    {
        foreach (var row in Reference.GetProperty("betaQuantiles").EnumerateArray())
        {
            double p = row.GetProperty("p").GetDouble(), a = row.GetProperty("a").GetDouble(),
                b = row.GetProperty("b").GetDouble(), x = row.GetProperty("x").GetDouble();
            AssertClose(x, BetaDistribution.Quantile(p, 1 - p, a, b), 1e-11, $"quantile {p} of Beta({a}, {b})");
            AssertClose(p, BetaDistribution.Cumulative(x, a, b), 1e-11, $"I at {x} of Beta({a}, {b})");
        }
    }

    [Fact]
    public void The_logarithm_of_the_beta_function_agrees_with_50_digit_arithmetic()
    {
        foreach (var row in Reference.GetProperty("logBeta").EnumerateArray())
            Assert.Equal(
                row.GetProperty("value").GetDouble(),
                BetaDistribution.LogBeta(row.GetProperty("a").GetDouble(), row.GetProperty("b").GetDouble()), 2e-13);
    }

    [Fact]
    public void Cumulative_has_its_closed_forms() => Gen.Select(Gen.Double[0, 1], Gen.Double[0.25, 100]).Sample((x, a) =>
    {
        Assert.Equal(Math.Pow(x, a), BetaDistribution.Cumulative(x, a, 1), 1e-12);
        Assert.Equal(1 - Math.Pow(1 - x, a), BetaDistribution.Cumulative(x, 1, a), 1e-12);
        Assert.Equal(2 / Math.PI * Math.Asin(Math.Sqrt(x)), BetaDistribution.Cumulative(x, 0.5, 0.5), 1e-12); // the arcsine law
    });

    [Fact]
    public void Quantile_is_the_inverse_of_cumulative() =>
        Gen.Select(Gen.Double[0.0005, 0.9995], Gen.Double[0.25, 100], Gen.Double[0.25, 100]).Sample((p, a, b) =>
    {
        double x = BetaDistribution.Quantile(p, 1 - p, a, b);
        Assert.InRange(x, 0, 1);
        if (1 - x > 1e-6) // closer to 1, the quantile itself has too few digits
            Assert.Equal(p, BetaDistribution.Cumulative(x, a, b), 1e-9);
    }, iter: 2000);

    [Fact]
    public void The_ends_are_the_ends() =>
        Assert.Equal(
            (0, 1, 0, 1),
            (
                BetaDistribution.Quantile(0, 1, 2, 3), BetaDistribution.Quantile(1, 0, 2, 3),
                BetaDistribution.Cumulative(0, 2, 3), BetaDistribution.Cumulative(1, 2, 3)));
}
