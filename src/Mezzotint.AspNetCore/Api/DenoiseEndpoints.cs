using Mezzotint.Data;
using Mezzotint.Formats;
using Mezzotint.Models;
using Mezzotint.Runtime;
using Mezzotint.Serving;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Mezzotint.AspNetCore.Api;

/// <summary><c>POST /api/denoise</c>: one evaluation, laid open. A picture, noise of a level, and what the model makes of
/// them.</summary>
internal sealed class DenoiseEndpoints(
    ServedModels models, ServedClassifiers classifiers, MezzotintOptions options, RequestQueue queue, Admission admission)
{
    /// <summary>A mean of more noises looks no different.</summary>
    private const int MostNoises = 64;

    public void Map(IEndpointRouteBuilder routes)
    {
        routes.MapGet("/api/noise", (Delegate)Noise)
            .WithSummary("The noise that images of the seeds from `seed` on start from, one below the other.")
            .Produces(200, contentType: "image/png").ProducesProblem(400).ProducesProblem(404)
            .WithQuery(
                QueryField.Model, QueryField.Whole("n", "How many; 1 unless told otherwise.", 1, options.MaxCount),
                QueryField.Whole("seed", "The first seed; 0 unless told otherwise.", 0, uint.MaxValue));
        routes.MapPost("/api/denoise", (Delegate)AnswerAsync)
            .WithSummary("Adds noise of a level to a picture, and tells what the model makes of it.").WithDescription(
                "The picture is one that is sent, or the one that the model draws from a seed. Of each noise: x_t, the noise, "
                + "the estimate D(x_t), the noise that the model predicts, their errors, and how a classifier reads x_t and D "
                + "where the server has one for the model.")
            .Accepts<DenoiseBody>("application/json").Produces<DenoiseAnswer>().ProducesProblem(400).ProducesProblem(404)
            .ProducesProblem(413).ProducesProblem(429).ProducesProblem(503).ProducesProblem(504);
    }

    private IResult Noise(HttpRequest request)
    {
        var fields = RequestFields.OfForm(request.Query);
        var model = models.Find(fields.Text("model", 200));
        int count = (int)(fields.Whole("n", 1, options.MaxCount) ?? 1);
        long seed = fields.Whole("seed", 0, uint.MaxValue - count + 1) ?? 0;
        fields.RefuseOthers();
        Libtorch.Load();
        return Results.Bytes(PngFile.Encode(NumberPictures.OfSeeds(model.Info.Numbers, seed, count), 1, PictureFormat.Png),
            "image/png");
    }

    private Task AnswerAsync(HttpContext context) => admission.RunAsync(context, async stop =>
    {
        var fields = await RequestBody.ReadJsonAsync(context.Request, stop, options.MaxBodyBytes).ConfigureAwait(false);
        using var model = await models.RentAsync(fields.Text("model", 200), stop).ConfigureAwait(false);
        var answer = await DenoiseAsync(fields, model.Pipeline, stop).ConfigureAwait(false);
        await context.Response.WriteAsJsonAsync(answer, ApiJson.Default.DenoiseAnswer, cancellationToken: stop)
            .ConfigureAwait(false);
    });

    private async Task<DenoiseAnswer> DenoiseAsync(RequestFields fields, DiffusionPipeline pipeline, CancellationToken stop)
    {
        bool brief = fields.Flag("brief");
        var question = new NoisyQuestion(fields, pipeline, options, MostNoises, (how, level) => how.CheckEstimate(level));
        var (clean, found) = await question.AskAsync(queue, how => how.EstimateAsync(question.Level, stop), stop)
            .ConfigureAwait(false);
        return Answer(found, clean, pipeline.Model, question.Noise, brief);
    }

    private DenoiseAnswer Answer(NoisyEstimates found, ImageBatch clean, ModelInfo info, long noise, bool brief)
    {
        double level = found.Level, time = info.Process.Time(level);
        bool latent = info.Pixels is LatentCodec;
        var reader = classifiers.Of(info);
        var readings = reader is null ? null : (
            Clean: classifiers.Read(info, clean)!, Noisy: classifiers.Read(info, found.Noisy)!,
            Estimates: classifiers.Read(info, found.Estimates)!) as (
                IReadOnlyList<float[]> Clean, IReadOnlyList<float[]> Noisy, IReadOnlyList<float[]> Estimates)?;
        var mean = NumberPictures.Mean(found.Estimates);
        return new(
            level, time, info.Process.Alpha(time), info.Process.Std(time), info.Process.HalfLogSnr(time),
            1 / Math.Sqrt(1 + level * level), found.Evaluations, NumberPictures.Png(clean),
            latent ? NumberPictures.Png(found.Kept) : null, latent ? NumberPictures.Distance(found.Kept, clean) : null,
            latent ? NumberPictures.Png(NumberPictures.OfClean(found)) : null, readings?.Clean[0], reader?.Name,
            [.. Enumerable.Range(0, found.Estimates.Count).Select(One)],
            NumberPictures.Png(mean), reader is null ? null : classifiers.Read(info, mean)![0]);

        DenoisedNoise One(int i)
        {
            bool whole = i == 0 || !brief;
            return new(
                noise + i, whole ? NumberPictures.Png(found.Noisy.Slice(i)) : null,
                whole ? NumberPictures.Png(NumberPictures.OfNoise(found, i)) : null,
                NumberPictures.Png(found.Estimates.Slice(i)),
                whole ? NumberPictures.Png(NumberPictures.OfPredicted(found, i)) : null, found.Error(i), found.Error(i) / level,
                readings?.Noisy[i], readings?.Estimates[i]);
        }
    }
}
