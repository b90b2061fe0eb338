using System.Diagnostics;
using System.Net.WebSockets;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Mezzotint.AspNetCore.Tests;

/// <summary>
/// A headless Chromium, driven by its DevTools protocol: JSON commands <c>{"id", "method", "params", "sessionId"}</c> over a
/// WebSocket, answered by <c>{"id", "result"}</c>, between events <c>{"method", "params"}</c>. Only what the tests of the page
/// need.
/// </summary>
internal sealed class Chromium : IAsyncDisposable
{
    private readonly Process _process;
    private readonly string _profile;
    private readonly ClientWebSocket _socket;
    private readonly SemaphoreSlim _sending = new(1);
    private readonly Dictionary<int, TaskCompletionSource<JsonNode?>> _waiting = [];
    private readonly List<string> _pages = [];
    private readonly Task _reading;
    private int _commands;

    private Chromium(Process process, string profile, ClientWebSocket socket)
    {
        (_process, _profile, _socket) = (process, profile, socket);
        _reading = Task.Run(ReadAsync);
    }

    /// <summary>The program; null where there is none.</summary>
    public static string? Program { get; } = new[]
    {
        Environment.GetEnvironmentVariable("MEZZOTINT_CHROMIUM"), "/usr/bin/chromium", "/usr/bin/chromium-browser",
        "/usr/bin/google-chrome",
    }.FirstOrDefault(File.Exists);

    /// <summary>What the pages wrote to their console as errors and warnings, and broken policies and failed loads.</summary>
    public List<string> Complaints { get; } = [];

    /// <summary>Starts a browser, or skips the test with the reason.</summary>
    public static async Task<Chromium> StartAsync()
    {
        Assert.SkipWhen(Program is null, "There is no Chromium: apt-get install chromium, or its path in MEZZOTINT_CHROMIUM.");
        string profile = Directory.CreateTempSubdirectory("mezzotint-browser-").FullName;
        var process = Process.Start(new ProcessStartInfo(Program!,
        [
            "--headless=new", "--remote-debugging-port=0", $"--user-data-dir={profile}", "--no-first-run",
            "--no-default-browser-check", "--disable-gpu", "--disable-dev-shm-usage",
            // the sandbox refuses to start for root, as in a container
            "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-sandbox",
            "--force-prefers-reduced-motion", "--hide-scrollbars", "about:blank",
        ])
        { RedirectStandardError = true, RedirectStandardOutput = true })!;
        string? line;
        string log = "";
        while ((line = await process.StandardError.ReadLineAsync()) is not null
            && !line.Contains("DevTools listening on ", StringComparison.Ordinal))
            log += line + "\n";
        Assert.SkipWhen(line is null, $"Chromium does not start here: {log}");
        _ = process.StandardError.BaseStream.CopyToAsync(Stream.Null); // it must not wait for a reader
        _ = process.StandardOutput.BaseStream.CopyToAsync(Stream.Null);
        var socket = new ClientWebSocket();
        await socket.ConnectAsync(new Uri(line!.Split("listening on ")[1]), CancellationToken.None);
        return new Chromium(process, profile, socket);
    }

    /// <summary>A new page of a size.</summary>
    public async Task<BrowserPage> OpenAsync(int width = 1280, int height = 800)
    {
        string target =
            (await SendAsync("Target.createTarget", new JsonObject { ["url"] = "about:blank" }))!["targetId"]!.GetValue<string>();
        _pages.Add(target);
        string session = (
            await SendAsync(
                "Target.attachToTarget",
                new JsonObject { ["targetId"] = target, ["flatten"] = true }))!["sessionId"]!.GetValue<string>();
        var page = new BrowserPage(this, session);
        foreach (string domain in new[] { "Page", "Runtime", "Log", "Network" })
            await page.SendAsync($"{domain}.enable");
        await page.ResizeAsync(width, height);
        return page;
    }

    /// <summary>Closes all pages.</summary>
    public async Task CloseAsync()
    {
        foreach (string page in _pages)
            await SendAsync("Target.closeTarget", new JsonObject { ["targetId"] = page });
        _pages.Clear();
    }

    /// <summary>Sends a command and waits for its answer.</summary>
    public async Task<JsonNode?> SendAsync(string method, JsonObject? parameters = null, string? session = null)
    {
        int id = Interlocked.Increment(ref _commands);
        var answer = new TaskCompletionSource<JsonNode?>(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_waiting)
            _waiting.Add(id, answer);
        var command = new JsonObject { ["id"] = id, ["method"] = method, ["params"] = parameters ?? new JsonObject() };
        if (session is not null)
            command["sessionId"] = session;
        await _sending.WaitAsync();
        try
        {
            await _socket.SendAsync(
                JsonSerializer.SerializeToUtf8Bytes(command), WebSocketMessageType.Text, true, CancellationToken.None);
        }
        finally
        {
            _sending.Release();
        }
        return await answer.Task;
    }

    private async Task ReadAsync()
    {
        byte[] part = new byte[1 << 16];
        using var message = new MemoryStream();
        try
        {
            while (true)
            {
                var received = await _socket.ReceiveAsync(part, CancellationToken.None);
                if (received.MessageType == WebSocketMessageType.Close)
                    break;
                message.Write(part, 0, received.Count);
                if (!received.EndOfMessage)
                    continue;
                Take(JsonNode.Parse(message.ToArray())!);
                message.SetLength(0);
            }
        }
        catch (WebSocketException)
        {
            // The browser has ended; whoever still waits is told below.
        }
        lock (_waiting)
            foreach (var answer in _waiting.Values)
                answer.TrySetException(new InvalidOperationException("The browser has ended."));
    }

    private void Take(JsonNode message)
    {
        if (message["id"]?.GetValue<int>() is { } id)
        {
            TaskCompletionSource<JsonNode?>? answer;
            lock (_waiting)
                _waiting.Remove(id, out answer);
            if (message["error"] is { } error)
                answer?.TrySetException(new InvalidOperationException(error.ToJsonString()));
            else
                answer?.TrySetResult(message["result"]);
            return;
        }
        string? complaint = message["method"]?.GetValue<string>() switch
        {
            "Runtime.exceptionThrown" => message["params"]!["exceptionDetails"]!.ToJsonString(),
            "Log.entryAdded" when message["params"]!["entry"]!["level"]!.GetValue<string>() is "error" or "warning" =>
                message["params"]!["entry"]!.ToJsonString(),
            "Runtime.consoleAPICalled" when message["params"]!["type"]!.GetValue<string>() is "error" or "warning" or "assert" =>
                message["params"]!["args"]!.ToJsonString(),
            _ => null,
        };
        if (complaint is not null)
            lock (Complaints)
                Complaints.Add(complaint);
    }

    public async ValueTask DisposeAsync()
    {
        _process.Kill(entireProcessTree: true);
        await _process.WaitForExitAsync();
        await _reading;
        _socket.Dispose();
        _process.Dispose();
        _sending.Dispose();
        try
        {
            Directory.Delete(_profile, recursive: true);
        }
        catch (IOException)
        {
            // A dying helper of the browser may still write into it; the system's temporary folder is cleared by the system.
        }
    }
}
