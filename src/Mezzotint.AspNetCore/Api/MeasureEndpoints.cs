using System.ComponentModel;
using System.Diagnostics;
using Mezzotint.Data;
using Mezzotint.Evaluation;
using Mezzotint.Runtime;
using Mezzotint.Serving;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Mezzotint.AspNetCore.Api;

/// <summary><c>POST /api/measure</c>: how good the images are that a model draws in one way, by two quick figures of the
/// library's evaluation.</summary>
internal sealed class MeasureEndpoints(
    ServedModels models, ServedData data, ServedClassifiers classifiers, MezzotintOptions options, RequestQueue queue,
    Admission admission) : IDisposable
{
    private const int Fewest = 50, Most = 2000, Usual = 200;

    private readonly SemaphoreSlim _one = new(1); // a measurement takes all threads

    public void Map(IEndpointRouteBuilder routes) =>
        routes.MapPost("/api/measure", (Delegate)AnswerAsync)
            .WithSummary("Draws images of all classes, and measures their accuracy and Frechet distance.").WithDescription(
                "Accuracy is the share whose class a classifier of the server tells; the distance is taken in its embedding, to "
                + "up to 2000 test images. Each has an interval of 95 % and what as many real images get. 409 where the server "
                + "has no classifier or no data of the model.")
            .Accepts<MeasureBody>("application/json").Produces<MeasureAnswer>().ProducesProblem(400).ProducesProblem(404)
            .ProducesProblem(409).ProducesProblem(429).ProducesProblem(503).ProducesProblem(504);

    public void Dispose() => _one.Dispose();

    private Task AnswerAsync(HttpContext context) => admission.RunAsync(context, async stop =>
    {
        var fields = await RequestBody.ReadJsonAsync(context.Request, stop, options.MaxBodyBytes).ConfigureAwait(false);
        using var model = await models.RentAsync(fields.Text("model", 200), stop).ConfigureAwait(false);
        int count = (int)(fields.Whole("n", Fewest, Most) ?? Usual);
        var how = new GenerationOptions
        {
            Seed = fields.Whole("seed", 0, uint.MaxValue - count + 1) ?? 0,
            Sampler = fields.Text("sampler", 100), Levels = fields.Text("levels", 100),
            Steps = (int?)fields.Whole("steps", 1, options.MaxSteps), GuidanceScale = fields.Number("guidance_scale", 0, 1000),
            ClassifierScale = fields.Number("classifier_guidance", 0, 1000),
        };
        fields.RefuseOthers();
        var answer = await MeasuredAsync(model.Pipeline, count, how, stop).ConfigureAwait(false);
        await context.Response.WriteAsJsonAsync(answer, ApiJson.Default.MeasureAnswer, cancellationToken: stop)
            .ConfigureAwait(false);
    });

    private async Task<MeasureAnswer> MeasuredAsync(
        DiffusionPipeline pipeline, int count, GenerationOptions how, CancellationToken stop)
    {
        var info = pipeline.Model;
        if (info.ClassNames.Count == 0 || classifiers.Of(info) is not { } judge)
            throw Missing($"This server has no classifier of the images of '{pipeline.Name}'.");
        long begun = Stopwatch.GetTimestamp();
        int classes = info.ClassNames.Count;
        int[] labels = [.. Enumerable.Range(0, count).Select(i => (int)((long)i * classes / count))]; // as many of each, to one
        var drawing = pipeline.Prepare(labels, how);
        using var place = queue.Enter(count, drawing.Evaluations);
        var set = await data.OfAsync(pipeline.Name, info).WaitAsync(stop).ConfigureAwait(false);
        if (set.Test is not { } test)
            throw Missing($"{set.Name} has no test images to measure against.");
        var images = (await drawing.RunAsync(progress: place, cancellation: stop).ConfigureAwait(false)).Images;
        await _one.WaitAsync(stop).ConfigureAwait(false);
        try
        {
            var (accuracy, distance) = await Task.Run(() =>
            {
                byte[] shown = Array.ConvertAll(labels, label => (byte)label);
                var drawn = new EvaluatedImages(new ImageSet(
                    pipeline.Name, images.Pixels, shown, images.Channels, images.Height, images.Width, test.ClassNames));
                using var threads = new WorkerThreads(0);
                return ImageEvaluation.Brief(
                    drawn, ReferenceImages.Divide(set.Train, test, shown, count, how.Seed ?? 0), classifiers.Loaded(info)!,
                    threads, stop);
            }, stop).ConfigureAwait(false);
            return new(
                count, drawing.Evaluations / count, judge.Name, set.Name, test.Count, Accuracy(accuracy, count),
                Distance(distance), Stopwatch.GetElapsedTime(begun).TotalSeconds);
        }
        catch (MezzotintException wrong) when (wrong is not InvalidRequestException)
        {
            throw Missing(wrong.Message);
        }
        finally
        {
            _one.Release();
        }
    }

    private const double Deviations = 1.96; // of a normal distribution to either side: 95 %

    /// <summary>The interval is Wilson's (1927), which is right for shares near 0 and 1 too.</summary>
    private static MeasuredFigure Accuracy(Figure figure, int count)
    {
        double share = figure.Value!.Value, square = Deviations * Deviations / count, middle = share + square / 2;
        double half = Deviations * Math.Sqrt(share * (1 - share) / count + square / count / 4);
        return new(share, (middle - half) / (1 + square), (middle + half) / (1 + square), figure.Real);
    }

    /// <summary>The interval is that of the ratio to what real images get.</summary>
    private static MeasuredFigure Distance(Figure figure) => new(
        figure.Value!.Value, figure.Ratio is { } low ? low.Low * figure.Real : null,
        figure.Ratio is { } high ? high.High * figure.Real : null, figure.Real);

    private static ApiError Missing(string why) => new(409, ApiError.InvalidRequest, "cannot_be_measured", why, "model");
}

/// <summary>The fields of POST /api/measure.</summary>
internal sealed record MeasureBody
{
    [Description("The model's name; the first that is served may be left out.")]
    public string? Model { get; init; }

    [Description("Images, 50 to 2000, as many of each class; 200 unless told otherwise.")]
    public int? N { get; init; }

    [Description("Image i is drawn from seed + i; 0 unless told otherwise.")]
    public long? Seed { get; init; }

    [Description("The sampler's name; the model's own unless told otherwise.")]
    public string? Sampler { get; init; }

    [Description("How the levels of noise are spread.")]
    public string? Levels { get; init; }

    [Description("Steps of the sampler.")]
    public int? Steps { get; init; }

    [Description("The weight of guidance; the model's own unless told otherwise. 1 is none.")]
    public double? GuidanceScale { get; init; }

    [Description("The scale of guidance by the model's own classifier; the model's own unless told otherwise. 0 is none.")]
    public double? ClassifierGuidance { get; init; }
}

/// <summary>The answer to POST /api/measure.</summary>
/// <param name="Images">Images that were drawn.</param>
/// <param name="Evaluations">Network evaluations of each.</param>
/// <param name="Classifier">Who was asked.</param>
/// <param name="Data">What they are measured against.</param>
/// <param name="TestImages">How many images of it.</param>
/// <param name="Accuracy">The share whose class the classifier tells.</param>
/// <param name="Distance">The Frechet distance in its embedding.</param>
/// <param name="Seconds">What it took.</param>
internal sealed record MeasureAnswer(
    int Images, long Evaluations, string Classifier, string Data, int TestImages, MeasuredFigure Accuracy,
    MeasuredFigure Distance, double Seconds);

/// <summary>A figure.</summary>
/// <param name="Value">Its value.</param>
/// <param name="Low">The lower end of the interval of 95 %; none where it is not known.</param>
/// <param name="High">The upper end.</param>
/// <param name="Real">What as many real images get: the floor of a distance, the ceiling of an accuracy.</param>
internal sealed record MeasuredFigure(double Value, double? Low, double? High, double? Real);
