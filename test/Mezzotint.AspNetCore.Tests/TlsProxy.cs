using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Yarp.ReverseProxy.Forwarder;

namespace Mezzotint.AspNetCore.Tests;

/// <summary>
/// A reverse proxy (YARP) that ends TLS with a certificate of its own making, takes a prefix off the path, and says what it did
/// in X-Forwarded headers.
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
        builder.Services.AddHttpForwarder();
        _app = builder.Build();
        var forwarder = _app.Services.GetRequiredService<IHttpForwarder>();
        var forwarding = new Forwarding(prefix, tells);
        _app.Run(async context =>
        {
            if (context.Request.Path.StartsWithSegments(prefix, StringComparison.Ordinal))
                await forwarder.SendAsync(context, behind(), _forward, ForwarderRequestConfig.Empty, forwarding);
            else
                context.Response.StatusCode = StatusCodes.Status404NotFound;
        });
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

    private static X509Certificate2 NewCertificate()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName("localhost");
        request.CertificateExtensions.Add(names.Build());
        return request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
    }

    /// <summary>Takes a prefix off the path, keeps the host, and says so where it is to.</summary>
    private sealed class Forwarding(string prefix, bool tells) : HttpTransformer
    {
        public override async ValueTask TransformRequestAsync(
            HttpContext context, HttpRequestMessage request, string destinationPrefix, CancellationToken cancellationToken)
        {
            await base.TransformRequestAsync(context, request, destinationPrefix, cancellationToken);
            var from = context.Request;
            from.Path.StartsWithSegments(prefix, StringComparison.Ordinal, out var rest);
            request.RequestUri = RequestUtilities.MakeDestinationAddress(destinationPrefix, rest, from.QueryString);
            request.Headers.Host = from.Host.Value;
            if (!tells)
                return;
            request.Headers.TryAddWithoutValidation("X-Forwarded-For", context.Connection.RemoteIpAddress!.ToString());
            request.Headers.TryAddWithoutValidation("X-Forwarded-Proto", from.Scheme);
            request.Headers.TryAddWithoutValidation("X-Forwarded-Host", from.Host.Value);
            if (prefix.Length > 0)
                request.Headers.TryAddWithoutValidation("X-Forwarded-Prefix", prefix);
        }
    }
}
