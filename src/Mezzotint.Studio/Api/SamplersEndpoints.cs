using Mezzotint.Sampling;
using Mezzotint.Serving;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Mezzotint.Studio.Api;

/// <summary><c>GET /api/samplers</c>: what each sampler costs, so that they can be compared at equal evaluations of the network.</summary>
internal sealed class SamplersEndpoints(DiffusionPipeline pipeline, StudioOptions options)
{
    public void Map(IEndpointRouteBuilder routes) =>
        routes.MapGet("/api/samplers", (HttpRequest request) => Results.Json(List(request), ApiJson.Options))
            .WithSummary("The samplers, with the evaluations that steps=N take, or with the most steps that evaluations=N suffice for.").Produces<SamplerList>().Produces<ErrorBody>(400);

    private SamplerList List(HttpRequest request)
    {
        var fields = RequestFields.OfForm(request.Query);
        int? evaluations = (int?)fields.Whole("evaluations", 1, int.MaxValue);
        int steps = (int)(fields.Whole("steps", 1, options.MaxSteps) ?? pipeline.Model.Sampling.Steps);
        fields.RefuseOthers();
        return new SamplerList([.. Solvers.All.Prepend(EulerMaruyama.For(pipeline.Model.Process)).Select(solver =>
        {
            int? taken = evaluations is null ? steps : StepsFor(solver, evaluations.Value);
            return new SamplerFacts(solver.Name, solver.Order, solver.Stochastic, taken, taken is null ? null : Evaluations(solver, taken.Value), solver.Source);
        })]);
    }

    /// <summary>Down to level 0.</summary>
    private static long? Evaluations(Solver solver, int steps) => solver.Evaluations?.Invoke(steps, true);

    /// <summary>The most steps that so many evaluations suffice for; null where one is too many, or the solver chooses its own steps.</summary>
    private int? StepsFor(Solver solver, int evaluations)
    {
        int steps = 0;
        while (steps < options.MaxSteps && Evaluations(solver, steps + 1) <= evaluations)
            steps++;
        return steps == 0 ? null : steps;
    }
}

/// <summary>The answer to GET /api/samplers.</summary>
internal sealed record SamplerList(IReadOnlyList<SamplerFacts> Samplers);

/// <summary>A sampler.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Order">The order of its error in the step.</param>
/// <param name="Stochastic">Whether it draws noise on its way.</param>
/// <param name="Steps">Steps.</param>
/// <param name="Evaluations">Network evaluations an image for these steps; none where the sampler chooses its own steps.</param>
/// <param name="Source">The paper or program that it is from.</param>
internal sealed record SamplerFacts(string Name, int Order, bool Stochastic, int? Steps, long? Evaluations, string Source);
