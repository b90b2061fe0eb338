using Mezzotint.Engine;

namespace Mezzotint.AspNetCore;

/// <summary>What an application draws with, and how much it draws at once: for <c>AddMezzotint</c>, and for a server of its
/// own.</summary>
/// <remarks>In an application's configuration: <c>"Mezzotint": { "Models": { "mnist": { "Folder": "models/mnist" } },
/// "MaxCount": 16 }</c>.</remarks>
public record MezzotintOptions
{
    /// <summary>The models by the names that requests ask for; the first is drawn with where a request names none.</summary>
    public IDictionary<string, ModelOptions> Models { get; init; } = new Dictionary<string, ModelOptions>(StringComparer.Ordinal);

    /// <summary>The most memory that models take together, in megabytes (10^6 bytes), by an estimate: those that were asked for
    /// least recently make room. 0 for no limit.</summary>
    public double MemoryBudget { get; set; }

    /// <summary>Whether models are loaded when the application starts, in their order, as far as they fit into the memory; else
    /// when they are first asked for.</summary>
    public bool WarmUp { get; set; } = true;

    /// <summary>
    /// The address that clients see, where a proxy stands between, as https://draw.example/prefix: for the addresses of images
    /// and the check of a page's origin. Null for the address that a request came to.
    /// </summary>
    public string? PublicUrl { get; set; }

    /// <summary>The folder whose trainings are shown; it need not be there, and nothing outside of it is.</summary>
    public string Runs { get; set; } = "runs";

    /// <summary>Folders of classifiers, as <c>mezzotint train-classifier</c> makes them: of a model that draws images of the size
    /// and the classes of one, <c>/api/denoise</c> tells how it reads them.</summary>
    public IList<string> Classifiers { get; init; } = [];

    /// <summary>Whether clients may download the models that are served, as files of ONNX and safetensors.</summary>
    public bool AllowDownloads { get; set; }

    /// <summary>The most images of a request.</summary>
    public int MaxCount { get; set; } = 64;

    /// <summary>The most steps of a request.</summary>
    public int MaxSteps { get; set; } = 1000;

    /// <summary>The most bytes of a request's body.</summary>
    public long MaxBodyBytes { get; set; } = 4 << 20;

    /// <summary>The most requests that are drawn or wait for it; one more is answered with 429.</summary>
    public int MaxRequests { get; set; } = 64;

    /// <summary>The most images that are drawn or wait for it, over all requests.</summary>
    public int MaxImages { get; set; } = 512;

    /// <summary>How long a request may take, the waiting included.</summary>
    public TimeSpan Deadline { get; set; } = TimeSpan.FromMinutes(5);

    /// <summary>How long images that were asked for as addresses are kept.</summary>
    public TimeSpan KeepImages { get; set; } = TimeSpan.FromMinutes(60);

    /// <summary>The most bytes of images that are kept; the oldest go first.</summary>
    public long MaxKeptBytes { get; set; } = 64 << 20;

    /// <summary><see cref="PublicUrl"/>, read; null where there is none, or one that is wrong.</summary>
    internal Uri? PublicAddress =>
        Uri.TryCreate(PublicUrl, UriKind.Absolute, out var address)
        && (address.Scheme == Uri.UriSchemeHttps || address.Scheme == Uri.UriSchemeHttp)
        && address is { Query: "", Fragment: "", UserInfo: "" } ? address : null;

    /// <summary>What is wrong with the options, a line each.</summary>
    internal IEnumerable<string> Faults()
    {
        if (MaxCount < 1 || MaxSteps < 1 || MaxRequests < 1 || MaxImages < 1)
            yield return "MaxCount, MaxSteps, MaxRequests and MaxImages are 1 or more.";
        if (MaxBodyBytes < 1 || MaxKeptBytes < 0 || !(MemoryBudget >= 0))
            yield return "MaxBodyBytes is 1 or more, MaxKeptBytes and MemoryBudget are 0 or more.";
        if (Deadline <= TimeSpan.Zero || KeepImages <= TimeSpan.Zero)
            yield return "Deadline and KeepImages are longer than 0.";
        if (PublicUrl is not null && PublicAddress is null)
            yield return $"PublicUrl '{PublicUrl}' {NoPublicAddress}";
        foreach (var (name, model) in Models)
            if (model.Fault() is { } fault)
                yield return $"Models:{name}:{fault}";
    }

    internal const string NoPublicAddress =
        "is no address that a browser shows; one is https://draw.example or https://example.org/draw.";
}

/// <summary>A model that an application draws with.</summary>
public sealed record ModelOptions
{
    /// <summary>The model's folder.</summary>
    public string Folder { get; set; } = "";

    /// <summary>Threads that evaluate the network side by side; 0 for one a core.</summary>
    public int Threads { get; set; }

    /// <summary>Where it is evaluated: <c>cpu</c>, <c>cuda</c> or <c>cuda:N</c>.</summary>
    public string Device { get; set; } = "cpu";

    /// <summary>With what numbers: <c>auto</c>, <c>float32</c> or <c>bfloat16</c>.</summary>
    public string Precision { get; set; } = "auto";

    /// <summary>What is wrong with it, beginning with the option; null for nothing.</summary>
    internal string? Fault() =>
        Folder.Length == 0 ? "Folder is empty: name the model's folder, as models/mnist."
        : Threads < 0 ? $"Threads is {Threads}; it is 0 (one a core) or more."
        : !ComputePrecision.Names.Contains(Precision, StringComparer.Ordinal)
            ? $"Precision is '{Precision}'; it is one of {string.Join(", ", ComputePrecision.Names)}."
        : null;
}
