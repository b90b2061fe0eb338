using System.Globalization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Mezzotint.AspNetCore.Api;

/// <summary><c>GET /healthz</c>, for whoever keeps the server running, and <c>GET /api/queue</c>, for whoever waits.</summary>
internal sealed class HealthEndpoints(ServedModels models, RequestQueue queue, Drain drain)
{
    public void Map(IEndpointRouteBuilder routes)
    {
        routes.MapGet("/healthz", () => drain.Draining
                ? throw ApiError.Draining()
                : Results.Json(new Health("ok", models.All[0].Name, queue.Requests), ApiJson.Default.Health))
            .WithSummary("Whether the server takes requests.").Produces<Health>().ProducesProblem(503);
        routes.MapGet("/api/queue", (HttpRequest request) => Results.Json(State(request), ApiJson.Default.QueueState))
            .WithSummary(
                "How many requests came before those whose answers had the header Mezzotint-Place with the numbers `places`, "
                + "separated by commas, and when they are likely to be done.").Produces<QueueState>().ProducesProblem(400)
            .WithQuery(QueryField.Text("places", "Numbers with commas between; none for all requests."));
    }

    private QueueState State(HttpRequest request)
    {
        var fields = RequestFields.OfForm(request.Query);
        string[] places = fields.Text("places", 1000)?.Split(',') ?? [];
        fields.RefuseOthers();
        return queue.StateOf([.. places.Select(place =>
            long.TryParse(place, NumberStyles.None, CultureInfo.InvariantCulture, out long number) ? number
                : throw ApiError.Invalid(
                    "places", $"'places' has '{ApiError.Cut(place)}'; it must be numbers with commas between."))]);
    }
}

/// <summary>The answer to GET /healthz.</summary>
internal sealed record Health(string Status, string Model, int Requests);
