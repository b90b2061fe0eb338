using System.Net;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace Mezzotint.AspNetCore;

/// <summary>The settings of a server of its own.</summary>
public sealed record StudioOptions : MezzotintOptions
{
    /// <summary>The default address, which this machine alone can reach.</summary>
    public const string DefaultUrl = "http://127.0.0.1:7860";

    /// <summary>Where to listen, separated by semicolons; port 0 is any free one.</summary>
    public string Urls { get; init; } = DefaultUrl;

    /// <summary>
    /// The proxies whose X-Forwarded headers are believed: addresses, or networks as 10.0.0.0/8. None by default.
    /// </summary>
    public IReadOnlyList<string> Proxies { get; init; } = [];

    /// <summary>What clients must send as <c>Authorization: Bearer KEY</c>; null where anybody who reaches the server may
    /// draw.</summary>
    public string? ApiKey { get; init; }

    /// <summary>The program that trains, with its first arguments, as <c>mezzotint</c>: where there is one, trainings are begun,
    /// resumed and stopped from the page. None by default.</summary>
    public IReadOnlyList<string> TrainingCommand { get; init; } = [];

    /// <summary>A folder of configurations that trainings are begun with; null for none.</summary>
    public string? Templates { get; init; }

    /// <summary>Adds services of the host's own, as exporters of telemetry; null for none.</summary>
    public Action<IServiceCollection>? Services { get; init; }

    /// <summary>Adds routes of the host's own, behind the same key; null for none.</summary>
    public Action<IEndpointRouteBuilder>? Routes { get; init; }

    /// <summary>Whether nobody but this machine can reach the server.</summary>
    public bool OnLoopbackOnly => Addresses().All(IsLoopback);

    /// <summary>Checks the numbers and the addresses.</summary>
    /// <exception cref="MezzotintException">One is wrong, or a server that others can reach has no key; the message says what to
    /// do.</exception>
    public void Validate()
    {
        foreach (var address in Addresses())
        {
            if (address.Scheme != Uri.UriSchemeHttp)
                throw new MezzotintException(
                    $"--urls '{address.OriginalString}': the server speaks http alone; put it behind a proxy for https.");
            if (address.AbsolutePath != "/" || address.Query.Length > 0)
                throw new MezzotintException($"--urls '{address.OriginalString}': an address has no path, as in {DefaultUrl}.");
        }
        foreach (string proxy in Proxies)
            Network(proxy);
        if (PublicUrl is not null && PublicAddress is null)
            throw new MezzotintException($"--public-url '{PublicUrl}' {NoPublicAddress}") { Key = "--public-url" };
        if (PublicAddress is { } published && ApiKey is null && !IsLoopback(published))
            throw new MezzotintException(
                $"--public-url {PublicUrl} can be reached from other machines: say with --api-key KEY what clients must send.")
                { Key = "--public-url" };
        if (ApiKey is null && !OnLoopbackOnly)
            throw new MezzotintException(
                $"--urls {Urls} can be reached from other machines: say with --api-key KEY what clients must send, or listen on "
                + $"{DefaultUrl}.");
        if (ApiKey is { } key && (key.Length < 8 || key.Any(c => c is <= ' ' or > '~')))
            throw new MezzotintException("--api-key: a key has at least 8 characters, all of ASCII, without blanks.");
    }

    /// <summary>A proxy or a network of them, as it is written.</summary>
    internal static IPNetwork Network(string text)
    {
        if (IPAddress.TryParse(text, out var one))
            return new IPNetwork(one, one.GetAddressBytes().Length * 8);
        return IPNetwork.TryParse(text, out var network) ? network
            : throw new MezzotintException(
                $"--proxy '{text}' is no address: give the proxy's IP address, as 127.0.0.1, or a network, as 10.0.0.0/8.")
                { Key = "--proxy" };
    }

    private IEnumerable<Uri> Addresses()
    {
        string[] urls = Urls.Split(';', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        if (urls.Length == 0)
            throw new MezzotintException($"--urls is empty: name an address, as in {DefaultUrl}.");
        // The server's own wildcards are no host names of a Uri; all of them mean every address.
        return urls.Select(url =>
            Uri.TryCreate(
                url.Replace("://*", "://0.0.0.0", StringComparison.Ordinal)
                    .Replace("://+", "://0.0.0.0", StringComparison.Ordinal),
                UriKind.Absolute, out var address) ? address
            : throw new MezzotintException($"--urls '{url}' is no address; one is {DefaultUrl}."));
    }

    private static bool IsLoopback(Uri address) =>
        address.Host == "localhost" || IPAddress.TryParse(address.Host.Trim('[', ']'), out var ip) && IPAddress.IsLoopback(ip);
}
