using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Mezzotint.AspNetCore;

/// <summary>Healthy while requests are taken; degraded while the queue is full; unhealthy when the application ends.</summary>
internal sealed class MezzotintHealthCheck(
    ServedModels models, RequestQueue queue, Drain drain, MezzotintOptions options) : IHealthCheck
{
    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        var data = new Dictionary<string, object>
        {
            ["requests"] = queue.Requests,
            ["images"] = queue.Images,
            ["models"] = models.All.Where(models.IsLoaded).Select(model => model.Name).ToArray(),
        };
        return Task.FromResult(
            drain.Draining ? new HealthCheckResult(context.Registration.FailureStatus, "It takes no new requests.", data: data)
            : queue.Requests >= options.MaxRequests ? HealthCheckResult.Degraded("The queue is full.", data: data)
            : HealthCheckResult.Healthy("It takes requests.", data));
    }
}
