using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.HttpOverrides;

namespace Mezzotint.AspNetCore.Api;

/// <summary>
/// The address that clients see, where a proxy stands between: the public URL that the server was given, or what a named proxy
/// says in its X-Forwarded-Proto, -Host and -Prefix headers. Nobody else's headers are believed.
/// </summary>
internal sealed class PublicAddress(RequestDelegate next, StudioOptions options)
{
    private readonly StudioOptions _options = options;

    private readonly PathString _prefix = options.PublicAddress is { } address
        ? PathString.FromUriComponent(address.AbsolutePath.TrimEnd('/')) : default;

    /// <summary>Begins the pipeline with what proxies say.</summary>
    public static void Use(WebApplication app, StudioOptions options)
    {
        if (options.Proxies.Count > 0)
        {
            var forwarded = new ForwardedHeadersOptions
            {
                ForwardedHeaders = ForwardedHeaders.XForwardedFor | ForwardedHeaders.XForwardedProto
                    | ForwardedHeaders.XForwardedHost | ForwardedHeaders.XForwardedPrefix,
                ForwardLimit = null,
            };
            // Unless cleared, every program of this machine would be believed.
            forwarded.KnownProxies.Clear();
            forwarded.KnownIPNetworks.Clear();
            foreach (string proxy in options.Proxies)
                forwarded.KnownIPNetworks.Add(StudioOptions.Network(proxy));
            app.UseForwardedHeaders(forwarded);
        }
        app.UseMiddleware<PublicAddress>();
    }

    /// <summary>The address without a slash at its end, as https://draw.example/prefix.</summary>
    public static string Of(HttpRequest request, MezzotintOptions options) => options.PublicAddress is { } address
        ? address.GetLeftPart(UriPartial.Path).TrimEnd('/')
        : $"{request.Scheme}://{request.Host}{request.PathBase}";

    /// <summary>The same of routes that an application has mapped below a prefix, from the path of one of them.</summary>
    /// <param name="request">To that route.</param>
    /// <param name="route">The route without the prefix, as <c>/v1/images</c>.</param>
    /// <param name="options">The application's.</param>
    public static string Of(HttpRequest request, string route, MezzotintOptions options)
    {
        string path = request.Path.Value ?? "";
        int prefix = options.PublicAddress is null ? path.LastIndexOf(route, StringComparison.Ordinal) : -1;
        return Of(request, options) + (prefix > 0 ? path[..prefix] : "");
    }

    /// <summary>Whether an Origin header is this server's own, as clients see it or as it is reached directly.</summary>
    public static bool IsOwn(string origin, HttpRequest request, StudioOptions options) =>
        origin == $"{request.Scheme}://{request.Host}" || origin == options.PublicAddress?.GetLeftPart(UriPartial.Authority);

    public Task InvokeAsync(HttpContext context)
    {
        var request = context.Request;
        if (!request.PathBase.HasValue)
            request.PathBase = _prefix;
        // Some proxies take the prefix off the path, others leave it there.
        if (request.PathBase.HasValue
            && request.Path.StartsWithSegments(request.PathBase, StringComparison.Ordinal, out var rest))
        {
            request.Path = rest;
            if (!rest.HasValue)
            {
                // Without the slash the page's own addresses would lead beside it.
                context.Response.StatusCode = StatusCodes.Status308PermanentRedirect;
                context.Response.Headers.Location = Of(request, _options) + "/";
                return Task.CompletedTask;
            }
        }
        return next(context);
    }
}
