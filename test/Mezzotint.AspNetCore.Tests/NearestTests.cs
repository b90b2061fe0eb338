using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Mezzotint.Data;
using Mezzotint.Formats;

namespace Mezzotint.AspNetCore.Tests;

/// <summary>POST /api/nearest: the training images that an image is nearest to.</summary>
public class NearestTests
{
    internal const string Flat = "flat-greys"; // training images of 8 x 8 in one grey each: 0, 10, 20, ...

    internal static void RegisterFlat() => DataSource.Register(Flat, (options, _) => options.Part == ImageSplit.Test
        ? Greys("flat test", 3, 13) : Greys("flat train", [.. Enumerable.Range(0, 20).Select(i => 10 * i)]));

    [Fact]
    public async Task The_nearest_come_first_with_their_distances_and_those_of_new_images_beside()
    {
        RegisterFlat();
        await using var studio = await SmallStudio.StartAsync(dataset: Flat);
        var answer = await AskAsync(studio, new { image = Grey(42), n = 3 });
        Assert.Equal((Flat, 20, true), (answer.GetProperty("data").GetString(), answer.GetProperty("images").GetInt32(),
            answer.GetProperty("whole").GetBoolean()));
        var nearest = answer.GetProperty("nearest").EnumerateArray().ToList();
        Assert.Equal([4, 5, 3], nearest.Select(one => one.GetProperty("index").GetInt32()));
        Assert.Equal(["4", "5", "3"], nearest.Select(one => one.GetProperty("label").GetString()));
        Assert.All(nearest.Zip([2, 8, 12]), pair => // eight times the difference of each of 64 pixels
            Assert.Equal(8 * pair.Second / 255.0, pair.First.GetProperty("distance").GetDouble(), 1e-12));
        Assert.All(PngFile.Decode(nearest[0].GetProperty("image").GetBytesFromBase64(), "x").Image.Pixels,
            value => Assert.Equal(40, value));
        Assert.Equal(8 * 3 / 255.0, answer.GetProperty("typical").GetDouble(), 1e-12);
        Assert.Equal(4, (await AskAsync(studio, new { image = Grey(0) })).GetProperty("nearest").GetArrayLength());
    }

    [Theory]
    [InlineData(null, "the model does not say what it learned from")]
    [InlineData("no/such/folder", "There is no file or folder 'no/such/folder'")]
    public async Task A_server_without_the_data_says_so_in_a_line(string? dataset, string says)
    {
        await using var studio = await SmallStudio.StartAsync(dataset: dataset);
        using var response = await studio.Client.PostAsJsonAsync("/api/nearest", new { image = Grey(42) });
        var error = await SmallStudio.ErrorAsync(response);
        Assert.Equal((409, "data_not_here", "model"), (error.Status, error.Code, error.Param));
        Assert.Contains(says, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', error.Message);
        Assert.Equal(0, studio.Server.Queue.Requests);
    }

    [Theory]
    [InlineData("""{"image": "AAAA"}""", "image")]
    [InlineData("""{}""", "image")]
    [InlineData("""{"image": "AAAA", "n": 17}""", "n")]
    [InlineData("""{"image": "AAAA", "k": 1}""", "k")]
    public async Task What_is_wrong_is_named(string body, string param)
    {
        await using var studio = await SmallStudio.StartAsync(dataset: DataSource.StrokesName);
        using var response = await studio.Client.PostAsync(
            "/api/nearest", new StringContent(body, Encoding.UTF8, "application/json"));
        Assert.Equal((400, param), await SmallStudio.ErrorAsync(response) is var error ? (error.Status, error.Param) : default);
    }

    private static async Task<JsonElement> AskAsync(SmallStudio studio, object body)
    {
        using var response = await studio.Client.PostAsJsonAsync("/api/nearest", body);
        string text = await response.Content.ReadAsStringAsync();
        Assert.True(response.IsSuccessStatusCode, text);
        return JsonDocument.Parse(text).RootElement;
    }

    private static ImageSet Greys(string name, params int[] values) => new(
        name, [.. values.SelectMany(value => Enumerable.Repeat((byte)value, 64))],
        [.. values.Select((_, i) => (byte)(i % 10))], 1, 8, 8, [.. Enumerable.Range(0, 10).Select(i => $"{i}")]);

    private static string Grey(byte value) => Convert.ToBase64String(PngFile.Encode(
        new ImageBatch(1, 1, 8, 8, [.. Enumerable.Repeat(value, 64)]), 1, PictureFormat.Png));
}
