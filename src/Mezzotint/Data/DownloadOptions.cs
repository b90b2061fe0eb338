namespace Mezzotint.Data;

/// <summary>How patiently files are downloaded, and from where. The defaults suit a person who waits at a terminal.</summary>
public sealed record DownloadOptions
{
    /// <summary>The folders on the web that hold the files, in the order in which they are tried; each ends in a slash.</summary>
    public IReadOnlyList<Uri> Mirrors { get; init; } = MnistDownload.PublicMirrors;

    /// <summary>How often one mirror is tried for one file when the failure may pass: 1 or more.</summary>
    public int Attempts { get; init; } = 3;

    /// <summary>How long a server may be silent, before its answer or between two pieces of it.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>The pause before the second attempt; it doubles each time, and up to half of it is added at random.</summary>
    public TimeSpan Pause { get; init; } = TimeSpan.FromSeconds(0.5);

    /// <summary>What sends the requests, for tests and unusual networks; it is not disposed of. Null for the system's
    /// own.</summary>
    public HttpMessageHandler? Handler { get; init; }

    /// <summary>Checks the ranges.</summary>
    /// <exception cref="ArgumentException">A value is out of its range.</exception>
    public void Validate()
    {
        if (Mirrors.Count == 0)
            throw new ArgumentException("At least one mirror is needed.", nameof(Mirrors));
        if (
            Mirrors.FirstOrDefault(mirror =>
                !mirror.IsAbsoluteUri || mirror.Scheme is not ("http" or "https")
                    || !mirror.AbsolutePath.EndsWith('/')) is { } bad)
            throw new ArgumentException(
                $"The mirror {bad} is not the http or https address of a folder, with a slash at its end.", nameof(Mirrors));
        ArgumentOutOfRangeException.ThrowIfLessThan(Attempts, 1);
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(Timeout, TimeSpan.Zero);
        ArgumentOutOfRangeException.ThrowIfLessThan(Pause, TimeSpan.Zero);
    }
}

/// <summary>How far a download is.</summary>
/// <param name="File">The file in work.</param>
/// <param name="Received">How many of its bytes are on this machine.</param>
/// <param name="Length">How many it has.</param>
/// <param name="TotalReceived">How many bytes of all files are on this machine.</param>
/// <param name="TotalLength">How many all files have.</param>
/// <param name="Note">Something to tell, such as why an attempt failed; else null.</param>
public readonly record struct DownloadProgress(
    string File, long Received, long Length, long TotalReceived, long TotalLength, string? Note = null);
