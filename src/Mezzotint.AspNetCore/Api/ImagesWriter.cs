using System.Text.Json.Serialization.Metadata;
using System.Text.Json;
using System.Threading.Channels;
using Mezzotint.Formats;
using Mezzotint.Sampling;
using Mezzotint.Serving;
using Microsoft.AspNetCore.Http;

namespace Mezzotint.AspNetCore.Api;

/// <summary>Draws a request and answers it: all images at once, or a stream of estimates and images as server-sent
/// events.</summary>
internal sealed class ImagesWriter(MezzotintOptions options, ImageStore store, TimeProvider time)
{
    /// <summary>Answers with all images at once.</summary>
    /// <param name="context">The request.</param>
    /// <param name="request">What is asked for.</param>
    /// <param name="progress">Is told the evaluations so far.</param>
    /// <param name="stop">Stops it.</param>
    public async Task WriteAsync(
        HttpContext context, ImagesRequest request, IProgress<SamplingProgress> progress, CancellationToken stop)
    {
        var images = await request.Generation.RunAsync(progress: progress, cancellation: stop).ConfigureAwait(false);
        var data = new List<ImageAnswer>();
        for (int i = 0; i < images.Count; i++)
        {
            byte[] file = File(request, images.Images.Slice(i), images.Receipt.Of(i));
            data.Add(new ImageAnswer(
                request.AsUrl ? null : Convert.ToBase64String(file),
                request.AsUrl
                    ? $"{PublicAddress.Of(context.Request, "/v1/images/", options)}/v1/images/files/"
                        + store.Add(file, MediaType(request))
                    : null,
                request.Prompt, images.Receipt.Of(i).Seed, LabelOf(images.Receipt.Of(i))));
        }
        var answer = new ImagesAnswer(Now(), data, request.Size, Name(request));
        await context.Response.WriteAsJsonAsync(answer, ApiJson.Default.ImagesAnswer, cancellationToken: stop)
            .ConfigureAwait(false);
    }

    /// <summary>
    /// Answers with a stream. Estimates wait for a slow reader without holding up the drawing; there are no more of them than
    /// were asked for.
    /// </summary>
    /// <param name="context">The request.</param>
    /// <param name="request">What is asked for.</param>
    /// <param name="kind">What the events are called: image_generation or image_edit.</param>
    /// <param name="progress">Is told the evaluations so far.</param>
    /// <param name="stop">Stops it.</param>
    public async Task StreamAsync(
        HttpContext context, ImagesRequest request, string kind, IProgress<SamplingProgress> progress, CancellationToken stop)
    {
        var steps = Channel.CreateUnbounded<GenerationStep>(new UnboundedChannelOptions { SingleReader = true });
        using var gone = CancellationTokenSource.CreateLinkedTokenSource(stop);
        var drawing = request.Generation.RunAsync(
            step => steps.Writer.TryWrite(step), request.Wanted, progress, request.Noisy, gone.Token);
        _ = drawing.ContinueWith(
            _ => steps.Writer.TryComplete(), CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously,
            TaskScheduler.Default);
        try
        {
            await BeginAsync(context, stop).ConfigureAwait(false);
            await foreach (var step in steps.Reader.ReadAllAsync(stop).ConfigureAwait(false))
            {
                var receipt = request.Generation.Receipt.Of(step.Image);
                int? partial = request.PartialIndex(step.Step, step.Steps);
                // An estimate is no image that could be drawn again: it says nothing of how it was drawn.
                byte[] file = File(request, step.Estimate, step.IsLast ? receipt : null);
                string type = $"{kind}.{(step.IsLast ? "completed" : "partial_image")}";
                var told = new ImageEvent(type, Convert.ToBase64String(file), Now(), request.Size, Name(request),
                    step.IsLast ? null : partial, step.Image, step.Step + 1, step.Steps, step.Sigma, receipt.Seed,
                    LabelOf(receipt),
                    step.IsLast ? step.Evaluations : null,
                    step.Noisy is { } noisy ? Convert.ToBase64String(File(request, noisy, null)) : null);
                await WriteEventAsync(context, type, told, ApiJson.Default.ImageEvent, stop).ConfigureAwait(false);
            }
            await drawing.ConfigureAwait(false);
        }
        finally
        {
            await gone.CancelAsync().ConfigureAwait(false);
            await ((Task)drawing).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing); // it uses the token until its end
        }
    }

    /// <summary>Ends a stream that has begun with an error, as an event.</summary>
    public static Task WriteErrorAsync(HttpContext context, ApiError error, CancellationToken stop) =>
        WriteEventAsync(context, "error", error.Body, ApiJson.Default.ErrorBody, stop);

    private static async Task BeginAsync(HttpContext context, CancellationToken stop)
    {
        context.Response.ContentType = "text/event-stream; charset=utf-8";
        context.Response.Headers.CacheControl = "no-store";
        context.Response.Headers["X-Accel-Buffering"] = "no"; // proxies that collect what they pass on would hold back the events
        await context.Response.StartAsync(stop).ConfigureAwait(false);
        await context.Response.Body.FlushAsync(stop).ConfigureAwait(false);
    }

    private static async Task WriteEventAsync<T>(
        HttpContext context, string name, T value, JsonTypeInfo<T> type, CancellationToken stop)
    {
        string text = $"event: {name}\ndata: {JsonSerializer.Serialize(value, type)}\n\n";
        await context.Response.WriteAsync(text, stop).ConfigureAwait(false);
        await context.Response.Body.FlushAsync(stop).ConfigureAwait(false);
    }

    private static byte[] File(ImagesRequest request, ImageBatch image, ImageReceipt? receipt) =>
        PngFile.Encode(
            image, request.Scale, request.Format, request.Quality,
            receipt is null ? null : (receipt with { Scale = request.Scale }).ToText());

    private static int? LabelOf(ImageReceipt receipt) => receipt.Prompts is null ? receipt.Labels[0] : null;

    private long Now() => time.GetUtcNow().ToUnixTimeSeconds();

    private static string Name(ImagesRequest request) =>
        request.Format switch { PictureFormat.Jpeg => "jpeg", PictureFormat.Webp => "webp", _ => "png" };

    private static string MediaType(ImagesRequest request) => $"image/{Name(request)}";
}
