using System.IO.Compression;
using System.Reflection;
using System.Security.Cryptography;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Headers;
using Microsoft.AspNetCore.Routing;
using Microsoft.Net.Http.Headers;

namespace Mezzotint.AspNetCore.Api;

/// <summary>The page at <c>/</c> and what belongs to it, out of the assembly. Nothing of it comes from elsewhere, and the policy
/// that it is sent with ensures that.</summary>
internal static class PageEndpoints
{
    public const string Folder = "/page";

    private const string Gzip = "gzip"; // which browsers take over plain http too

    /// <summary>Own scripts, styles and connections alone; pictures also out of the page's memory. No markup is ever made from
    /// text.</summary>
    private const string Policy =
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
        + "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'";

    private static readonly Dictionary<string, string> Types = new(StringComparer.Ordinal)
    {
        [".html"] = "text/html; charset=utf-8",
        [".css"] = "text/css; charset=utf-8",
        [".js"] = "text/javascript; charset=utf-8",
    };

    /// <summary>The files by name.</summary>
    internal static IReadOnlyDictionary<string, PageFile> Files { get; } = Read();

    public static void Map(IEndpointRouteBuilder routes)
    {
        routes.MapMethods(
            "/", [HttpMethods.Get, HttpMethods.Head], (RequestDelegate)IndexAsync);
        routes.MapMethods(
            Folder + "/{name}", [HttpMethods.Get, HttpMethods.Head],
            (RequestDelegate)(context => AnswerAsync(context, (string)context.GetRouteValue("name")!)));
    }

    private static Task IndexAsync(HttpContext context)
    {
        var request = context.Request;
        if (request.Path.Value is [.., '/'])
            return AnswerAsync(context, "index.html");
        // Below a prefix: without the slash the page's own addresses would lead beside it.
        context.Response.StatusCode = StatusCodes.Status308PermanentRedirect;
        context.Response.Headers.Location = $"{request.PathBase}{request.Path}/{request.QueryString}";
        return Task.CompletedTask;
    }

    private static async Task AnswerAsync(HttpContext context, string name)
    {
        if (!Files.TryGetValue(name, out var file))
            throw new ApiError(404, ApiError.InvalidRequest, "not_found", $"The page has no file '{ApiError.Cut(name)}'.");
        var headers = context.Response.Headers;
        headers.ContentSecurityPolicy = Policy;
        headers.Vary = HeaderNames.AcceptEncoding;
        bool small = new RequestHeaders(context.Request.Headers).AcceptEncoding.Any(coding =>
            coding.Value.Equals(Gzip, StringComparison.OrdinalIgnoreCase) && coding.Quality is null or > 0);
        if (small)
        {
            headers.ContentEncoding = Gzip;
            file = file with { Bytes = file.Small.Value, Tag = file.Tag.Insert(file.Tag.Length - 1, "-gz") };
        }
        // Asked for anew each time, answered with 304 as long as the program is the same: after an update no part of the old page
        // is left.
        headers.CacheControl = "no-cache";
        headers.ETag = file.Tag;
        if (
            new RequestHeaders(context.Request.Headers).IfNoneMatch.Any(tag =>
                tag.Equals(EntityTagHeaderValue.Any)
                    || tag.Compare(EntityTagHeaderValue.Parse(file.Tag), useStrongComparison: false)))
        {
            headers.ContentEncoding = default;
            context.Response.StatusCode = StatusCodes.Status304NotModified;
            return;
        }
        context.Response.ContentType = file.MediaType;
        context.Response.ContentLength = file.Bytes.Length;
        if (!HttpMethods.IsHead(context.Request.Method))
            await context.Response.Body.WriteAsync(file.Bytes, context.RequestAborted).ConfigureAwait(false);
    }

    private static Dictionary<string, PageFile> Read()
    {
        var files = new Dictionary<string, PageFile>(StringComparer.Ordinal);
        var assembly = Assembly.GetExecutingAssembly();
        foreach (
            string resource in assembly.GetManifestResourceNames().Where(name =>
                name.StartsWith("Page/", StringComparison.Ordinal)))
        {
            using var bytes = new MemoryStream();
            using (var stream = assembly.GetManifestResourceStream(resource)!)
                stream.CopyTo(bytes);
            byte[] whole = bytes.ToArray();
            string name = resource["Page/".Length..];
            files.Add(
                name,
                new PageFile(
                    whole, new(() => Compressed(whole)), Types[Path.GetExtension(name)],
                    $"\"{Convert.ToHexStringLower(SHA256.HashData(whole))[..16]}\""));
        }
        return files;
    }

    private static byte[] Compressed(byte[] bytes)
    {
        using var small = new MemoryStream();
        using (var stream = new GZipStream(small, CompressionLevel.SmallestSize))
            stream.Write(bytes);
        return small.ToArray();
    }
}

/// <summary>A file of the page, as it is and compressed when first asked for.</summary>
internal sealed record PageFile(byte[] Bytes, Lazy<byte[]> Small, string MediaType, string Tag);
