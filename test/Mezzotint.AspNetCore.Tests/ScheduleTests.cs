using System.Text.Json;
using Mezzotint.Noise;

namespace Mezzotint.AspNetCore.Tests;

/// <summary>What GET /api/schedule tells is what the library's processes and levels are.</summary>
public class ScheduleTests
{
    [Fact]
    public async Task The_levels_are_those_of_the_library_and_the_shares_those_of_the_process()
    {
        await using var studio = await SmallStudio.StartAsync();
        var process = studio.Pipeline.Model.Process;
        foreach (string name in NoiseLevels.Names)
        {
            var told = await GetAsync(studio, $"levels={name}&steps=9");
            double[] levels = NoiseLevels.Named(name, process, 9);
            Assert.Equal(levels, Numbers(told, "sigma"));
            Assert.Equal(levels.Select(level => process.Alpha(process.Time(level))), Numbers(told, "alpha"));
            Assert.Equal(JsonValueKind.Null, told.GetProperty("half_log_snr")[9].ValueKind);
            Assert.Equal(-Math.Log(levels[3]), told.GetProperty("half_log_snr")[3].GetDouble(), 1e-12);
        }
        var own = await GetAsync(studio, "");
        Assert.Equal(("karras", 6), (own.GetProperty("levels").GetString(), own.GetProperty("steps").GetInt32()));
    }

    [Fact]
    public async Task Every_curve_is_that_of_its_process()
    {
        await using var studio = await SmallStudio.StartAsync();
        var told = (await GetAsync(studio, "")).GetProperty("processes").EnumerateArray().ToList();
        Assert.Equal(
            ["small", "ve", "vp, linear", "vp, cosine", "sub-vp", "edm", "flow"],
            told.Select(curve => curve.GetProperty("name").GetString()));
        NoiseProcess[] processes =
        [
            studio.Pipeline.Model.Process, new VarianceExploding(), new VariancePreserving(),
            new VariancePreserving { Schedule = new CosineSchedule() }, new SubVariancePreserving(), new Edm(),
            new FlowMatching(),
        ];
        foreach (var (curve, process) in told.Zip(processes))
        {
            double[] times = Numbers(curve, "time"), logSnr = Numbers(curve, "half_log_snr");
            Assert.Equal(times.Select(process.Alpha), Numbers(curve, "alpha"));
            Assert.Equal(times.Select(process.Std), Numbers(curve, "std"));
            Assert.Equal(times.Select(process.HalfLogSnr), logSnr);
            Assert.True(logSnr.Zip(logSnr.Skip(1)).All(pair => pair.First > pair.Second)); // more and more noise
        }
    }

    [Theory]
    [InlineData("levels=steep", 400, "levels")]
    [InlineData("steps=0", 400, "steps")]
    [InlineData("steps=1001", 400, "steps")]
    [InlineData("model=other", 404, "model")]
    [InlineData("colour=red", 400, "colour")]
    public async Task What_is_wrong_is_named(string query, int status, string param)
    {
        await using var studio = await SmallStudio.StartAsync();
        using var response = await studio.Client.GetAsync(new Uri($"/api/schedule?{query}", UriKind.Relative));
        var error = await SmallStudio.ErrorAsync(response);
        Assert.Equal((status, param), (error.Status, error.Param));
    }

    private static async Task<JsonElement> GetAsync(SmallStudio studio, string query) => JsonDocument.Parse(
        await studio.Client.GetStringAsync(new Uri($"/api/schedule?{query}", UriKind.Relative))).RootElement;

    private static double[] Numbers(JsonElement of, string name) =>
        [.. of.GetProperty(name).EnumerateArray().Select(value => value.GetDouble())];
}
