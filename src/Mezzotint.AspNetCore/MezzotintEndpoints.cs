using System.Diagnostics.CodeAnalysis;
using Mezzotint.AspNetCore.Api;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Metadata;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Mezzotint.AspNetCore;

/// <summary>The routes of Mezzotint in an application.</summary>
public static class MezzotintEndpoints
{
    /// <summary>
    /// Maps the routes that OpenAI's clients know, and the page, below a prefix: <c>app.MapMezzotint("/images")</c> draws at
    /// <c>/images/v1/images/generations</c>, and shows the page at <c>/images/</c>.
    /// </summary>
    /// <remarks>
    /// <para>Errors have OpenAI's shape where its clients ask, below <c>/v1</c>; the others are problem details (RFC 9457), as
    /// the application writes them where it has called <c>AddProblemDetails</c>.</para>
    /// <para>Who may ask is the application's to say, as of any routes: <c>.RequireAuthorization()</c>,
    /// <c>.RequireRateLimiting("policy")</c>. An application whose users are known by a cookie answers to pages of other sites
    /// too, unless the cookie is <c>SameSite</c>.</para>
    /// </remarks>
    /// <param name="routes">The application, or a group of its routes.</param>
    /// <param name="prefix">Where the routes begin; empty for the root.</param>
    /// <returns>The routes, for conventions.</returns>
    /// <exception cref="InvalidOperationException"><c>AddMezzotint</c> has not been called.</exception>
    public static IEndpointConventionBuilder MapMezzotint(
        this IEndpointRouteBuilder routes, [StringSyntax("Route")] string prefix = "")
    {
        ArgumentNullException.ThrowIfNull(routes);
        ArgumentNullException.ThrowIfNull(prefix);
        var services = routes.ServiceProvider;
        var options = services.GetService<MezzotintOptions>() ?? throw new InvalidOperationException(
            "MapMezzotint needs the services of Mezzotint: call builder.Services.AddMezzotint(...) first.");
        var group = routes.MapGroup(prefix);
        group.MapAll();
        group.WithMetadata(new BodySize(options.MaxBodyBytes));
        // In an application of others the answers to errors are these routes' own.
        ((IEndpointConventionBuilder)group).Finally(endpoint =>
        {
            if (endpoint.RequestDelegate is { } inner)
                endpoint.RequestDelegate = new ErrorAnswers(
                    inner, services.GetRequiredService<ErrorCounter>(), options,
                    services.GetRequiredService<ILogger<ErrorAnswers>>()).InvokeAsync;
        });
        return group;
    }

    /// <summary>Maps all routes.</summary>
    internal static void MapAll(this IEndpointRouteBuilder routes)
    {
        var services = routes.ServiceProvider;
        var openAi = routes.MapGroup("").WithMetadata(OpenAiErrors.Instance);
        services.GetRequiredService<ImagesEndpoints>().Map(openAi);
        services.GetRequiredService<ModelsEndpoints>().Map(openAi);
        services.GetRequiredService<HealthEndpoints>().Map(routes);
        services.GetRequiredService<RunsEndpoints>().Map(routes);
        services.GetRequiredService<SamplersEndpoints>().Map(routes);
        services.GetRequiredService<DenoiseEndpoints>().Map(routes);
        services.GetRequiredService<AttentionEndpoints>().Map(routes);
        services.GetRequiredService<DataEndpoints>().Map(routes);
        services.GetRequiredService<ReportEndpoints>().Map(routes);
        services.GetRequiredService<DownloadEndpoints>().Map(routes);
        services.GetRequiredService<MeasureEndpoints>().Map(routes);
        services.GetRequiredService<TrainingEndpoints>().Map(routes);
        services.GetRequiredService<ScheduleEndpoints>().Map(routes);
        services.GetRequiredService<ToyEndpoints>().Map(routes);
        PageEndpoints.Map(routes);
    }

    private sealed class BodySize(long most) : IRequestSizeLimitMetadata
    {
        public long? MaxRequestBodySize => most;
    }
}
