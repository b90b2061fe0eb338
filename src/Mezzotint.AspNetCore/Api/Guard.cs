using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Http;

namespace Mezzotint.AspNetCore.Api;

/// <summary>Who may ask: with a key, who sends it; without, whoever is on this machine, but no web page of another site in its
/// browser.</summary>
internal sealed class Guard(RequestDelegate next, StudioOptions options)
{
    private readonly StudioOptions _options = options;

    private readonly byte[]? _key = options.ApiKey is { } key ? SHA256.HashData(Encoding.UTF8.GetBytes(key)) : null;

    public Task InvokeAsync(HttpContext context)
    {
        var request = context.Request;
        // Of two values, one part of the server or a proxy before it could check the first and another use the second.
        if (request.Headers.Origin.Count > 1)
            throw ApiError.Twice("Origin");
        if (request.Headers.Authorization.Count > 1)
            throw ApiError.Twice("Authorization");
        if (request.Headers.Host.Count > 1)
            throw ApiError.Twice("Host");
        // A page of another site can send requests here, and with a name of its own for this address even read the answers.
        if (_key is null && request.Host.Host is not ("localhost" or "127.0.0.1" or "[::1]") && !IsLoopback(request.Host.Host))
            throw new ApiError(
                403, ApiError.InvalidRequest, "unknown_host",
                "Without --api-key the server answers to localhost and loopback addresses alone.");
        if (request.Headers.Origin is [var origin] && !PublicAddress.IsOwn(origin ?? "", request, _options))
            throw new ApiError(
                403, ApiError.InvalidRequest, "cross_origin",
                "The server does not answer to web pages of other sites." + Remedy(origin, context));
        if (_key is not null && IsPrivate(request.Path) && !HasKey(request.Headers.Authorization.ToString()))
            throw new ApiError(
                401, ApiError.InvalidRequest, "invalid_api_key",
                "Incorrect or missing API key: send the header Authorization: Bearer KEY.");
        return next(context);
    }

    /// <summary>The same happens to the server's own page behind a proxy that it does not know of.</summary>
    private static string Remedy(string? origin, HttpContext context) =>
        Uri.TryCreate(origin, UriKind.Absolute, out var site) && site.Scheme is "http" or "https"
            ? $" If {ApiError.Cut(origin!)} is this server behind a proxy, start it with --public-url {ApiError.Cut(origin!)}, "
                + $"or with --proxy {context.Connection.RemoteIpAddress} where that is the proxy's address."
            : "";

    /// <summary>All but whether the server lives, and the page, which asks for the key; the address of an image is itself a
    /// secret.</summary>
    private static bool IsPrivate(PathString path) => path.Value is not ("/healthz" or "/")
        && !path.StartsWithSegments(PageEndpoints.Folder, StringComparison.Ordinal)
            && !path.StartsWithSegments("/v1/images/files", StringComparison.Ordinal);

    private bool HasKey(string authorization) =>
        authorization.StartsWith("Bearer ", StringComparison.OrdinalIgnoreCase)
        && CryptographicOperations.FixedTimeEquals(
            SHA256.HashData(Encoding.UTF8.GetBytes(authorization["Bearer ".Length..].Trim())), _key);

    private static bool IsLoopback(string host) =>
        System.Net.IPAddress.TryParse(host.Trim('[', ']'), out var address) && System.Net.IPAddress.IsLoopback(address);
}
