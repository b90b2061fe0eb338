using System.ClientModel.Primitives;
using System.ClientModel;
using Mezzotint.Formats;
using Mezzotint.Serving;
using OpenAI.Images;
using OpenAI.Models;
using OpenAI;

namespace Mezzotint.AspNetCore.Tests;

/// <summary>The official client of OpenAI's API, pointed at this server.</summary>
public class OpenAiClientTests
{
    [Fact]
    public async Task It_generates_images_that_are_those_of_their_seeds()
    {
        await using var studio = await SmallStudio.StartAsync();
        var images = (await Client(studio).GenerateImagesAsync("a handwritten seven", 3)).Value;
        Assert.Equal(3, images.Count);
        Assert.InRange(images.CreatedAt, DateTimeOffset.UtcNow.AddHours(-1), DateTimeOffset.UtcNow.AddHours(1));
        foreach (var image in images)
        {
            Assert.Equal("7", image.RevisedPrompt);
            var (pixels, receipt) = Read(image.ImageBytes);
            Assert.Equal(studio.Alone(7, receipt.Seed), pixels);
        }
    }

    [Fact]
    public async Task It_gets_addresses_that_lead_to_the_images()
    {
        await using var studio = await SmallStudio.StartAsync();
        var image = (
            await Client(studio).GenerateImageAsync(
                "1", new() { ResponseFormat = GeneratedImageFormat.Uri, Size = new GeneratedImageSize(24, 24) })).Value;
        byte[] file = await studio.Client.GetByteArrayAsync(image.ImageUri);
        var picture = PngFile.Decode(file, "x").Image;
        Assert.Equal((24, 24), (picture.Width, picture.Height));
    }

    [Fact]
    public async Task It_edits_a_picture_behind_a_mask()
    {
        await using var studio = await SmallStudio.StartAsync();
        var seven = studio.Pipeline.Generate([7], new() { Seed = 1 });
        byte[] mask = PngFile.Encode(
            new ImageBatch(1, 1, 8, 8, [.. Enumerable.Range(0, 64).Select(i => (byte)(i < 32 ? 255 : 0))]), 1, PictureFormat.Png);
        var edited = (
            await Client(studio).GenerateImageEditAsync(
                new MemoryStream(seven.ToPng(0)), "seven.png", "a one", new MemoryStream(mask), "mask.png")).Value;
        var (pixels, receipt) = Read(edited.ImageBytes);
        Assert.Equal(seven.Images.Pixels[32..], pixels[32..]);
        Assert.NotEqual(seven.Images.Pixels[..32], pixels[..32]);
        Assert.Equal(studio.Alone(1, receipt.Seed, new() { Source = receipt.Source }), pixels);
    }

    [Fact]
    public async Task It_lists_the_model()
    {
        await using var studio = await SmallStudio.StartAsync();
        var models = new OpenAIModelClient(new ApiKeyCredential("any key"), Options(studio));
        Assert.Equal("small", Assert.Single((await models.GetModelsAsync()).Value).Id);
        Assert.Equal("mezzotint", (await models.GetModelAsync("small")).Value.OwnedBy);
    }

    [Fact]
    public async Task It_gets_each_error_as_its_own_exception()
    {
        await using var studio =
            await SmallStudio.StartAsync(new() { ApiKey = "correct-horse", MaxRequests = 1, MaxSteps = SmallStudio.Endless });
        async Task Refused(int status, string code, Func<Task> call)
        {
            var refused = await Assert.ThrowsAsync<ClientResultException>(call);
            Assert.Equal(status, refused.Status);
            Assert.Contains(code, refused.Message, StringComparison.Ordinal);
        }
        var client = Client(studio, "correct-horse");
        await Refused(401, "invalid_api_key", () => Client(studio).GenerateImageAsync("7"));
        await Refused(404, "model_not_found", () => Client(studio, "correct-horse", "dall-e-3").GenerateImageAsync("7"));
        await Refused(400, "prompt_not_understood", () => client.GenerateImageAsync("a cat"));
        await Refused(400, "n", () => client.GenerateImagesAsync("7", 1000));
        await Refused(400, "size", () => client.GenerateImageAsync("7", new() { Size = new GeneratedImageSize(250, 250) }));

        using var stop = new CancellationTokenSource();
        studio.Client.DefaultRequestHeaders.Authorization = new("Bearer", "correct-horse");
        var endless = studio.PostAsync(new { prompt = "7", steps = SmallStudio.Endless }, stop.Token);
        await SmallStudio.UntilAsync(() => studio.Server.Queue.Requests == 1);
        await Refused(429, "rate_limit_exceeded", () => client.GenerateImageAsync("7"));
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => endless);
    }

    private static ImageClient Client(SmallStudio studio, string key = "any key", string model = "small") =>
        new(model, new ApiKeyCredential(key), Options(studio));

    private static OpenAIClientOptions Options(SmallStudio studio) =>
        new() { Endpoint = new Uri(studio.Client.BaseAddress!, "/v1"), RetryPolicy = new ClientRetryPolicy(0) };

    private static (byte[] Pixels, ImageReceipt Receipt) Read(BinaryData file)
    {
        string path = Path.GetTempFileName();
        try
        {
            File.WriteAllBytes(path, file.ToArray());
            return (PngFile.Read(path).Pixels, ImageReceipt.Read(path));
        }
        finally
        {
            File.Delete(path);
        }
    }
}
