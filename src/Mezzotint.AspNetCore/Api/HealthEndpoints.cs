using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Mezzotint.AspNetCore.Api;

/// <summary><c>GET /healthz</c>, for whoever keeps the server running.</summary>
internal sealed class HealthEndpoints(ServedModels models, RequestQueue queue, Drain drain)
{
    public void Map(IEndpointRouteBuilder routes) =>
        routes.MapGet("/healthz", () => drain.Draining
                ? throw ApiError.Draining()
                : Results.Json(new Health("ok", models.All[0].Name, queue.Requests), ApiJson.Default.Health))
            .WithSummary("Whether the server takes requests.").Produces<Health>().ProducesProblem(503);
}

/// <summary>The answer to GET /healthz.</summary>
internal sealed record Health(string Status, string Model, int Requests);
