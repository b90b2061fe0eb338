using System.ComponentModel;
using Mezzotint.Data;
using Mezzotint.Evaluation;
using Mezzotint.Serving;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Mezzotint.AspNetCore.Api;

/// <summary><c>POST /api/nearest</c>: what of its training images an image is nearest to.</summary>
internal sealed class DataEndpoints(
    ServedModels models, ServedData data, MezzotintOptions options, RequestQueue queue, Admission admission)
{
    private const int MostNearest = 16, FewNearest = 4;

    public void Map(IEndpointRouteBuilder routes) =>
        routes.MapPost("/api/nearest", (Delegate)NearestAsync)
            .WithSummary("The training images of a model that are nearest to an image, pixel by pixel.").WithDescription(
                "Distances are the root of the sum of squared differences of pixels from 0 to 1. Beside them stands the median "
                + "distance of images of the same set that nobody learned from. 409 where the data are not on this server.")
            .Accepts<NearestBody>("application/json").Produces<NearestAnswer>().ProducesProblem(400).ProducesProblem(404)
            .ProducesProblem(409).ProducesProblem(413).ProducesProblem(429).ProducesProblem(503).ProducesProblem(504);

    private Task NearestAsync(HttpContext context) => admission.RunAsync(context, async stop =>
    {
        var fields = await RequestBody.ReadJsonAsync(context.Request, stop, options.MaxBodyBytes).ConfigureAwait(false);
        var model = models.Find(fields.Text("model", 200));
        string sent = fields.Text("image", (int)Math.Min(options.MaxBodyBytes, int.MaxValue)) ?? throw ApiError.Missing("image");
        int count = (int)(fields.Whole("n", 1, MostNearest) ?? FewNearest);
        fields.RefuseOthers();
        var given = GivenPicture.Read(RequestBody.OfText("image", sent), null, 1, model.Info);
        using var place = queue.Enter(1, 1);
        var set = await data.OfAsync(model.Name, model.Info).WaitAsync(stop).ConfigureAwait(false);
        var image = given.Decode().Image;
        var found = await Task.Run(() => NearestImage.Of(image.Pixels, set.Train, count), stop).ConfigureAwait(false);
        var answer = new NearestAnswer(
            set.Name, set.Train.Count, set.IsWhole, set.Typical, [.. found.Select(near => One(set, near))]);
        await context.Response.WriteAsJsonAsync(answer, ApiJson.Default.NearestAnswer, cancellationToken: stop)
            .ConfigureAwait(false);
    });

    private static NearestPicture One(ServedSet set, NearestImage near)
    {
        var train = set.Train;
        return new(
            near.Index, train.HasClasses ? train.ClassNames[train.Labels[near.Index]] : null, near.Distance,
            NumberPictures.Png(new(1, train.Channels, train.Height, train.Width, train.Image(near.Index).ToArray())));
    }
}

/// <summary>The fields of POST /api/nearest.</summary>
internal sealed record NearestBody
{
    [Description("The image: a PNG, JPEG or WebP in base64 or as a data URI, of the model's size.")]
    public required string Image { get; init; }

    [Description("The model's name; the first that is served may be left out.")]
    public string? Model { get; init; }

    [Description("How many, 1 to 16; 4 unless told otherwise.")]
    public int? N { get; init; }
}

/// <summary>The answer to POST /api/nearest.</summary>
/// <param name="Data">The set that the model learned from.</param>
/// <param name="Images">How many of its training images were compared.</param>
/// <param name="Whole">Whether these are all.</param>
/// <param name="Typical">The median distance of images to the nearest training image, of those that nobody learned from; none
/// where the set has no test images.</param>
/// <param name="Nearest">The nearest first.</param>
internal sealed record NearestAnswer(
    string Data, int Images, bool Whole, double? Typical, IReadOnlyList<NearestPicture> Nearest);

/// <summary>A training image.</summary>
/// <param name="Index">Its number in the set, from 0.</param>
/// <param name="Label">Its class; none in a set without classes.</param>
/// <param name="Distance">How far it is from the image.</param>
/// <param name="Image">A PNG in base64.</param>
internal sealed record NearestPicture(int Index, string? Label, double Distance, string Image);
