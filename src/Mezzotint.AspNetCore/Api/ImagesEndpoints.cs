using Mezzotint.Models;
using Mezzotint.Serving;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Mezzotint.AspNetCore.Api;

/// <summary><c>POST /v1/images/generations</c> and <c>/v1/images/edits</c>, and the images that were asked for as
/// addresses.</summary>
internal sealed class ImagesEndpoints(
    ServedModels models, MezzotintOptions options, RequestQueue queue, ImageStore store, Admission admission, TimeProvider time)
{
    /// <summary>The number of a request's place, by which GET /api/queue tells of it.</summary>
    public const string PlaceHeader = "Mezzotint-Place";

    public void Map(IEndpointRouteBuilder routes)
    {
        // As delegates of any kind, not as request handlers: those are left out of the OpenAPI document.
        routes.MapPost("/v1/images/generations", (Delegate)GenerateAsync)
            .WithSummary("Draws images.").WithDescription(
                "As OpenAI's clients ask for them, with the fields seed, label, sampler, levels, steps and guidance_scale "
                + "beside. With \"stream\": true the answer is a stream of server-sent events: image_generation.partial_image "
                + "(partial_images of each image, evenly over its steps) and image_generation.completed.")
            .Accepts<GenerationBody>("application/json").Produces<ImagesAnswer>().Produces<ImageEvent>(200, "text/event-stream")
                .Describe();
        routes.MapPost("/v1/images/edits", (Delegate)EditAsync)
            .WithSummary("Draws images from a picture.").WithDescription(
                "The picture has the model's size, or a whole number of times that. With a mask only its transparent part is "
                + "drawn anew, or, of a mask without transparency, its white part; the rest stays to the bit.")
            .Accepts<EditBody>("multipart/form-data").Produces<ImagesAnswer>().Produces<ImageEvent>(200, "text/event-stream")
                .Describe();
        routes.MapGet("/v1/images/files/{name}", (Delegate)FileAsync)
            .WithSummary("An image that was asked for with \"response_format\": \"url\".").Produces(200, contentType: "image/png")
                .Produces<ErrorBody>(404);
    }

    private Task GenerateAsync(HttpContext context) => DrawAsync(context, "image_generation", async stop =>
        new(await RequestBody.ReadJsonAsync(context.Request, stop).ConfigureAwait(false), null));

    private Task EditAsync(HttpContext context) => DrawAsync(context, "image_edit", async stop =>
    {
        var form = await RequestBody.ReadFormAsync(context.Request, options.MaxBodyBytes, stop).ConfigureAwait(false);
        byte[] image = await RequestBody.FileAsync(form, "image", stop).ConfigureAwait(false) ?? throw ApiError.Missing("image");
        byte[]? mask = await RequestBody.FileAsync(form, "mask", stop).ConfigureAwait(false);
        if (form.Files.FirstOrDefault(file => file.Name is not ("image" or "image[]" or "mask")) is { } other)
            throw ApiError.Invalid(
                ApiError.Cut(other.Name), $"Unknown parameter: '{ApiError.Cut(other.Name)}'. The files are image and mask.",
                "unknown_parameter");
        return new(
            RequestFields.OfForm(form.Where(field => field.Key is not ("image" or "image[]" or "mask" or "mask[]"))),
            (strength, model) => GivenPicture.Read(image, mask, strength, model));
    });

    /// <summary>What a client has sent.</summary>
    /// <param name="Fields">The fields.</param>
    /// <param name="Given">The picture to begin from, by the strength that is asked for and the model; null for none.</param>
    private sealed record Sent(RequestFields Fields, Func<double?, ModelInfo, GivenPicture>? Given);

    private Task DrawAsync(HttpContext context, string kind, Func<CancellationToken, Task<Sent>> read) =>
        admission.RunAsync(context, async stop =>
        {
            var (fields, given) = await read(stop).ConfigureAwait(false);
            using var model = await models.RentAsync(fields.Text("model", 200), stop).ConfigureAwait(false);
            var pipeline = model.Pipeline;
            var request = ImagesRequest.Read(fields, given, pipeline, options);
            using var place = queue.Enter(request.Generation.Images, request.Generation.Evaluations);
            context.Response.Headers[PlaceHeader] = place.Number.ToString(System.Globalization.CultureInfo.InvariantCulture);
            request = request.Decoded(pipeline);
            var writer = new ImagesWriter(options, store, time);
            await (request.Stream
                ? writer.StreamAsync(context, request, kind, place, stop)
                : writer.WriteAsync(context, request, place, stop)).ConfigureAwait(false);
        });

    private async Task FileAsync(HttpContext context, string name)
    {
        // The extension is for people.
        var image = store.Find(Path.GetFileNameWithoutExtension(name))
            ?? throw new ApiError(
                404, ApiError.InvalidRequest, "not_found",
                "There is no such image, or no more: they are kept for a while, and the newest ones longest.");
        context.Response.ContentType = image.MediaType;
        context.Response.ContentLength = image.Bytes.Length;
        context.Response.Headers.CacheControl = "private, immutable, max-age=3600";
        await context.Response.Body.WriteAsync(image.Bytes, context.RequestAborted).ConfigureAwait(false);
    }
}

internal static class EndpointDescription
{
    /// <summary>The errors that every drawing may end in.</summary>
    public static void Describe(this RouteHandlerBuilder endpoint)
    {
        foreach (int status in new[] { 400, 401, 404, 413, 415, 429, 500, 503, 504 })
            endpoint.Produces<ErrorBody>(status);
    }
}
