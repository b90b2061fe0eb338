#pragma warning disable MEAI001 // IImageGenerator is experimental
using System.Diagnostics;
using Mezzotint.Formats;
using Mezzotint.Serving;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Logging;

namespace Mezzotint.Tests.Serving;

public sealed class ImageGeneratorTests : IDisposable
{
    private readonly DiffusionPipeline _pipeline = SmallPipeline.Create();
    private readonly IImageGenerator _generator;

    public ImageGeneratorTests() => _generator = _pipeline.AsImageGenerator();

    public void Dispose()
    {
        _generator.Dispose();
        _pipeline.Dispose();
    }

    [Fact]
    public async Task Images_come_as_data_with_their_seeds()
    {
        var response = await _generator.GenerateImagesAsync(
            "a seven", new ImageGenerationOptions { Count = 3, AdditionalProperties = new() { ["seed"] = 5 } });
        var images = Assert.IsType<GeneratedImages>(response.RawRepresentation);
        Assert.Equal(3, response.Contents.Count);
        for (int i = 0; i < 3; i++)
        {
            var content = Assert.IsType<DataContent>(response.Contents[i]);
            Assert.Equal(
                ("image/png", 5L + i, 7),
                (content.MediaType, (long)content.AdditionalProperties!["seed"]!, (int)content.AdditionalProperties["label"]!));
            Assert.Equal(
                _pipeline.Generate([7], new() { Seed = 5 + i }).Images.Pixels,
                PngFile.Decode(content.Data.ToArray(), "x").Image.Pixels);
            Assert.Equal(images.Images.Image(i).ToArray(), PngFile.Decode(content.Data.ToArray(), "x").Image.Pixels);
        }
    }

    [Fact]
    public async Task Size_and_media_type_are_heeded()
    {
        foreach (string type in new[] { "image/png", "image/jpeg", "image/webp" })
        {
            var response = await _generator.GenerateImagesAsync(
                "1", new ImageGenerationOptions { ImageSize = new(24, 24), MediaType = type });
            var content = (DataContent)response.Contents[0];
            Assert.Equal(type, content.MediaType);
            var image = PngFile.Decode(content.Data.ToArray(), "x").Image;
            Assert.Equal((24, 24), (image.Width, image.Height));
        }
    }

    [Fact]
    public async Task An_original_image_is_begun_from()
    {
        var seven = _pipeline.Generate([7], new() { Seed = 1 });
        var options = new ImageGenerationOptions { AdditionalProperties = new() { ["seed"] = 2L, ["strength"] = 0.5 } };
        var edited = await _generator.EditImageAsync(new DataContent(seven.ToPng(0), "image/png"), "1", options);
        var expected = _pipeline.Generate([1], new() { Seed = 2, Source = new() { Image = seven.Images, Strength = 0.5 } });
        Assert.Equal(expected.Images.Pixels, PngFile.Decode(((DataContent)edited.Contents[0]).Data.ToArray(), "x").Image.Pixels);
    }

    [Fact]
    public async Task A_mask_keeps_the_rest_to_the_bit()
    {
        var seven = _pipeline.Generate([7], new() { Seed = 1 });
        byte[] half = [.. Enumerable.Range(0, 64).Select(i => (byte)(i < 32 ? 255 : 0))];
        byte[] mask = PngFile.Encode(new ImageBatch(1, 1, 8, 8, half), 3, PictureFormat.Png);
        var edited = await _generator.EditImageAsync(
            new DataContent(seven.ToPng(0, 2), "image/png"), "1",
            new ImageGenerationOptions { AdditionalProperties = new() { ["mask"] = mask } });
        byte[] pixels = PngFile.Decode(((DataContent)edited.Contents[0]).Data.ToArray(), "x").Image.Pixels;
        Assert.Equal(seven.Images.Pixels[32..], pixels[32..]);
        Assert.NotEqual(seven.Images.Pixels[..32], pixels[..32]);
    }

    [Fact]
    public async Task It_works_in_a_builder_with_logging_and_telemetry()
    {
        var lines = new List<string>();
        using var factory = new Lines(lines);
        var activities = new List<Activity>();
        using var listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name == "mezzotint-test",
            Sample = (ref _) => ActivitySamplingResult.AllDataAndRecorded,
            ActivityStopped = activities.Add,
        };
        ActivitySource.AddActivityListener(listener);
        using var generator = _generator.AsBuilder().UseLogging(factory).UseOpenTelemetry(factory, "mezzotint-test")
            .ConfigureOptions(options => options.Count = 2).Build();
        Assert.Equal(2, (await generator.GenerateImagesAsync("seven")).Contents.Count);
        Assert.Contains(lines, line => line.Contains("GenerateAsync", StringComparison.Ordinal));
        Assert.Contains(
            activities,
            activity =>
                Equals(activity.GetTagItem("gen_ai.request.model"), "small")
                    || activity.DisplayName.Contains("small", StringComparison.Ordinal));
        Assert.Same(_pipeline, generator.GetService<DiffusionPipeline>());
    }

    [Fact]
    public void It_tells_what_it_is()
    {
        var metadata = _generator.GetRequiredService<ImageGeneratorMetadata>();
        Assert.Equal(("mezzotint", "small"), (metadata.ProviderName, metadata.DefaultModelId));
        Assert.Same(_pipeline, _generator.GetService<DiffusionPipeline>());
        Assert.Same(_generator, _generator.GetService(typeof(IImageGenerator)));
        Assert.Null(_generator.GetService(typeof(IImageGenerator), "key"));
        Assert.Null(_generator.GetService(typeof(string)));
        Assert.Throws<ArgumentNullException>(() => _generator.GetService(null!));
    }

    [Fact]
    public async Task What_it_cannot_do_is_refused()
    {
        async Task Refused(string expected, ImageGenerationRequest request, ImageGenerationOptions? options = null) =>
            Assert.Contains(
                expected,
                (await Assert.ThrowsAnyAsync<MezzotintException>(() => _generator.GenerateAsync(request, options))).Message,
                StringComparison.Ordinal);
        await Refused("is not understood", new("a cat"));
        await Refused("A prompt is missing", new());
        await Refused("no model 'dall-e-3'", new("7"), new() { ModelId = "dall-e-3" });
        await Refused("image/gif", new("7"), new() { MediaType = "image/gif" });
        await Refused("size = 10x10: must be 8x8, or a whole number of times that", new("7"), new() { ImageSize = new(10, 10) });
        await Refused("count = 0", new("7"), new() { Count = 0 });
        await Refused("seed is 'x'", new("7"), new() { AdditionalProperties = new() { ["seed"] = "x" } });
        await Refused("Nothing is fetched", new("7", [new UriContent("https://example.org/x.png", "image/png")]));
        await Refused("no picture", new("7", [new DataContent(new byte[] { 1, 2, 3 }, "image/png")]));
        await Refused(
            "it is 5 x 5; this model takes 8 x 8",
            new(
                "7",
                [new DataContent(PngFile.Encode(new ImageBatch(1, 1, 5, 5, new byte[25]), 1, PictureFormat.Png), "image/png")]));
        await Assert.ThrowsAsync<NotSupportedException>(() =>
            _generator.GenerateAsync(new("7"), new() { ResponseFormat = ImageGenerationResponseFormat.Uri }));
        await Assert.ThrowsAsync<ArgumentNullException>(() => _generator.GenerateAsync(null!));
        using var stop = new CancellationTokenSource();
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => _generator.GenerateAsync(new("7"), null, stop.Token));
    }

    private sealed class Lines(List<string> lines) : ILoggerFactory, ILogger
    {
        public ILogger CreateLogger(string categoryName) => this;

        public void AddProvider(ILoggerProvider provider)
        {
        }

        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(
            LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            lock (lines)
                lines.Add(formatter(state, exception));
        }

        public void Dispose()
        {
        }
    }
}
