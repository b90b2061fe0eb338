using System.Net.Http.Headers;
using System.Net;
using System.Security.Cryptography;
using Mezzotint.Formats;
using Mezzotint.Runtime;

namespace Mezzotint.Data;

/// <summary>One file of known length and SHA-256, had from the first of several mirrors that delivers it.</summary>
/// <remarks>
/// Failures that may pass (no connection, silence, an early end, 408, 429, 5xx) are tried again on the same mirror; others
/// (404, another length, wrong bytes) go to the next. What one mirror delivered is continued by the next, and thrown away when
/// the hash tells that it is wrong. Trouble with the disk is nobody's to retry and leaves as <see cref="IOException"/>.
/// </remarks>
internal sealed class FileDownload(
    HttpClient client, DownloadOptions options, MnistFile file, string folder, Action<long, string?> report)
{
    private readonly string target = Path.Combine(folder, file.Name);
    private readonly string partPath = Path.Combine(folder, file.Name + ".part");
    private readonly RandomStream jitter = new(Environment.TickCount64); // for pauses alone

    private enum Verdict { Whole, Again, NextMirror }

    /// <summary>What came of one request, and why.</summary>
    private readonly record struct Outcome(Verdict Verdict, string Reason);

    /// <summary>Downloads the file, unless it is there.</summary>
    /// <returns>The mirror that worked, or null where none was needed; and where all failed, the reason of each.</returns>
    public async Task<(Uri? Mirror, IReadOnlyList<string>? Failures)> RunAsync(
        IReadOnlyList<Uri> mirrors, CancellationToken cancellationToken)
    {
        if (File.Exists(target) && await IsRightAsync(target, cancellationToken).ConfigureAwait(false))
        {
            report(file.Length, null);
            return (null, null);
        }
        var failures = new List<string>();
        foreach (var mirror in mirrors)
        {
            var outcome = await TryMirrorAsync(mirror, cancellationToken).ConfigureAwait(false);
            if (outcome.Verdict == Verdict.Whole)
                return (mirror, null);
            failures.Add($"{mirror} {outcome.Reason}");
        }
        return (null, failures);
    }

    private async Task<Outcome> TryMirrorAsync(Uri mirror, CancellationToken cancellationToken)
    {
        for (int attempt = 1; ; attempt++)
        {
            var outcome = await TransferAsync(new Uri(mirror, file.Name), cancellationToken).ConfigureAwait(false);
            if (outcome.Verdict != Verdict.Whole)
                report(PartLength, $"{file.Name}: {mirror} {outcome.Reason}");
            if (outcome.Verdict != Verdict.Again || attempt >= options.Attempts)
                return outcome;
            await Task.Delay(options.Pause * Math.Pow(2, attempt - 1) * jitter.Uniform(1, 1.5), cancellationToken).ConfigureAwait(
                false);
        }
    }

    private long PartLength => new FileInfo(partPath) is { Exists: true } part ? part.Length : 0;

    private async Task<Outcome> TransferAsync(Uri address, CancellationToken cancellationToken)
    {
        bool resumed;
        Outcome outcome;
        InputFile.RefuseSpecial(partPath);
        // Nobody else may write to the part meanwhile: a second download of the same file fails here, and says so.
        using (var part = new FileStream(partPath, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None))
        {
            if (part.Length > file.Length)
                part.SetLength(0);
            resumed = part.Length > 0;
            outcome = part.Length == file.Length
                ? new(Verdict.Whole, "")
                : await ReceiveAsync(address, part, cancellationToken).ConfigureAwait(false);
            part.Flush(flushToDisk: true);
        }
        if (outcome.Verdict != Verdict.Whole)
            return outcome;
        if (await IsRightAsync(partPath, cancellationToken).ConfigureAwait(false))
        {
            AtomicFile.Replace(partPath, target);
            return outcome;
        }
        File.Delete(partPath);
        return resumed // the fault may be in what was there before: this mirror gets another chance
            ? new(Verdict.Again, "continued a part with wrong bytes (its SHA-256 differs), which was thrown away")
            : new(Verdict.NextMirror, "delivered wrong bytes (their SHA-256 differs)");
    }

    /// <summary>Asks for what the part lacks and appends it; starts over where the server will not continue.</summary>
    private async Task<Outcome> ReceiveAsync(Uri address, FileStream part, CancellationToken cancellationToken)
    {
        using var silence = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        try
        {
            silence.CancelAfter(options.Timeout);
            using var response = await RequestAsync(address, part.Length, silence.Token).ConfigureAwait(false);
            if (response.StatusCode == HttpStatusCode.RequestedRangeNotSatisfiable && part.Length > 0)
            {
                part.SetLength(0);
                // without a range now: no third time
                return await ReceiveAsync(address, part, cancellationToken).ConfigureAwait(false);
            }
            if (Refusal(response) is { } refusal)
                return refusal;
            long start = response.StatusCode == HttpStatusCode.PartialContent ? part.Length : 0;
            if (response.Content.Headers.ContentLength is { } offered && start + offered != file.Length)
                return new(Verdict.NextMirror, $"offers {start + offered} bytes, not {file.Length}");
            part.SetLength(start);
            part.Position = start;
            return await CopyAsync(response, part, silence).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return new(Verdict.Again, $"was silent for {options.Timeout.TotalSeconds:0.###} s");
        }
        catch (HttpRequestException cause)
        {
            var verdict = cause.HttpRequestError == HttpRequestError.NameResolutionError ? Verdict.NextMirror : Verdict.Again;
            return new(verdict, $"cannot be reached: {cause.Message.TrimEnd('.')}");
        }
    }

    private async Task<HttpResponseMessage> RequestAsync(Uri address, long start, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, address);
        if (start > 0)
            request.Headers.Range = new RangeHeaderValue(start, null);
        return await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Why an answer is of no use, or null when its body is wanted.</summary>
    private static Outcome? Refusal(HttpResponseMessage response)
    {
        int status = (int)response.StatusCode;
        if (status is 200)
            return null;
        if (status is 206)
        {
            long? asked = response.RequestMessage?.Headers.Range?.Ranges.FirstOrDefault()?.From;
            return asked is not null && response.Content.Headers.ContentRange?.From == asked
                ? null
                : new Outcome(Verdict.NextMirror, "answered with another range than it was asked for");
        }
        return new(
            status is 408 or 429 or >= 500 ? Verdict.Again : Verdict.NextMirror,
            $"answered {status} {response.ReasonPhrase}".TrimEnd());
    }

    private async Task<Outcome> CopyAsync(HttpResponseMessage response, FileStream part, CancellationTokenSource silence)
    {
        byte[] buffer = new byte[1 << 16];
        using var body = await response.Content.ReadAsStreamAsync(silence.Token).ConfigureAwait(false);
        while (true)
        {
            silence.CancelAfter(options.Timeout);
            int read;
            try
            {
                read = await body.ReadAsync(buffer, silence.Token).ConfigureAwait(false);
            }
            catch (IOException cause) // of the network: it must not pass for trouble with the disk
            {
                return new(Verdict.Again, $"broke off after {part.Length} of {file.Length} bytes ({cause.Message.TrimEnd('.')})");
            }
            if (read == 0)
                return part.Length == file.Length
                    ? new(Verdict.Whole, "") : new(Verdict.Again, $"ended after {part.Length} of {file.Length} bytes");
            if (part.Length + read > file.Length)
            {
                part.SetLength(0);
                return new(Verdict.NextMirror, $"sends more than the {file.Length} bytes of the file");
            }
            part.Write(buffer, 0, read);
            report(part.Length, null);
        }
    }

    private async Task<bool> IsRightAsync(string path, CancellationToken cancellationToken)
    {
        using var stream = InputFile.Open(path);
        if (stream.Length != file.Length)
            return false;
        byte[] hash = await SHA256.HashDataAsync(stream, cancellationToken).ConfigureAwait(false);
        return Convert.ToHexStringLower(hash) == file.Sha256;
    }
}
