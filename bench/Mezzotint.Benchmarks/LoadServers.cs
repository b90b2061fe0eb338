using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Text.Json;
using Mezzotint.AspNetCore;
using Mezzotint.Serving;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Yarp.ReverseProxy.Forwarder;

namespace Mezzotint.Benchmarks;

/// <summary>Servers of one model, each in a process of its own; where they are asked through a balancer, that is one
/// too.</summary>
internal sealed class LoadServers : IAsyncDisposable
{
    public const string ServerCommand = "load-server", BalancerCommand = "load-balancer";

    private readonly List<Process> _servers = [];
    private Process? _balancer;

    private LoadServers()
    {
    }

    /// <summary>The servers and the balancer.</summary>
    public IEnumerable<Process> Processes => _servers.Append(_balancer).OfType<Process>();

    /// <summary>Where they are asked.</summary>
    public Uri Address { get; private set; } = null!;

    /// <summary>The most memory that they have had, in all, in MB.</summary>
    public double Peak => _servers.Sum(server => PeakMemory.Of(server.Id).Peak);

    /// <summary>Seconds of a core that the servers have taken.</summary>
    public double ProcessorSeconds => _servers.Sum(Processor);

    /// <summary>Seconds of a core that the balancer has taken.</summary>
    public double BalancerSeconds => _balancer is null ? 0 : Processor(_balancer);

    /// <summary>Starts them.</summary>
    /// <param name="model">The model's folder.</param>
    /// <param name="replicas">How many servers.</param>
    /// <param name="threads">Threads of each; 0 for one a core.</param>
    /// <param name="balanced">Whether they stand behind a balancer, which asks them in turn.</param>
    public static async Task<LoadServers> StartAsync(string model, int replicas, int threads, bool balanced)
    {
        var servers = new LoadServers();
        try
        {
            List<string> addresses = [];
            for (int i = 0; i < replicas; i++)
            {
                var server = PeakMemory.StartChild(
                    ServerCommand, [model, threads.ToString(CultureInfo.InvariantCulture)]);
                servers._servers.Add(server);
                addresses.Add(await LineAsync(server));
            }
            if (balanced)
                servers._balancer = PeakMemory.StartChild(BalancerCommand, [.. addresses]);
            servers.Address = new Uri(servers._balancer is { } balancer ? await LineAsync(balancer) : addresses[0]);
            return servers;
        }
        catch
        {
            await servers.DisposeAsync();
            throw;
        }
    }

    /// <summary>Their memory now, in all.</summary>
    public async Task<ServerMemory> MemoryAsync()
    {
        List<ServerMemory> found = [];
        foreach (var server in _servers)
        {
            await server.StandardInput.WriteLineAsync("memory");
            found.Add(JsonSerializer.Deserialize<ServerMemory>(await LineAsync(server))!);
        }
        return new(0, found.Sum(one => one.Resident), found.Sum(one => one.Heap), found.Sum(one => one.Live),
            found.Sum(one => one.Collections));
    }

    /// <summary>A server's process: it says its address, answers each line of its input with its memory, and ends with its
    /// input.</summary>
    public static async Task ServeAsync(string model, int threads)
    {
        using var pipeline = DiffusionPipeline.Load(model, threads);
        await using var server =
            await StudioServer.StartAsync(pipeline, new StudioOptions { Urls = "http://127.0.0.1:0", Runs = "no-runs" });
        Console.WriteLine(server.Addresses[0]);
        while (await Console.In.ReadLineAsync() is not null)
        {
            var collector = GC.GetGCMemoryInfo(GCKind.Any);
            long live = collector.HeapSizeBytes - collector.FragmentedBytes;
            double resident = PeakMemory.Of(Environment.ProcessId).Resident;
            Console.WriteLine(JsonSerializer.Serialize(new ServerMemory(
                0, Math.Round(resident), Math.Round(collector.TotalCommittedBytes / 1e6), Math.Round(live / 1e6),
                    GC.CollectionCount(0))));
        }
    }

    /// <summary>The balancer's process: each request goes to the next server, and its answer back as it comes.</summary>
    public static async Task BalanceAsync(IReadOnlyList<string> servers)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        builder.Logging.SetMinimumLevel(LogLevel.None);
        builder.Services.AddHttpForwarder();
        await using var app = builder.Build();
        using var client = new HttpMessageInvoker(new SocketsHttpHandler { UseCookies = false, AllowAutoRedirect = false });
        var forwarder = app.Services.GetRequiredService<IHttpForwarder>();
        uint turn = 0;
        app.Run(async context => await forwarder.SendAsync(
            context, servers[(int)(Interlocked.Increment(ref turn) % (uint)servers.Count)], client));
        await app.StartAsync();
        Console.WriteLine(app.Urls.First());
        while (await Console.In.ReadLineAsync() is not null)
        {
            // it ends with its input
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var process in Processes)
        {
            process.StandardInput.Close();
            await process.WaitForExitAsync();
            process.Dispose();
        }
    }

    private static async Task<string> LineAsync(Process process) => await process.StandardOutput.ReadLineAsync()
        ?? throw new InvalidOperationException("A server has ended.");

    private static double Processor(Process process)
    {
        process.Refresh();
        return process.TotalProcessorTime.TotalSeconds;
    }
}
