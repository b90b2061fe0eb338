using System.Net.Http.Json;
using System.Text.Json;
using Mezzotint.Formats;
using Mezzotint.Serving;
using Mezzotint.Text;

namespace Mezzotint.AspNetCore.Tests;

/// <summary>What POST /api/attention tells is what the library finds.</summary>
public sealed class AttentionTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("mezzotint-words-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task The_maps_are_those_of_the_library_by_word_and_sum_to_one()
    {
        await using var studio = await SmallStudio.StartWordedAsync(_folder);
        var answer = await AskAsync(studio, new { prompt = "a red heart", level = 0.7, seed = 5, noise_seed = 2 });
        var clean = studio.Pipeline.Generate("a red heart", new() { Seed = 5 }).Images;
        var found = await studio.Pipeline.Prepare(["a red heart"], new()
        {
            Seed = 2, Source = new() { Image = clean, Strength = 1 },
        }).AttendAsync(0.7);
        Assert.Equal(
            found.Layers.Select(layer => layer.Name),
            answer.GetProperty("layers").EnumerateArray().Select(layer => layer.GetProperty("name").GetString()));
        Assert.Equal(found.Estimates.Error(0), answer.GetProperty("estimate_error").GetDouble(), 1e-9);
        Assert.Equal(found.Estimates.Estimates.Pixels, PngFile.Decode(
            answer.GetProperty("estimate").GetBytesFromBase64(), "estimate").Image.Pixels);
        var pieces = ((TextPrompts)studio.Pipeline.Model.Prompts!).Tokenize("a red heart").Pieces;
        Same(found.Mean(), answer, pieces);
        var named = await AskAsync(
            studio, new { prompt = "a red heart", level = 0.7, seed = 5, noise_seed = 2, layer = found.Layers[1].Name });
        Assert.Equal(found.Layers[1].Name, named.GetProperty("layer").GetString());
        Same(found.Layers[1], named, pieces);
    }

    [Fact]
    public async Task A_word_that_is_cut_off_is_not_among_them_and_a_class_is_one_token()
    {
        await using var studio = await SmallStudio.StartWordedAsync(_folder);
        var answer = await AskAsync(studio, new { prompt = "a red heart a red heart a red heart", level = 0.7 });
        Assert.Equal("start a red heart a end", string.Join(' ', Texts(answer))); // six tokens fit, some of a piece of a word
        await using var classes = await SmallStudio.StartAsync();
        var one = await AskAsync(classes, new { prompt = "7", level = 0.7 });
        var map = Assert.Single(one.GetProperty("maps").EnumerateArray());
        Assert.Equal(("class", "7", 1), (
            map.GetProperty("kind").GetString(), map.GetProperty("text").GetString(), map.GetProperty("mean").GetDouble()));
    }

    [Theory]
    [InlineData("""{"prompt": "7"}""", 400, "level")]
    [InlineData("""{"level": 1}""", 400, "prompt")]
    [InlineData("""{"prompt": "7", "level": 1e9}""", 400, "level")]
    [InlineData("""{"prompt": "7", "level": 1, "n": 2}""", 400, "n")]
    [InlineData("""{"prompt": "7", "level": 1, "guidance_scale": 2}""", 400, "guidance_scale")]
    [InlineData("""{"prompt": "7", "level": 1, "layer": "none"}""", 400, "layer")]
    [InlineData("""{"prompt": "7", "level": 1, "image": "aGVsbG8="}""", 400, "image")]
    [InlineData("""{"prompt": "7", "level": 1, "model": "other"}""", 404, "model")]
    public async Task What_is_wrong_is_named(string body, int status, string param)
    {
        await using var studio = await SmallStudio.StartAsync();
        using var response = await studio.Client.PostAsync(
            "/api/attention", new StringContent(body, System.Text.Encoding.UTF8, "application/json"));
        var error = await SmallStudio.ErrorAsync(response);
        Assert.Equal((status, param), (error.Status, error.Param));
        Assert.Equal(0, studio.Pipeline.Work.Evaluations); // it is found before anything is drawn
    }

    [Fact]
    public async Task A_network_without_attention_to_its_class_says_so()
    {
        using var pipeline = DiffusionPipeline.Load(Path.Combine(Repository.Root, "models", "mnist"));
        await using var server = await StudioServer.StartAsync(pipeline, new() { Urls = "http://127.0.0.1:0" });
        using var client = new HttpClient { BaseAddress = new Uri(server.Addresses[0]) };
        using var response = await client.PostAsJsonAsync("/api/attention", new { prompt = "7", level = 1, seed = 0 });
        var error = await SmallStudio.ErrorAsync(response);
        Assert.Equal((400, "model"), (error.Status, error.Param));
        Assert.Contains("no attention to what is asked for", error.Message, StringComparison.Ordinal);
        Assert.Equal(0, pipeline.Work.Evaluations);
    }

    private static void Same(Networks.AttentionLayer layer, JsonElement answer, IReadOnlyList<string> pieces)
    {
        int places = layer.Height * layer.Width;
        Assert.Equal("start a red heart end", string.Join(' ', Texts(answer)));
        Assert.Equal(layer.Height, answer.GetProperty("rows").GetInt32());
        Assert.Equal(layer.Width, answer.GetProperty("columns").GetInt32());
        float[][] maps = [.. answer.GetProperty("maps").EnumerateArray().Select(map =>
            map.GetProperty("map").EnumerateArray().Select(share => share.GetSingle()).ToArray())];
        for (int place = 0; place < places; place++)
        {
            int[] first = FirstTokens(pieces, layer.Tokens);
            for (int word = 0; word < 5; word++)
                Assert.Equal(
                    Enumerable.Range(first[word], first[word + 1] - first[word])
                        .Sum(token => (double)layer.Weights[token * places + place]),
                    maps[word][place], 1e-6);
            Assert.Equal(1, maps.Sum(map => map[place]), 1e-5);
        }
    }

    /// <summary>Where the start, each word, the end and what follows it begin: a piece that ends a word has a blank.</summary>
    internal static int[] FirstTokens(IReadOnlyList<string> pieces, int tokens) =>
        [0, 1, .. pieces.Index().Where(piece => piece.Item.EndsWith(' ')).Select(piece => piece.Index + 2), tokens];

    private static IEnumerable<string?> Texts(JsonElement answer) =>
        answer.GetProperty("maps").EnumerateArray().Select(map => map.GetProperty("text").GetString());

    private static async Task<JsonElement> AskAsync(SmallStudio studio, object body)
    {
        using var response = await studio.Client.PostAsJsonAsync("/api/attention", body);
        string text = await response.Content.ReadAsStringAsync();
        Assert.True(response.IsSuccessStatusCode, text);
        return JsonDocument.Parse(text).RootElement;
    }
}
