using System.Net;

namespace Mezzotint.Studio;

/// <summary>The settings of a server.</summary>
public sealed record StudioOptions
{
    /// <summary>The default address, which this machine alone can reach.</summary>
    public const string DefaultUrl = "http://127.0.0.1:7860";

    /// <summary>Where to listen, separated by semicolons; port 0 is any free one.</summary>
    public string Urls { get; init; } = DefaultUrl;

    /// <summary>
    /// The proxies whose X-Forwarded headers are believed: addresses, or networks as 10.0.0.0/8. None by default.
    /// </summary>
    public IReadOnlyList<string> Proxies { get; init; } = [];

    /// <summary>
    /// The address that clients see, where a proxy stands between, as https://draw.example/prefix: for the addresses of images
    /// and the check of a page's origin. Null for the address that a request came to.
    /// </summary>
    public string? PublicUrl { get; init; }

    /// <summary>What clients must send as <c>Authorization: Bearer KEY</c>; null where anybody who reaches the server may
    /// draw.</summary>
    public string? ApiKey { get; init; }

    /// <summary>The folder whose trainings are shown; it need not be there, and nothing outside of it is.</summary>
    public string Runs { get; init; } = "runs";

    /// <summary>The most images of a request.</summary>
    public int MaxCount { get; init; } = 64;

    /// <summary>The most steps of a request.</summary>
    public int MaxSteps { get; init; } = 1000;

    /// <summary>The most bytes of a request's body.</summary>
    public long MaxBodyBytes { get; init; } = 4 << 20;

    /// <summary>The most requests that are drawn or wait for it; one more is answered with 429.</summary>
    public int MaxRequests { get; init; } = 64;

    /// <summary>The most images that are drawn or wait for it, over all requests.</summary>
    public int MaxImages { get; init; } = 512;

    /// <summary>How long a request may take, the waiting included.</summary>
    public TimeSpan Deadline { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>How long images that were asked for as addresses are kept.</summary>
    public TimeSpan KeepImages { get; init; } = TimeSpan.FromMinutes(60);

    /// <summary>The most bytes of images that are kept; the oldest go first.</summary>
    public long MaxKeptBytes { get; init; } = 64 << 20;

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

    /// <summary><see cref="PublicUrl"/>, read.</summary>
    internal Uri? PublicAddress => PublicUrl is null ? null : Uri.TryCreate(PublicUrl, UriKind.Absolute, out var address)
        && (address.Scheme == Uri.UriSchemeHttps || address.Scheme == Uri.UriSchemeHttp)
            && address is { Query: "", Fragment: "", UserInfo: "" }
            ? address
            : throw new MezzotintException(
                $"--public-url '{PublicUrl}' is no address that a browser shows; one is https://draw.example or "
                + $"https://example.org/draw.") { Key = "--public-url" };

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
