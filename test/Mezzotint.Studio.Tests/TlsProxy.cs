using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Extensions;
using Microsoft.Extensions.Logging;

namespace Mezzotint.Studio.Tests;

/// <summary>
/// A reverse proxy that ends TLS with a certificate of its own making, takes a prefix off the path, and says what it did in
/// X-Forwarded headers.
/// </summary>
internal sealed class TlsProxy : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly HttpMessageInvoker _forward = new(new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false });
    private readonly X509Certificate2 _certificate = NewCertificate();

    private TlsProxy(Func<string> behind, string prefix, bool tells)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0, listen => listen.UseHttps(_certificate)));
        builder.Logging.SetMinimumLevel(LogLevel.None);
        _app = builder.Build();
        _app.Run(context => ForwardAsync(context, behind(), prefix, tells));
    }

    /// <summary>Where it listens, with the prefix and a slash.</summary>
    public Uri Address { get; private set; } = null!;

    /// <summary>Starts a proxy.</summary>
    /// <param name="behind">The address of the server behind it, asked for at each request.</param>
    /// <param name="prefix">What it takes off the path, as /draw.</param>
    /// <param name="tells">Whether it sends X-Forwarded headers.</param>
    public static async Task<TlsProxy> StartAsync(Func<string> behind, string prefix = "", bool tells = true)
    {
        var proxy = new TlsProxy(behind, prefix, tells);
        await proxy._app.StartAsync();
        proxy.Address = new Uri($"https://localhost:{new Uri(proxy._app.Urls.First()).Port}{prefix}/");
        return proxy;
    }

    /// <summary>A client that takes this proxy's certificate alone.</summary>
    public HttpClient NewClient()
    {
        var handler = new HttpClientHandler
        {
            AllowAutoRedirect = false,
            ServerCertificateCustomValidationCallback = (_, shown, _, _) =>
                shown?.GetCertHashString() == _certificate.GetCertHashString(),
        };
        return new HttpClient(handler) { BaseAddress = Address };
    }

    public async ValueTask DisposeAsync()
    {
        await _app.DisposeAsync();
        _forward.Dispose();
        _certificate.Dispose();
    }

    private async Task ForwardAsync(HttpContext context, string behind, string prefix, bool tells)
    {
        var from = context.Request;
        if (!from.Path.StartsWithSegments(prefix, StringComparison.Ordinal, out var rest))
        {
            context.Response.StatusCode = 404;
            return;
        }
        using var request = new HttpRequestMessage(
            new HttpMethod(from.Method), behind + UriHelper.BuildRelative(path: rest, query: from.QueryString));
        if (from.ContentLength is not null || from.Headers.TransferEncoding.Count > 0)
            request.Content = new StreamContent(from.Body);
        foreach (var (name, values) in from.Headers)
            if (name is not ("Connection" or "Transfer-Encoding")
                && !request.Headers.TryAddWithoutValidation(name, values.ToArray()))
                request.Content?.Headers.TryAddWithoutValidation(name, values.ToArray());
        request.Headers.Host = from.Host.Value;
        if (tells)
        {
            request.Headers.TryAddWithoutValidation("X-Forwarded-For", context.Connection.RemoteIpAddress!.ToString());
            request.Headers.TryAddWithoutValidation("X-Forwarded-Proto", from.Scheme);
            request.Headers.TryAddWithoutValidation("X-Forwarded-Host", from.Host.Value);
            if (prefix.Length > 0)
                request.Headers.TryAddWithoutValidation("X-Forwarded-Prefix", prefix);
        }
        using var response = await _forward.SendAsync(request, context.RequestAborted);
        context.Response.StatusCode = (int)response.StatusCode;
        foreach (var (name, values) in response.Headers.Concat(response.Content.Headers))
            if (name is not ("Connection" or "Transfer-Encoding"))
                context.Response.Headers[name] = values.ToArray();
        await using var body = await response.Content.ReadAsStreamAsync(context.RequestAborted);
        byte[] part = new byte[16 << 10];
        while (await body.ReadAsync(part, context.RequestAborted) is > 0 and var read)
        {
            await context.Response.Body.WriteAsync(part.AsMemory(0, read), context.RequestAborted);
            await context.Response.Body.FlushAsync(context.RequestAborted); // a stream of events goes on as it comes
        }
    }

    private static X509Certificate2 NewCertificate()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName("localhost");
        request.CertificateExtensions.Add(names.Build());
        return request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
    }
}
