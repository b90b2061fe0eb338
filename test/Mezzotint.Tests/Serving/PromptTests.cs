using Mezzotint.Serving;
using Mezzotint.Text;
#pragma warning disable MEAI001
using Microsoft.Extensions.AI;

namespace Mezzotint.Tests.Serving;

/// <summary>A model that is asked in words: what an image depends on, and how it is drawn again.</summary>
public sealed class PromptTests : IDisposable
{
    private readonly TextPrompts _prompts;
    private readonly IDisposable _encoder;
    private readonly DiffusionPipeline _pipeline;

    public PromptTests()
    {
        (_prompts, _encoder) = WordedPipeline.NewPrompts();
        _pipeline = WordedPipeline.New(_prompts);
    }

    public void Dispose()
    {
        _pipeline.Dispose();
        _encoder.Dispose();
    }

    [Fact]
    public void An_image_depends_on_its_prompt_and_seed_alone_whoever_else_is_drawn()
    {
        var together = _pipeline.Generate(["a red heart", "a blue heart", "two red cars"], new() { Count = 2, Seed = 9 });
        var alone = _pipeline.Generate("a blue heart", new() { Count = 2, Seed = 11 });
        Assert.Equal(alone.Images.Pixels, together.Images.Slice(2, 2).Pixels);
        var other = _pipeline.Generate("two red cars", new() { Count = 2, Seed = 11 });
        Assert.NotEqual(alone.Images.Pixels, other.Images.Pixels);
    }

    [Fact]
    public void Guidance_goes_away_from_the_negative_prompt_or_from_nothing()
    {
        byte[] Drawn(string? negative) =>
            _pipeline.Generate("a red heart", new() { Seed = 4, NegativePrompt = negative }).Images.Pixels;
        Assert.Equal(Drawn(null), Drawn(""));
        Assert.NotEqual(Drawn(null), Drawn("a blue heart"));
        var refused = Assert.Throws<InvalidRequestException>(
            () => _pipeline.Generate("a red heart", new() { GuidanceScale = 1, NegativePrompt = "a blue heart" }));
        Assert.Equal("negative_prompt", refused.Key);
    }

    [Fact]
    public void A_prompt_can_be_read_without_the_last_layers_and_the_receipt_says_it()
    {
        var plain = _pipeline.Generate("a red heart", new() { Seed = 4 });
        var skipped = _pipeline.Generate("a red heart", new() { Seed = 4, ClipSkip = 1 });
        Assert.NotEqual(plain.Images.Pixels, skipped.Images.Pixels);
        Assert.Equal("1", skipped.Receipt.ToText()["Clip skip"]);
        using var folder = new Formats.TemporaryFolder();
        skipped.SavePng(folder.File("one.png"));
        var again = _pipeline.Prepare(ImageReceipt.Read(folder.File("one.png")));
        Assert.Equal(1, again.Receipt.ClipSkip);
        var refused = Assert.Throws<InvalidRequestException>(
            () => _pipeline.Generate("a red heart", new() { ClipSkip = 2 })); // of two layers
        Assert.Equal("clip_skip", refused.Key);
    }

    [Fact]
    public void A_row_between_two_prompts_begins_and_ends_with_them()
    {
        var row = _pipeline.Generate("a red heart", new() { Count = 4, Seed = 7, InterpolateToPrompt = "two red cars" });
        Assert.Equal(4, row.Count);
        Assert.Equal(_pipeline.Generate("a red heart", new() { Seed = 7 }).Images.Pixels, row.Images.Slice(0).Pixels);
        Near(_pipeline.Generate("two red cars", new() { Seed = 7 }).Images.Pixels, row.Images.Slice(3).Pixels);
        Assert.NotEqual(row.Images.Slice(1).Pixels, row.Images.Slice(2).Pixels);
        var refused = Assert.Throws<InvalidRequestException>(
            () => _pipeline.Generate(["a", "b"], new() { Count = 4, InterpolateToPrompt = "c" }));
        Assert.Equal("interpolate_to_prompt", refused.Key);
    }

    [Fact]
    public async Task What_a_file_says_draws_it_again_to_the_bit()
    {
        var stop = TestContext.Current.CancellationToken;
        string path = Path.Combine(Path.GetTempPath(), $"mezzotint-{Guid.NewGuid():N}.png");
        try
        {
            foreach (var options in new GenerationOptions[]
            {
                new() { Count = 2, Seed = 3, NegativePrompt = "a blue heart" },
                new() { Count = 3, Seed = 3, InterpolateToPrompt = "two red cars" },
            })
            {
                var drawn = _pipeline.Generate("a red heart", options);
                drawn.SavePng(path);
                var again = await _pipeline.Prepare(ImageReceipt.Read(path)).RunAsync(cancellation: stop);
                Assert.Equal(drawn.Images.Pixels, again.Images.Pixels);
                File.WriteAllBytes(path, drawn.ToPng(1));
                var receipt = ImageReceipt.Read(path);
                Assert.Equal(["a red heart"], receipt.Prompts);
                var one = await _pipeline.Prepare(receipt).RunAsync(cancellation: stop);
                Assert.Equal(
                    drawn.Images.Slice(1).Pixels, receipt.Index is { } index ? one.Images.Slice(index).Pixels
                        : one.Images.Pixels);
            }
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public void Classes_are_refused_and_so_are_words_of_a_model_of_classes()
    {
        Assert.Equal("prompt", Assert.Throws<InvalidRequestException>(() => _pipeline.Generate([3])).Key);
        Assert.Throws<InvalidRequestException>(() => _pipeline.LabelOf("a red heart"));
        using var classes = SmallPipeline.Create();
        Assert.Equal(
            classes.Generate([7], new() { Seed = 1 }).Images.Pixels,
                classes.Generate(["seven"], new() { Seed = 1 }).Images.Pixels);
        Assert.Throws<InvalidRequestException>(() => classes.Generate("a red heart"));
    }

    [Fact]
    public async Task Programs_that_know_image_generators_ask_in_words_too()
    {
        using var generator = _pipeline.AsImageGenerator();
        var options = new ImageGenerationOptions
        {
            AdditionalProperties = new() { ["seed"] = 5, ["negative_prompt"] = "a blue heart" },
        };
        var response = await generator.GenerateImagesAsync("a red heart", options, TestContext.Current.CancellationToken);
        var drawn = Assert.IsType<GeneratedImages>(response.RawRepresentation);
        Assert.Equal("a blue heart", drawn.Receipt.NegativePrompt);
        var content = Assert.Single(response.Contents);
        Assert.Equal("a red heart", content.AdditionalProperties!["prompt"]);
        Assert.False(content.AdditionalProperties.ContainsKey("label"));
    }

    [Fact]
    public void What_does_not_fit_a_prompt_is_named()
    {
        var tokens = _prompts.Tokenize("a red heart, a blue heart, a green car");
        Assert.Equal(WordedPipeline.Tokens, tokens.Tokens.Count);
        Assert.EndsWith("a green car", tokens.CutOff, StringComparison.Ordinal);
    }

    private static void Near(byte[] expected, byte[] actual) =>
        Assert.All(expected.Zip(actual), pair => Assert.InRange(Math.Abs(pair.First - pair.Second), 0, 1));
}
