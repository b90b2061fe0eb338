using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Mezzotint.Studio.Api;

/// <summary><c>GET /healthz</c> for whoever keeps the server running, <c>GET /metrics</c> for whoever watches it.</summary>
internal sealed class HealthEndpoints(
    ServedModels models, RequestQueue queue, ImageStore store, Metrics metrics, Drain drain)
{
    public void Map(IEndpointRouteBuilder routes)
    {
        routes.MapGet("/healthz", () => drain.Draining
                ? throw ApiError.Draining()
                : Results.Json(new Health("ok", models.All[0].Name, queue.Requests), ApiJson.Default.Health))
            .WithSummary("Whether the server takes requests.").Produces<Health>().Produces<ErrorBody>(503);
        routes.MapGet("/metrics", () => Results.Text(Text(), "text/plain; version=0.0.4; charset=utf-8"))
            .WithSummary("Counters in the text format of Prometheus.").Produces(200, contentType: "text/plain");
    }

    private string Text()
    {
        var work = models.Work;
        return metrics.ToText(
        [
            ("mezzotint_queue_requests", "gauge", "Requests that are drawn or wait.", queue.Requests),
            ("mezzotint_queue_images", "gauge", "Images of those requests.", queue.Images),
            ("mezzotint_queue_waiting_walks", "gauge", "Parts of requests that wait for a thread.", work.Waiting),
            ("mezzotint_images_total", "counter", "Images drawn.", work.Images),
            ("mezzotint_evaluations_total", "counter", "Network evaluations, counted by image.", work.Evaluations),
            ("mezzotint_batches_total", "counter", "Batches that they were made in.", work.Batches),
            ("mezzotint_kept_bytes", "gauge", "Bytes of images that are kept for their addresses.", store.Bytes),
        ]);
    }
}

/// <summary>The answer to GET /healthz.</summary>
internal sealed record Health(string Status, string Model, int Requests);
