using System.Text.Json;
using Mezzotint.Formats;
using Mezzotint.Sampling;
using Mezzotint.Serving;

namespace Mezzotint.AspNetCore.Tests;

/// <summary>Images around an image: noises on the great circle from its own; and what a walk's steps start from.</summary>
public class VariationsTests
{
    [Fact]
    public async Task A_share_of_nothing_is_the_image_itself_and_the_whole_way_that_of_the_other_seed()
    {
        await using var studio = await SmallStudio.StartAsync();
        Assert.Equal(studio.Alone(7, 3), await DrawnAsync(studio, 3, "11:0"));
        Assert.Equal(studio.Alone(7, 11), await DrawnAsync(studio, 3, "11:1"));
        Assert.Equal(studio.Alone(7, 5), await DrawnAsync(studio, 3, "11:0.4,5:1")); // the last step leads all the way
        byte[] half = studio.Pipeline.Generate([7, 7, 7], new() { Seed = 3, InterpolateTo = 11 }).Images.Slice(1).Pixels;
        Assert.Equal(half, await DrawnAsync(studio, 3, "11:0.5"));
    }

    [Fact]
    public async Task The_last_seed_counts_on_and_each_receipt_draws_its_image_again()
    {
        await using var studio = await SmallStudio.StartAsync();
        var answer = await studio.DrawAsync(new { prompt = "7", seed = 3, n = 4, variations = "20:0.1,90:0.3" });
        string folder = Directory.CreateTempSubdirectory("mezzotint-variations-").FullName;
        for (int i = 0; i < 4; i++)
        {
            byte[] pixels = SmallStudio.Pixels(answer, i);
            Assert.Equal(await DrawnAsync(studio, 3, $"20:0.1,{90 + i}:0.3"), pixels);
            string file = Path.Combine(folder, $"{i}.png");
            await File.WriteAllBytesAsync(file, answer.GetProperty("data")[i].GetProperty("b64_json").GetBytesFromBase64());
            var receipt = ImageReceipt.Read(file);
            Assert.Equal([new NoiseVariation(20, 0.1), new NoiseVariation(90 + i, 0.3)], receipt.Variations);
            Assert.Equal(pixels, (await studio.Pipeline.Prepare(receipt).RunAsync()).Images.Pixels);
        }
        Directory.Delete(folder, recursive: true);
    }

    private const string TooMany = Eleven + "," + Eleven + "," + Eleven,
        Eleven = "1:0,1:0,1:0,1:0,1:0,1:0,1:0,1:0,1:0,1:0,1:0";

    [Theory]
    [InlineData("7")]
    [InlineData("7:2")]
    [InlineData("-7:0.5")]
    [InlineData("4294967295:0.5")] // a second image has no seed
    [InlineData("7:0.5,")]
    [InlineData(TooMany)]
    public async Task Steps_that_are_none_are_named(string variations)
    {
        await using var studio = await SmallStudio.StartAsync();
        using var response = await studio.PostAsync(new { prompt = "7", n = 2, seed = 1, variations });
        var error = await SmallStudio.ErrorAsync(response);
        Assert.Equal((400, "variations"), (error.Status, error.Param));
        Assert.Contains("SEED:SHARE", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Variations_are_no_row_to_another_seed()
    {
        await using var studio = await SmallStudio.StartAsync();
        using var response = await studio.PostAsync(new { prompt = "7", n = 2, variations = "7:0.5", interpolate_to = 4 });
        var error = await SmallStudio.ErrorAsync(response);
        Assert.Equal((400, "variations"), (error.Status, error.Param));
    }

    [Fact]
    public async Task Euler_leads_from_each_noisy_image_and_its_estimate_to_the_next()
    {
        await using var studio = await SmallStudio.StartAsync();
        using var response = await studio.PostAsync(new
        {
            prompt = "7", seed = 3, n = 6, sampler = "euler", levels = "karras", steps = 6, stream = true, partial_images = 5,
            noisy = true,
        });
        var images = (await GenerationsTests.EventsAsync(response)).Select(sent => sent.Data)
            .OrderBy(data => data.GetProperty("step").GetInt32())
            .GroupBy(data => data.GetProperty("image_index").GetInt32(), (_, steps) => steps.ToList()).ToList();
        Assert.Equal([6, 6, 6, 6, 6, 6], images.Select(steps => steps.Count));
        int compared = images.Sum(steps => steps.Zip(steps.Skip(1), Compared).Sum());
        Assert.InRange(compared, 30, 6 * 5 * 64);
        using var plain = await studio.PostAsync(new { prompt = "7", seed = 3, steps = 2, stream = true, partial_images = 1 });
        Assert.All(await GenerationsTests.EventsAsync(plain), sent =>
            Assert.False(sent.Data.TryGetProperty("noisy_b64_json", out _)));
        using var refused = await studio.PostAsync(new { prompt = "7", noisy = true });
        Assert.Equal("noisy", (await SmallStudio.ErrorAsync(refused)).Param);
    }

    /// <summary>How many pixels were compared: some are cut off in the pictures.</summary>
    private static int Compared(JsonElement here, JsonElement after)
    {
        double sigma = here.GetProperty("sigma").GetDouble(), next = after.GetProperty("sigma").GetDouble();
        double[] x = Numbers(here, "noisy_b64_json"), d = Numbers(here, "b64_json"), y = Numbers(after, "noisy_b64_json");
        int compared = 0;
        for (int pixel = 0; pixel < 64; pixel++)
        {
            if (new[] { x[pixel], d[pixel], y[pixel] }.Any(value => value is <= 0 or >= 1))
                continue;
            double noisy = x[pixel] * Math.Sqrt(1 + sigma * sigma), expected = d[pixel] + next / sigma * (noisy - d[pixel]);
            Assert.Equal(expected / Math.Sqrt(1 + next * next), y[pixel], 0.02);
            compared++;
        }
        return compared;
    }

    /// <summary>Pixels as the numbers that they stand for, 0 to 1.</summary>
    private static double[] Numbers(JsonElement step, string name) =>
        [.. PngFile.Decode(step.GetProperty(name).GetBytesFromBase64(), name).Image.Pixels.Select(value => value / 255.0)];

    private static async Task<byte[]> DrawnAsync(SmallStudio studio, long seed, string variations) =>
        SmallStudio.Pixels(await studio.DrawAsync(new { prompt = "7", seed, variations }));
}
