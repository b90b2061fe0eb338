using Mezzotint.AspNetCore;
using Mezzotint.Serving;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using OpenTelemetry.Metrics;

namespace Mezzotint.Cli.Output;

/// <summary><c>GET /metrics</c> of <c>mezzotint serve</c>: what the server's meters count, as Prometheus reads it, by
/// OpenTelemetry's exporter.</summary>
internal static class PrometheusEndpoint
{
    private const string Path = "/metrics";

    /// <summary>Beside ours: requests by route, status and time; connections; memory and threads of the process.</summary>
    private static readonly string[] Meters =
        [MezzotintTelemetry.Name, "Microsoft.AspNetCore.Hosting", "Microsoft.AspNetCore.Server.Kestrel", "System.Runtime"];

    /// <summary>The same server with that address.</summary>
    public static StudioOptions AddTo(StudioOptions options) => options with
    {
        Services = services => services.AddOpenTelemetry().WithMetrics(metrics =>
            metrics.AddMeter(Meters).AddPrometheusExporter()),
        Routes = routes => routes.MapPrometheusScrapingEndpoint(Path),
    };
}
