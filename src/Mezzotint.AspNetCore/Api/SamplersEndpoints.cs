using Mezzotint.Sampling;
using Mezzotint.Serving;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Mezzotint.AspNetCore.Api;

/// <summary>
/// <c>GET /api/samplers</c>: what each sampler costs with the levels and the guidance that are asked for, so that samplers can be
/// compared at equal evaluations of the network. It prepares the same requests as a drawing does, so that both count alike.
/// </summary>
internal sealed class SamplersEndpoints(ServedModels models, MezzotintOptions options)
{
    public void Map(IEndpointRouteBuilder routes) =>
        routes.MapGet("/api/samplers", async (HttpRequest request, CancellationToken stop) =>
                Results.Json(await ListAsync(request, stop).ConfigureAwait(false), ApiJson.Default.SamplerList))
            .WithSummary(
                "The samplers, with the evaluations that steps=N take, or with the most steps that evaluations=N suffice "
                + "for.").Produces<SamplerList>().ProducesProblem(400)
            .WithQuery(
                QueryField.Model, QueryField.Whole("steps", "Steps; the model's own unless told otherwise.", 1, options.MaxSteps),
                QueryField.Whole("evaluations", "In place of steps, what they may cost.", 1, int.MaxValue),
                QueryField.Number("guidance_scale", "The weight of guidance; the model's own unless told otherwise.", 0, 1000),
                QueryField.Text("levels", "How the levels are spread; the model's own unless told otherwise."),
                QueryField.Text("sampler", "The one that is asked about; all unless told otherwise."));

    private async Task<SamplerList> ListAsync(HttpRequest request, CancellationToken stop)
    {
        var fields = RequestFields.OfForm(request.Query);
        using var model = await models.RentAsync(fields.Text("model", 200), stop).ConfigureAwait(false);
        var pipeline = model.Pipeline;
        int? evaluations = (int?)fields.Whole("evaluations", 1, int.MaxValue);
        int steps = (int)(fields.Whole("steps", 1, options.MaxSteps) ?? pipeline.Model.Sampling.Steps);
        double? guidance = fields.Number("guidance_scale", 0, 1000);
        string? levels = fields.Text("levels", 100), sampler = fields.Text("sampler", 100);
        fields.RefuseOthers();
        var all = Solvers.All.Prepend(EulerMaruyama.For(pipeline.Model.Process))
            .Where(solver => sampler is null || solver.Name == sampler).ToList();
        if (all.Count == 0)
            throw ApiError.Invalid("sampler", $"There is no sampler '{ApiError.Cut(sampler!)}'. GET /api/samplers lists them.");
        return new SamplerList([.. all.Select(solver =>
        {
            long? Count(int steps) => Evaluations(pipeline, solver, steps, levels, guidance);
            int? taken = evaluations is null ? steps : StepsFor(Count, evaluations.Value);
            return new SamplerFacts(
                solver.Name, solver.Order, solver.Stochastic, taken, taken is null ? null : Count(taken.Value), solver.Source);
        })]);
    }

    /// <summary>Those of one image, as a drawing counts them; null where the sampler chooses its own steps, or cannot draw
    /// so.</summary>
    private static long? Evaluations(DiffusionPipeline pipeline, Solver solver, int steps, string? levels, double? guidance)
    {
        if (solver.Evaluations is null)
            return null;
        try
        {
            var drawing = new GenerationOptions
            {
                Seed = 0,
                Sampler = solver.Name,
                Levels = levels ?? pipeline.Model.Sampling.Levels,
                Steps = steps,
                GuidanceScale = guidance,
            };
            return (pipeline.Model.IsAskedInWords ? pipeline.Prepare([""], drawing) : pipeline.Prepare([0], drawing)).Evaluations;
        }
        catch (MezzotintException)
        {
            return null; // why it cannot is told to whoever draws with it
        }
    }

    /// <summary>The most steps that so many evaluations suffice for; null where one is too many, or the sampler chooses its own
    /// steps.</summary>
    private int? StepsFor(Func<int, long?> count, int evaluations)
    {
        int enough = 0, tooMany = Math.Min(options.MaxSteps, evaluations) + 1; // every step takes one evaluation or more
        if (count(1) is not { } first || first > evaluations)
            return null;
        while (tooMany - enough > 1)
        {
            int middle = (enough + tooMany) / 2;
            if (count(middle) <= evaluations)
                enough = middle;
            else
                tooMany = middle;
        }
        return enough;
    }
}

/// <summary>The answer to GET /api/samplers.</summary>
internal sealed record SamplerList(IReadOnlyList<SamplerFacts> Samplers);

/// <summary>A sampler.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Order">The order of its error in the step.</param>
/// <param name="Stochastic">Whether it draws noise on its way.</param>
/// <param name="Steps">Steps.</param>
/// <param name="Evaluations">Network evaluations an image for these steps, those for the guidance included; none where the
/// sampler chooses its own steps.</param>
/// <param name="Source">The paper or program that it is from.</param>
internal sealed record SamplerFacts(string Name, int Order, bool Stochastic, int? Steps, long? Evaluations, string Source);
