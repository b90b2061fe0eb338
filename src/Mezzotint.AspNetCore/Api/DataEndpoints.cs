using System.ComponentModel;
using Mezzotint.Data;
using Mezzotint.Evaluation;
using Mezzotint.Formats;
using Mezzotint.Serving;
using Mezzotint.Training;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Mezzotint.AspNetCore.Api;

/// <summary><c>POST /api/nearest</c>: what of its training images an image is nearest to; <c>GET /api/data</c>: those images, and
/// what augmentation makes of one.</summary>
internal sealed class DataEndpoints(
    ServedModels models, ServedData data, MezzotintOptions options, RequestQueue queue, Admission admission)
{
    private const int MostNearest = 16, FewNearest = 4;

    private const int MostShown = 100, FewShown = 48;

    public void Map(IEndpointRouteBuilder routes)
    {
        routes.MapGet("/api/data", (Delegate)DataAsync)
            .WithSummary("Images that a model learned from; or one of them, changed as training.augment changes it.")
            .Produces<DataAnswer>().ProducesProblem(400).ProducesProblem(404).ProducesProblem(409)
            .WithQuery(
                QueryField.Model, QueryField.Text("part", "train or test; train unless told otherwise."),
                QueryField.Whole("from", "The first image; 0 unless told otherwise.", 0, int.MaxValue),
                QueryField.Whole("n", "How many; 48 unless told otherwise.", 1, MostShown),
                QueryField.Number("augment", "Shows the first image n times, each change with this probability.", 0, 0.99),
                QueryField.Whole("seed", "Of these changes; 0 unless told otherwise.", 0, uint.MaxValue));
        routes.MapPost("/api/nearest", (Delegate)NearestAsync)
            .WithSummary("The training images of a model that are nearest to an image, pixel by pixel.").WithDescription(
                "Distances are the root of the sum of squared differences of pixels from 0 to 1. Beside them stands the median "
                + "distance of images of the same set that nobody learned from. 409 where the data are not on this server.")
            .Accepts<NearestBody>("application/json").Produces<NearestAnswer>().ProducesProblem(400).ProducesProblem(404)
            .ProducesProblem(409).ProducesProblem(413).ProducesProblem(429).ProducesProblem(503).ProducesProblem(504);
    }

    private async Task<IResult> DataAsync(HttpContext context)
    {
        var fields = RequestFields.OfForm(context.Request.Query);
        var model = models.Find(fields.Text("model", 200));
        bool test = fields.Choice("part", "train", "test") == "test";
        int from = (int)(fields.Whole("from", 0, int.MaxValue) ?? 0), count = (int)(fields.Whole("n", 1, MostShown) ?? FewShown);
        double? augment = fields.Number("augment", 0, 0.99);
        long seed = fields.Whole("seed", 0, uint.MaxValue) ?? 0;
        fields.RefuseOthers();
        var set = await data.OfAsync(model.Name, model.Info).WaitAsync(context.RequestAborted).ConfigureAwait(false);
        var images = (test ? set.Test : set.Train) ?? throw ApiError.Invalid("part", $"{set.Name} has no test images.");
        if (from >= images.Count)
            throw ApiError.Invalid("from", $"'from' is {from}; there are {images.Count} images, from 0.");
        var shown = augment is null
            ? Enumerable.Range(from, Math.Min(count, images.Count - from)).Select(i => One(images, i, PictureOf(images, i)))
            : Changed(images, from, count, augment.Value, seed);
        return Results.Json(
            new DataAnswer(set.Name, test ? "test" : "train", images.Count, images.ClassNames, [.. shown]),
            ApiJson.Default.DataAnswer);
    }

    private static IEnumerable<DataPicture> Changed(ImageSet images, int index, int count, double probability, long seed)
    {
        var changed = ChangedPictures.Of(PictureOf(images, index), count, probability, seed);
        return Enumerable.Range(0, count).Select(i => One(images, index, changed.Slice(i)));
    }

    private static ImageBatch PictureOf(ImageSet images, int index) =>
        new(1, images.Channels, images.Height, images.Width, images.Image(index).ToArray());

    private static string? LabelOf(ImageSet images, int index) =>
        images.HasClasses ? images.ClassNames[images.Labels[index]] : null;

    private static DataPicture One(ImageSet images, int index, ImageBatch picture) =>
        new(index, LabelOf(images, index), NumberPictures.Png(picture));

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
        return new(
            near.Index, LabelOf(set.Train, near.Index), near.Distance, NumberPictures.Png(PictureOf(set.Train, near.Index)));
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

/// <summary>The answer to GET /api/data.</summary>
/// <param name="Data">The set.</param>
/// <param name="Part">train or test.</param>
/// <param name="Images">How many images it has; of a large set the first.</param>
/// <param name="ClassNames">Its classes; none in a set without.</param>
/// <param name="Pictures">Those that were asked for.</param>
internal sealed record DataAnswer(
    string Data, string Part, int Images, IReadOnlyList<string> ClassNames, IReadOnlyList<DataPicture> Pictures);

/// <summary>An image of a set.</summary>
/// <param name="Index">Its number, from 0.</param>
/// <param name="Label">Its class; none in a set without classes.</param>
/// <param name="Image">A PNG in base64.</param>
internal sealed record DataPicture(int Index, string? Label, string Image);
