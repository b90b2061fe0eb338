using Mezzotint.Serving;

namespace Mezzotint.AspNetCore.Tests;

/// <summary>A server whose model is asked in words.</summary>
public sealed class PromptRequestTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("mezzotint-words-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task A_prompt_is_drawn_as_the_library_draws_it_and_the_negative_one_counts()
    {
        await using var studio = await SmallStudio.StartWordedAsync(_folder);
        var answer = await studio.DrawAsync(new { prompt = "a red heart", negative_prompt = "a blue heart", n = 2, seed = 5 });
        var alone = studio.Pipeline.Generate("a red heart", new() { Count = 2, Seed = 5, NegativePrompt = "a blue heart" });
        for (int i = 0; i < 2; i++)
        {
            Assert.Equal(alone.Images.Slice(i).Pixels, SmallStudio.Pixels(answer, i));
            var image = answer.GetProperty("data")[i];
            Assert.Equal("a red heart", image.GetProperty("revised_prompt").GetString());
            Assert.False(image.TryGetProperty("label", out _));
        }
        var row = await studio.DrawAsync(
            new { prompt = "a red heart", interpolate_to_prompt = "a blue heart", n = 3, seed = 5 });
        Assert.Equal(
            studio.Pipeline.Generate("a red heart", new() { Count = 3, Seed = 5, InterpolateToPrompt = "a blue heart" })
                .Images.Slice(1).Pixels,
            SmallStudio.Pixels(row, 1));
    }

    [Fact]
    public async Task Weights_of_prompts_are_read_where_that_is_asked_for()
    {
        await using var studio = await SmallStudio.StartWordedAsync(_folder);
        var weighted = await studio.DrawAsync(new { prompt = "a (red:1.5) heart", prompt_weights = true, seed = 5 });
        Assert.Equal(
            studio.Pipeline.Generate("a (red:1.5) heart", new() { Seed = 5, PromptWeights = true }).Images.Pixels,
            SmallStudio.Pixels(weighted, 0));
        var plain = await studio.DrawAsync(new { prompt = "a (red:1.5) heart", seed = 5 });
        Assert.NotEqual(SmallStudio.Pixels(plain, 0), SmallStudio.Pixels(weighted, 0));
    }

    [Fact]
    public async Task What_does_not_fit_words_is_refused_by_name()
    {
        await using var studio = await SmallStudio.StartWordedAsync(_folder);
        async Task Refused(object body, string parameter)
        {
            using var response = await studio.PostAsync(body);
            var error = await SmallStudio.ErrorAsync(response);
            Assert.Equal((400, parameter), (error.Status, error.Param));
        }
        await Refused(new { label = 3 }, "label");
        await Refused(new { n = 1 }, "prompt");
        await Refused(new { prompt = new string('a', 4001) }, "prompt");
        await Refused(new { prompt = "a", negative_prompt = "b", guidance_scale = 1 }, "negative_prompt");
        await Refused(new { prompt = "a", interpolate_to_prompt = "b", n = 1 }, "n");
        await Refused(new { prompt = "a", clip_skip = 1 }, "clip_skip"); // its encoder has one layer
    }

    [Fact]
    public async Task The_model_says_that_it_is_asked_in_words_and_shows_tokens()
    {
        await using var studio = await SmallStudio.StartWordedAsync(_folder);
        string models = await studio.Client.GetStringAsync("/v1/models", TestContext.Current.CancellationToken);
        Assert.Contains("\"asked_in_words\":true", models, StringComparison.Ordinal);
        Assert.Contains("\"examples\":{\"learned\":[\"a red heart\"],\"unseen\":[\"a green heart\"]}", models,
            StringComparison.Ordinal);
        string tokens = await studio.Client.GetStringAsync(
            "/v1/tokens?prompt=a%20red%20heart%20a%20blue%20heart%20a%20red%20one", TestContext.Current.CancellationToken);
        var read = System.Text.Json.JsonDocument.Parse(tokens).RootElement;
        Assert.Equal(6, read.GetProperty("most").GetInt32());
        Assert.Equal(6, read.GetProperty("pieces").GetArrayLength());
        Assert.NotEqual("", read.GetProperty("cut_off").GetString());

        await using var classes = await SmallStudio.StartAsync();
        using var refused = await classes.Client.GetAsync("/v1/tokens?prompt=7", TestContext.Current.CancellationToken);
        Assert.Equal("prompt", (await SmallStudio.ErrorAsync(refused)).Param);
    }
}
