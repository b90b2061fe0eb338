using System.Net;

namespace Mezzotint.Data;

/// <summary>Downloads MNIST's four files from public mirrors, each checked by its SHA-256.</summary>
/// <remarks>
/// A file is written as <c>NAME.part</c>, checked, flushed to the disk and renamed, so that NAME is always whole.
/// A part that an earlier run left is continued by an HTTP range request (RFC 9110, section 14).
/// </remarks>
public static class MnistDownload
{
    /// <summary>The mirrors in the order in which they are tried; the last is the original.</summary>
    public static IReadOnlyList<Uri> PublicMirrors { get; } =
    [
        new("https://ossci-datasets.s3.amazonaws.com/mnist/"),
        new("https://storage.googleapis.com/cvdf-datasets/mnist/"),
        new("http://yann.lecun.com/exdb/mnist/"),
    ];

    /// <summary>Brings those of the four files that are not there yet, or not right, into a folder.</summary>
    /// <param name="targetFolder">The folder, which is made if need be.</param>
    /// <param name="options">Mirrors and patience; null for the defaults.</param>
    /// <param name="progress">Told about every piece, and about every failed attempt.</param>
    /// <param name="cancellationToken">Stops the download; what has arrived is kept for the next time.</param>
    /// <exception cref="MezzotintException">A file cannot be had from any mirror, or not be written; the message says how to
    /// place the files by hand.</exception>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    public static Task FetchAsync(
        string targetFolder, DownloadOptions? options = null, IProgress<DownloadProgress>? progress = null,
        CancellationToken cancellationToken = default) =>
        FetchAsync(Mnist.Files, targetFolder, options ?? new(), progress, cancellationToken);

    internal static async Task FetchAsync(
        IReadOnlyList<MnistFile> files, string targetFolder, DownloadOptions options, IProgress<DownloadProgress>? progress,
        CancellationToken cancellationToken)
    {
        ArgumentException.ThrowIfNullOrEmpty(targetFolder);
        options.Validate();
        using var client = NewClient(options);
        try
        {
            Directory.CreateDirectory(targetFolder);
            IReadOnlyList<Uri> mirrors = options.Mirrors;
            long done = 0, total = files.Sum(file => file.Length);
            foreach (var file in files)
            {
                long before = done;
                var download = new FileDownload(client, options, file, targetFolder, (received, note) => progress?.Report(
                    new(file.Name, received, file.Length, before + received, total, note)));
                var (worked, failures) = await download.RunAsync(mirrors, cancellationToken).ConfigureAwait(false);
                if (failures is not null)
                    throw new MezzotintException(
                        $"{file.Name} cannot be downloaded: {string.Join("; ", failures)}. {ByHand(files, targetFolder)}");
                if (worked is not null)
                    // so that a dead mirror costs its timeout once
                    mirrors = [worked, .. mirrors.Where(mirror => mirror != worked)];
                done += file.Length;
            }
        }
        catch (Exception cause) when (cause is IOException or UnauthorizedAccessException)
        {
            throw new MezzotintException(
                $"MNIST cannot be written to {targetFolder}: {cause.Message} Make room there, let another download end, or "
                + $"choose another cache folder with MEZZOTINT_CACHE.",
                cause);
        }
    }

    private static string ByHand(IReadOnlyList<MnistFile> files, string folder) =>
        $"Try again later, or put {string.Join(", ", files.Select(file => file.Name))} from any copy of MNIST into "
        + $"{Path.GetFullPath(folder)} by hand, or use drawn digits with --set data.name={DataSource.StrokesName}.";

    private static HttpClient NewClient(DownloadOptions options)
    {
        var handler = options.Handler
            ?? new SocketsHttpHandler { ConnectTimeout = options.Timeout, AutomaticDecompression = DecompressionMethods.None };
        // silence is what is timed
        var client = new HttpClient(handler, disposeHandler: options.Handler is null) { Timeout = Timeout.InfiniteTimeSpan };
        client.DefaultRequestHeaders.UserAgent.ParseAdd("mezzotint");
        return client;
    }
}
