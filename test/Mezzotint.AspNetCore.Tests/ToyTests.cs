using System.Globalization;
using System.Text.Json;
using Mezzotint.AspNetCore.Plane;
using Mezzotint.Noise;
using Mezzotint.Sampling;

namespace Mezzotint.AspNetCore.Tests;

/// <summary>The distribution in the plane: its score is exact, and the samplers in it are the library's.</summary>
public class ToyTests
{
    [Fact]
    public void On_the_diagonal_the_mixture_is_that_of_the_library()
    {
        double[] means = [-1, 0.2, 1.5];
        var plane = new PlaneMixture([.. means.Select(mean => (mean, mean))], 0.3);
        var library = new GaussianMixtureDenoiser([1, 1, 1], means, [0.3, 0.3, 0.3]);
        using var x = TorchSharp.torch.tensor(new[] { 0.1, -0.7, 2.0, 1.9, -3, 0 }, [3, 1, 1, 2]);
        foreach (double sigma in new[] { 0.01, 0.5, 4 })
        {
            using var expected = library.Denoise(x, sigma);
            using var found = plane.Denoise(x, sigma);
            using var density = library.LogDensity(x, sigma);
            Assert.All(
                expected.data<double>().ToArray().Zip(found.data<double>().ToArray()),
                pair => Assert.Equal(pair.First, pair.Second, 1e-12));
            Assert.Equal(density.data<double>()[1], plane.At(2, 1.9, sigma).LogDensity, 1e-9);
        }
    }

    [Theory]
    [InlineData("moons")]
    [InlineData("spiral")]
    [InlineData("two")]
    public void The_score_is_the_gradient_of_the_density_and_leads_to_the_estimate(string shape)
    {
        var mixture = PlaneMixture.Named(shape, 0.1);
        const double Small = 1e-5;
        foreach (double sigma in new[] { 0.05, 0.4, 2 })
        {
            foreach (var (x, y) in new[] { (0.3, -0.4), (-1.2, 0.8) })
            {
                var (denoised, score, _) = mixture.At(x, y, sigma);
                double slope = (mixture.At(x + Small, y, sigma).LogDensity - mixture.At(x - Small, y, sigma).LogDensity)
                    / (2 * Small);
                Assert.Equal(slope, score.X, 1e-4 * Math.Max(1, Math.Abs(slope)));
                Assert.Equal((denoised.Y - y) / (sigma * sigma), score.Y, 1e-6 * Math.Max(1, Math.Abs(score.Y)));
            }
        }
    }

    [Fact]
    public async Task The_field_is_told_place_by_place()
    {
        await using var studio = await SmallStudio.StartAsync();
        var told = await GetAsync(studio, "?shape=spiral&level=0.4&grid=6&spread=0.1");
        var mixture = PlaneMixture.Named("spiral", 0.1);
        double[] score = Numbers(told, "score"), density = Numbers(told, "log_density");
        for (int row = 0; row < 6; row++)
        {
            for (int column = 0; column < 6; column++)
            {
                var (_, exact, log) = mixture.At(-2 + 4 * (column + 0.5) / 6, -2 + 4 * (row + 0.5) / 6, 0.4);
                Assert.Equal(exact.X, score[2 * (6 * row + column)], 1e-4 * Math.Max(1, Math.Abs(exact.X)));
                Assert.Equal(log, density[6 * row + column], 1e-4 * Math.Max(1, Math.Abs(log)));
            }
        }
        var own = await GetAsync(studio, "?points=0.5,1;-0.2,0&grid=2");
        Assert.Equal([0.5, 1, -0.2, 0], Numbers(own, "points"));
    }

    [Fact]
    public async Task A_path_is_that_of_the_sampler_of_the_library()
    {
        await using var studio = await SmallStudio.StartAsync();
        var mixture = PlaneMixture.Named("moons", 0.08);
        double[] levels = NoiseLevels.Named("karras", PlaneWalks.Process, 7);
        foreach (var solver in Solvers.All)
        {
            var told = await GetAsync(studio, $"/paths?samplers={solver.Name}&steps=7&x=3&y=-5");
            var path = Assert.Single(told.GetProperty("paths").EnumerateArray());
            Assert.Equal(levels.Length, path.GetProperty("at").GetArrayLength());
            Assert.Equal(solver.Stochastic, !path.TryGetProperty("error", out _));
            if (solver.Evaluations is { } count)
                Assert.Equal(count(7), path.GetProperty("evaluations").GetInt32());
            if (solver.Stochastic)
                continue;
            using var start = TorchSharp.torch.tensor(new[] { 3.0, -5 }, [1, 1, 1, 2]);
            using var end = solver.Solve(new() { Denoiser = mixture, Levels = levels, X = start });
            double[] found = [.. path.GetProperty("at")[7].EnumerateArray().Select(value => value.GetDouble())];
            Assert.Equal(end.data<double>()[0], found[0], 1e-4);
            Assert.Equal(end.data<double>()[1], found[1], 1e-4);
        }
    }

    [Fact]
    public async Task More_evaluations_lead_nearer_to_the_exact_solution_and_a_higher_order_sooner()
    {
        await using var studio = await SmallStudio.StartAsync();
        var told = await GetAsync(studio, "/paths?shape=two&spread=0.3&samplers=euler,heun&steps=4&errors=true&seed=3");
        var errors = told.GetProperty("errors").EnumerateArray().ToDictionary(
            each => each.GetProperty("sampler").GetString()!, each => (
                Evaluations: Numbers(each, "evaluations"), Error: Numbers(each, "error")));
        Assert.True(errors["euler"].Error[^1] < errors["euler"].Error[0] / 4, told.GetProperty("errors").ToString());
        double At(string sampler, double most) => errors[sampler].Evaluations.Zip(errors[sampler].Error)
            .Last(pair => pair.First <= most).Second;
        Assert.True(At("heun", 32) < At("euler", 32), told.GetProperty("errors").ToString());
    }

    [Fact]
    public async Task Particles_end_on_the_distribution()
    {
        await using var studio = await SmallStudio.StartAsync();
        var told = await GetAsync(studio, "/paths?shape=two&spread=0.05&samplers=heun&steps=40&n=64&seed=9");
        var last = told.GetProperty("paths")[0].GetProperty("at")[40];
        double[] ends = [.. last.EnumerateArray().Select(value => value.GetDouble())];
        foreach (double[] point in ends.Chunk(2))
            Assert.True(Math.Min(
                Math.Pow(point[0] + 0.8, 2) + Math.Pow(point[1] + 0.4, 2),
                Math.Pow(point[0] - 0.8, 2) + Math.Pow(point[1] - 0.4, 2)) < 0.3 * 0.3);
        Assert.InRange(ends.Chunk(2).Count(point => point[0] > 0), 16, 48); // both of them
    }

    [Theory]
    [InlineData("?shape=cube", "shape")]
    [InlineData("?points=1,2,3", "points")]
    [InlineData("?points=9,9", "points")]
    [InlineData("?points=nan,0", "points")]
    [InlineData("?level=-1", "level")]
    [InlineData("?grid=1000", "grid")]
    [InlineData("?spread=0", "spread")]
    [InlineData("?colour=red", "colour")]
    [InlineData("/paths?samplers=fast", "samplers")]
    [InlineData("/paths?samplers=euler,euler,euler,euler,euler,euler,euler", "samplers")]
    [InlineData("/paths?levels=steep", "levels")]
    [InlineData("/paths?steps=101", "steps")]
    [InlineData("/paths?n=257", "n")]
    [InlineData("/paths?n=256&steps=100", "n")]
    [InlineData("/paths?x=1", "y")]
    public async Task What_is_wrong_is_named(string query, string param)
    {
        await using var studio = await SmallStudio.StartAsync();
        using var response = await studio.Client.GetAsync(new Uri($"/api/toy{query}", UriKind.Relative));
        var error = await SmallStudio.ErrorAsync(response);
        Assert.Equal((400, param), (error.Status, error.Param));
    }

    [Fact]
    public async Task The_document_of_the_api_describes_what_explains()
    {
        await using var studio = await SmallStudio.StartAsync();
        var paths = JsonDocument.Parse(
            await studio.Client.GetStringAsync(new Uri("/openapi.json", UriKind.Relative))).RootElement.GetProperty("paths");
        foreach (string path in new[] { "/api/denoise", "/api/schedule", "/api/toy", "/api/toy/paths" })
            Assert.True(paths.TryGetProperty(path, out _), path);
    }

    private static async Task<JsonElement> GetAsync(SmallStudio studio, string query)
    {
        using var response = await studio.Client.GetAsync(new Uri($"/api/toy{query}", UriKind.Relative));
        string text = await response.Content.ReadAsStringAsync();
        Assert.True(response.IsSuccessStatusCode, string.Create(CultureInfo.InvariantCulture, $"{query}: {text}"));
        return JsonDocument.Parse(text).RootElement;
    }

    private static double[] Numbers(JsonElement of, string name) =>
        [.. of.GetProperty(name).EnumerateArray().Select(value => value.GetDouble())];
}
