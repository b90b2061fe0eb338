using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Mezzotint.AspNetCore.Api;

/// <summary>Marks routes whose errors have OpenAI's shape, as its clients read no other. The others answer with problem details
/// (RFC 9457).</summary>
internal sealed class OpenAiErrors
{
    private const string Folder = "/v1";

    public static OpenAiErrors Instance { get; } = new();

    /// <summary>Whether a request is answered in OpenAI's shape. Of one that no route takes, its path decides.</summary>
    public static bool AreWanted(HttpContext context) => context.GetEndpoint() is RouteEndpoint route
        ? route.Metadata.GetMetadata<OpenAiErrors>() is not null
        : context.Request.Path.StartsWithSegments(Folder, StringComparison.Ordinal);
}
