using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Mezzotint.Tests.Data;

/// <summary>An HTTP/1.1 server on the loopback address that answers every request by a function, in any broken way that a test
/// needs.</summary>
internal sealed class LoopbackServer : IAsyncDisposable
{
    private readonly TcpListener listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource stop = new();
    private readonly Task accepting;

    public LoopbackServer(Func<Exchange, Task> answer)
    {
        listener.Start();
        Address = new($"http://127.0.0.1:{((IPEndPoint)listener.LocalEndpoint).Port}/");
        accepting = AcceptAsync(answer);
    }

    public Uri Address { get; }

    /// <summary>The requests in the order of their coming, as <c>path</c> or <c>path from START</c>.</summary>
    public ConcurrentQueue<string> Requests { get; } = [];

    /// <summary>Ends when the server stops: what a silent answer waits for.</summary>
    public Task Stopped => Task.Delay(Timeout.Infinite, stop.Token);

    public async ValueTask DisposeAsync()
    {
        await stop.CancelAsync();
        listener.Stop();
        await accepting;
        stop.Dispose();
    }

    private async Task AcceptAsync(Func<Exchange, Task> answer)
    {
        while (!stop.IsCancellationRequested)
        {
            try
            {
                using var connection = await listener.AcceptTcpClientAsync(stop.Token);
                using var stream = connection.GetStream();
                using var reader = new StreamReader(stream, Encoding.ASCII, leaveOpen: true);
                string path = (await reader.ReadLineAsync(stop.Token) ?? "").Split(' ').ElementAtOrDefault(1) ?? "";
                long? start = null;
                while (await reader.ReadLineAsync(stop.Token) is { Length: > 0 } line)
                    if (line.StartsWith("Range: bytes=", StringComparison.OrdinalIgnoreCase))
                        start = long.Parse(line["Range: bytes=".Length..].TrimEnd('-'), CultureInfo.InvariantCulture);
                Requests.Enqueue(start is null ? path.TrimStart('/') : $"{path.TrimStart('/')} from {start}");
                await answer(new Exchange(stream, path, start));
            }
            catch (Exception expected) when (expected is OperationCanceledException or IOException or SocketException)
            {
                // The server stops, or the client has gone: both are what the tests are about.
            }
        }
    }

    /// <summary>One request and the way to answer it.</summary>
    internal sealed record Exchange(NetworkStream Stream, string Path, long? Start)
    {
        /// <summary>Answers with a status and a body, of which only the first <paramref name="send"/> bytes are sent before the
        /// connection closes.</summary>
        public async Task ReplyAsync(int status, byte[]? body = null, int? send = null, string? header = null)
        {
            body ??= [];
            string head = $"HTTP/1.1 {status} Whatever\r\nContent-Length: {body.Length}\r\nConnection: "
                + $"close\r\n{(header is null ? "" : header + "\r\n")}\r\n";
            await Stream.WriteAsync(Encoding.ASCII.GetBytes(head));
            await Stream.WriteAsync(body.AsMemory(0, send ?? body.Length));
        }

        /// <summary>Answers as a good server does: with the range that was asked for, or with all.</summary>
        public Task ReplyWithRangeAsync(byte[] whole, int? send = null) =>
            Start is not { } start ? ReplyAsync(200, whole, send)
            : start >= whole.Length ? ReplyAsync(416)
            : ReplyAsync(206, whole[(int)start..], send, $"Content-Range: bytes {start}-{whole.Length - 1}/{whole.Length}");
    }
}
