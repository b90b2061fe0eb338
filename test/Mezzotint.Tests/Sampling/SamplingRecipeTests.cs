using Mezzotint.Networks;
using Mezzotint.Noise;
using Mezzotint.Sampling;
using Mezzotint.Settings;

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

    [Fact]
    public void Another_sampler_comes_with_its_best_options_and_named_levels_with_the_papers_unless_they_have_no_end()
    {
        var own = new SamplingRecipe();
        var best = own.Choose("dpmpp-2m", process: Process);
        Assert.Equal(("flow", 20), (best.Levels, best.Steps));
        Assert.Equal(new SolverOptions { Coordinate = SolverCoordinate.Flow, LowerOrderFinal = true }, best.Options);
        Assert.Null(own.Choose("dpmpp-2m", "karras", process: Process).Options);
        Assert.Equal(best.Options, own.Choose("dpmpp-2m", "uniform", process: new FlowMatching()).Options);
        Assert.Null(own.Choose("euler-maruyama", process: new FlowMatching()).Options);
        Assert.Null(Recipe.Choose("heun", "uniform", process: new FlowMatching()).Options); // the model's own stays as it is
    }

    [Fact]
    public void Options_of_a_request_stand_over_the_recipe_s_and_noise_over_its_coordinate()
    {
        var best = new SamplingRecipe().Choose("heun");
        SolverOptions Of(SolverOptions asked) => best.Of(Request, Process, asked).Solver!.Options;
        Assert.Equal(SolverCoordinate.Flow, Of(new()).Coordinate);
        Assert.Null(Of(new() { Churn = 4 }).Coordinate);
        Assert.Null(Of(new() { Coordinate = SolverCoordinate.Own }).Coordinate);
        Assert.Equal(SolverCoordinate.Log, Of(new() { Coordinate = SolverCoordinate.Log }).Coordinate);
    }

    [Fact]
    public void Options_are_written_into_a_configuration_and_read_back()
    {
        var recipe = Recipe with { Options = new() { Coordinate = SolverCoordinate.Flow, Churn = 0 } };
        string toml = TomlSettings.Write(SettingsBinder.Write(recipe, complete: true));
        Assert.Contains("coordinate = \"flow\"", toml, StringComparison.Ordinal);
        Assert.Equal(recipe, SettingsBinder.Read<SamplingRecipe>(TomlSettings.Parse(toml, "a.toml"), complete: true));
        string wrong = toml.Replace("flow", "flaw", StringComparison.Ordinal);
        Assert.Contains(
            "must be one of own, sigma, log, time, flow",
            Assert.Throws<MezzotintException>(() =>
                SettingsBinder.Read<SamplingRecipe>(TomlSettings.Parse(wrong, "a.toml"), complete: true)).Message,
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("order", "2"), InlineData("coordinate", "flow"), InlineData("lower_order_final", "true")]
    [InlineData("variant", "bh1"), InlineData("solver_type", "heun"), InlineData("eta", "0.5")]
    public void An_option_that_is_written_down_is_the_one_that_is_set(string name, string value) =>
        Assert.Equal($"{name} = {value}", new SolverOptions().With(name, value).ToString());

    [Theory]
    [InlineData("coordinate", "flaw", "coordinate"), InlineData("order", "two", "order"), InlineData("ordre", "2", "ordre")]
    public void An_option_that_is_not_one_is_named(string name, string value, string key) =>
        Assert.Equal(key, Assert.Throws<MezzotintException>(() => new SolverOptions().With(name, value)).Key);

    [Theory]
    [InlineData(1e-5), InlineData(80), InlineData(double.NaN)]
    public void A_least_level_outside_of_the_process_is_refused(double least) =>
        Assert.Contains(
            "sampling.least_level",
            Assert.Throws<MezzotintException>(() =>
                (Recipe with { LeastLevel = least }).Validate(Process, new ResidualUNetConfig())).Message,
            StringComparison.Ordinal);
}
