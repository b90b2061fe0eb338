using Mezzotint.Networks;
using Mezzotint.Noise;
using Mezzotint.Sampling;

namespace Mezzotint.Tests.Sampling;

public class SamplingRecipeTests
{
    private static readonly Edm Process = new() { MinimumTime = 1e-4 };
    private static readonly SamplingRecipe Recipe = new() { Sampler = "heun", Levels = "karras", Steps = 9 };
    private static readonly SamplingRequest Request = new() { Condition = Condition.OfLabels([1]), Seed = 0 };

    [Fact]
    public void A_least_level_above_the_process_s_is_the_last_that_is_walked()
    {
        Assert.Equal(NoiseLevels.Karras(80, 1e-4, 9), Recipe.Of(Request, Process).Levels!);
        Assert.Equal(NoiseLevels.Karras(80, 0.002, 9), (Recipe with { LeastLevel = 0.002 }).Of(Request, Process).Levels!);
        double least = 0.05;
        foreach (
            NoiseProcess process in new NoiseProcess[] { new VariancePreserving(), new FlowMatching(), new VarianceExploding() })
            Assert.Equal(least, (Recipe with { LeastLevel = least }).Of(Request, process).Levels![^2], 1e-9);
    }

    [Theory]
    [InlineData(1e-5), InlineData(80), InlineData(double.NaN)]
    public void A_least_level_outside_of_the_process_is_refused(double least) =>
        Assert.Contains(
            "sampling.least_level",
            Assert.Throws<MezzotintException>(() =>
                (Recipe with { LeastLevel = least }).Validate(Process, new ResidualUNetConfig())).Message,
            StringComparison.Ordinal);
}
