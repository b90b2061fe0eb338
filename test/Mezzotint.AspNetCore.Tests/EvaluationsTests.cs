using System.Globalization;
using System.Text.Json;
using Mezzotint.Sampling;

namespace Mezzotint.AspNetCore.Tests;

/// <summary>What a drawing costs is stated before it, told with it and counted by the server, and all three are one
/// number.</summary>
public class EvaluationsTests
{
    /// <summary>Weights of guidance; null for the model's own, 1.7.</summary>
    public static TheoryData<double?> Weights => [(double?)null, 0.0, 1.0, 1.7, 3.0];

    private static IEnumerable<string> Samplers => Solvers.All.Select(solver => solver.Name).Prepend(EulerMaruyama.Name);

    [Theory, MemberData(nameof(Weights))]
    public async Task The_evaluations_that_are_stated_are_those_that_are_counted(double? guidance)
    {
        await using var studio = await SmallStudio.StartAsync(guided: true);
        foreach (string sampler in Samplers)
        {
            foreach (int steps in new[] { 1, 7 })
            {
                var facts = await FactsAsync(studio, $"steps={steps}", sampler, guidance);
                long before = studio.Pipeline.Work.Evaluations;
                using var response = await studio.PostAsync(
                    new { prompt = "7", seed = 3, sampler, steps, levels = "karras", guidance_scale = guidance, stream = true });
                var sent = Assert.Single(await GenerationsTests.EventsAsync(response));
                long counted = studio.Pipeline.Work.Evaluations - before;
                Assert.Equal((sampler, counted), (sampler, sent.Data.GetProperty("evaluations").GetInt64()));
                // A sampler that chooses its own steps states nothing.
                Assert.Equal(
                    (sampler, Solvers.Named(sampler, studio.Pipeline.Model.Process).Evaluations is null ? null : counted),
                    (sampler, Evaluations(facts)));
            }
        }
    }

    [Fact]
    public async Task Guidance_1_draws_without_guidance()
    {
        await using var studio = await SmallStudio.StartAsync(guided: true);
        long before = studio.Pipeline.Work.Evaluations;
        var none = SmallStudio.Pixels(await studio.DrawAsync(new { prompt = "7", seed = 3, guidance_scale = 1 }));
        Assert.Equal(before + 6, studio.Pipeline.Work.Evaluations);
        var own = SmallStudio.Pixels(await studio.DrawAsync(new { prompt = "7", seed = 3 }));
        Assert.Equal(own, SmallStudio.Pixels(await studio.DrawAsync(new { prompt = "7", seed = 3, guidance_scale = 1.7 })));
        Assert.NotEqual(own, none);
        Assert.Equal(none, studio.Alone(7, 3, new() { GuidanceScale = 1 }));
    }

    [Theory, MemberData(nameof(Weights))]
    public async Task Steps_for_so_many_evaluations_take_no_more_of_them(double? guidance)
    {
        await using var studio = await SmallStudio.StartAsync(guided: true);
        foreach (string sampler in Samplers)
        {
            foreach (int most in new[] { 1, 2, 11, 40 })
            {
                var facts = await FactsAsync(studio, $"evaluations={most}", sampler, guidance);
                if (Evaluations(facts) is not { } taken)
                    continue;
                Assert.InRange(taken, 1, most);
                int steps = facts.GetProperty("steps").GetInt32();
                Assert.Equal(taken, Evaluations(await FactsAsync(studio, $"steps={steps}", sampler, guidance)));
                Assert.True(
                    Evaluations(await FactsAsync(studio, $"steps={steps + 1}", sampler, guidance)) > most,
                    $"{sampler}: {steps} steps are not the most.");
            }
        }
    }

    private static async Task<JsonElement> FactsAsync(SmallStudio studio, string query, string sampler, double? guidance)
    {
        string scale = guidance is null ? "" : string.Create(CultureInfo.InvariantCulture, $"&guidance_scale={guidance}");
        var answer = JsonDocument.Parse(
            await studio.Client.GetStringAsync(
            new Uri($"/api/samplers?{query}&sampler={sampler}&levels=karras{scale}", UriKind.Relative)));
        return Assert.Single(answer.RootElement.GetProperty("samplers").EnumerateArray());
    }

    private static long? Evaluations(JsonElement facts) =>
        facts.TryGetProperty("evaluations", out var evaluations) ? evaluations.GetInt64() : null;
}
