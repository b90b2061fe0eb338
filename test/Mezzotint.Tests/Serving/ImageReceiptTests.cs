using Mezzotint.Formats;
using Mezzotint.Sampling;
using Mezzotint.Serving;
using Mezzotint.Tests.Data;

namespace Mezzotint.Tests.Serving;

public sealed class ImageReceiptTests : IDisposable
{
    private readonly DiffusionPipeline _pipeline = SmallPipeline.Create(hash: new string('a', 64));
    private readonly ScratchFolder _scratch = new();

    public void Dispose()
    {
        _pipeline.Dispose();
        _scratch.Dispose();
    }

    [Fact]
    public void A_file_says_all_that_it_takes_to_draw_it_again()
    {
        var source = new SourceImage { Image = Picture(1), Mask = Picture(1), Strength = 0.7, Resampling = 2 };
        GenerationOptions[] requests =
        [
            new() { Seed = 4_000_000_000, Count = 3 },
            new() { Seed = 1, Sampler = "dpmpp-2m-sde", Steps = 4, SolverOptions = new() { Eta = 0.3 } },
            // churn_max is infinite
            new() { Seed = 1, Sampler = "euler", Levels = "exponential", Steps = 5, SolverOptions = new() { Churn = 2 } },
            new()
            {
                Seed = 1, Sampler = "unipc", Steps = 4, SolverOptions = new() { Variant = UniPcVariant.Bh1, Corrector = false },
            },
            new() { Seed = 2, Steps = 5, Source = source, Sampler = "heun" },
            new() { Seed = 2, Steps = 5, Count = 4, InterpolateTo = 9 },
        ];
        foreach (var request in requests)
        {
            var images = _pipeline.Generate([3, 5], request);
            images.SavePng(_scratch["grid.png"], scale: 2);
            var receipt = ImageReceipt.Read(_scratch["grid.png"]);
            Assert.Equal(new string('a', 64), receipt.ModelHash);
            Assert.Equal((request.Seed, 2), (receipt.Seed, receipt.Scale));
            var again = Drawn(receipt);
            Assert.Equal(images.Images.Pixels, again.Images.Pixels);
            again.SavePng(_scratch["again.png"], receipt.Scale);
            Assert.Equal(PngFile.Read(_scratch["grid.png"]).Pixels, PngFile.Read(_scratch["again.png"]).Pixels);
        }
    }

    // Each number alone is within its limit.
    [Fact]
    public void A_picture_that_cannot_be_written_is_refused_before_it_is_drawn()
    {
        var receipt = _pipeline.Prepare([3], new() { Seed = 1, Count = 1000 }).Receipt with { Columns = 32, Scale = 256 };
        var refused = Assert.Throws<MezzotintException>(() => _pipeline.Prepare(receipt));
        Assert.Equal("scale", refused.Key);
        Assert.StartsWith("scale = 256: the picture of 1000 images of", refused.Message, StringComparison.Ordinal);
        Assert.Equal(1000, _pipeline.Prepare(receipt with { Scale = 2 }).Images);
        // One of the row of images is small, however many there are.
        Assert.Equal(1000, _pipeline.Prepare(receipt with { Index = 3 }).Images);
    }

    [Fact]
    public void A_single_file_is_about_its_own_image()
    {
        var images = _pipeline.Generate([3, 5], new() { Seed = 10, Count = 2 });
        File.WriteAllBytes(_scratch["2.png"], images.ToPng(2));
        var text = PngFile.ReadText(_scratch["2.png"]);
        Assert.Equal(
            ("5", "12", "6", "karras", "small"), (text["Label"], text["Seed"], text["Steps"], text["Levels"], text["Model"]));
        var receipt = ImageReceipt.Read(_scratch["2.png"]);
        Assert.Equal(images.Images.Image(2).ToArray(), Drawn(receipt).Images.Pixels);
    }

    /// <summary>
    /// What files said that the program drew when it still wrote them by reflection (commit 7d06b21): one with infinity, one with
    /// an enumeration, one with guidance within an interval and a picture with a mask.
    /// </summary>
    public static TheoryData<string> Before =>
        [.. File.ReadAllLines(Path.Combine(AppContext.BaseDirectory, "Golden", "receipts.jsonl"))];

    [Theory, MemberData(nameof(Before))]
    public void A_file_from_before_is_read_and_says_the_same_bytes_again(string json)
    {
        PngFile.Write(_scratch["old.png"], Picture(1), 1, new Dictionary<string, string> { [ImageReceipt.Keyword] = json });
        Assert.Equal(json, ImageReceipt.Read(_scratch["old.png"]).ToText()[ImageReceipt.Keyword]);
    }

    [Theory]
    [InlineData(null, "does not say how it was drawn")]
    [InlineData("no json", "in a way that this program does not understand")]
    [InlineData("{}", "in a way that this program does not understand")]
    [InlineData("""{"version":2,"labels":[1],"seed":1,"sampler":"euler","levels":"karras","steps":5}""", "version = 2")]
    [InlineData("""{"version":1,"labels":[],"seed":1,"sampler":"euler","levels":"karras","steps":5}""", "0 labels")]
    [InlineData(
        """{"version":1,"labels":[1],"seed":1,"sampler":"euler","levels":"karras","steps":2000000000}""",
        "steps = 2000000000")]
    [InlineData(
        """{"version":1,"labels":[1],"seed":1,"sampler":"euler","levels":"karras","steps":5,"source":"""
        + """{"image":"AAAA","strength":1}}""",
        "source.image")]
    [InlineData("""{"version":1,"labels":[1],"seed":1,"sampler":"euler","levels":"karras","steps":5,"surprise":1}""", "surprise")]
    [InlineData(
        """{"version":1,"labels":[1],"seed":1,"sampler":"euler","levels":"karras","steps":5,"precision":"float8"}""",
        "precision")]
    public void A_file_that_lies_is_refused_in_one_line(string? json, string expected)
    {
        var text = new Dictionary<string, string> { ["Other"] = "x" };
        if (json is not null)
            text[ImageReceipt.Keyword] = json;
        PngFile.Write(_scratch["x.png"], Picture(1), 1, text);
        string message = Assert.Throws<MezzotintException>(() => ImageReceipt.Read(_scratch["x.png"])).Message;
        Assert.Contains(expected, message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', message);
    }

    private GeneratedImages Drawn(ImageReceipt receipt) => _pipeline.Prepare(receipt).RunAsync().GetAwaiter().GetResult();

    private static ImageBatch Picture(int channels) =>
        new(1, channels, 8, 8, [.. Enumerable.Range(0, 64 * channels).Select(i => (byte)(i * 37))]);
}
