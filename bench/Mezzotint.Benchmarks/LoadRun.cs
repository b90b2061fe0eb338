using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Net.Http.Json;
using System.Net;
using System.Text.Json;
using Mezzotint.Formats;
using Mezzotint.Serving;

namespace Mezzotint.Benchmarks;

/// <summary>The memory of the server at one moment, in MB of 10^6 bytes.</summary>
/// <param name="Seconds">Since the first request.</param>
/// <param name="Resident">All that is resident: code, libtorch, weights, stacks and heaps.</param>
/// <param name="Heap">Of it, what .NET's collector holds for managed objects, the garbage and the free space between them
/// included.</param>
/// <param name="Live">Of the heap, what the last collection found to be in use.</param>
/// <param name="Collections">Collections of all generations so far.</param>
internal sealed record ServerMemory(double Seconds, double Resident, double Heap, double Live, int Collections);

/// <summary>What <c>load</c> found.</summary>
internal sealed record LoadResult
{
    public required DateTime Date { get; init; }
    public required Machine Machine { get; init; }
    public required string Model { get; init; }
    public required int Clients { get; init; }
    public required double Seconds { get; init; }

    /// <summary>For how long clients began new requests.</summary>
    public required double AskedSeconds { get; init; }

    public required int Requests { get; init; }
    public required int Images { get; init; }

    /// <summary>Answers of status 429, of another status, and images that were not those of their seed.</summary>
    public required int TooMany { get; init; }
    public required int OtherErrors { get; init; }
    public required int WrongImages { get; init; }

    /// <summary>Seconds from a request to the end of its answer.</summary>
    public required double MedianLatency { get; init; }
    public required double P99Latency { get; init; }

    /// <summary>Network evaluations a second: of the server under load, and of the pipeline drawing the same kinds of image by
    /// itself, before and after.</summary>
    public required double Rate { get; init; }
    public required double RateAlone { get; init; }
    public double Ratio => Math.Round(Rate / RateAlone, 3);

    /// <summary>Cores that the servers took on average, and the balancer.</summary>
    public required double ServerCores { get; init; }
    public required double BalancerCores { get; init; }

    /// <summary>Cores that neither they nor the clients took; null where the system does not tell.</summary>
    public double? OtherCores { get; init; }

    /// <summary>Memory of the servers, evenly over the time: before the first request, and after each twelfth.</summary>
    public required IReadOnlyList<ServerMemory> Memory { get; init; }

    /// <summary>The most memory that was resident in the servers, in MB.</summary>
    public required double PeakMegabytes { get; init; }

    public bool IsSound => OtherErrors == 0 && WrongImages == 0 && Images > 0;
}

/// <summary>
/// Many clients at once on the server, in a process of its own, or on several behind a balancer: each asks over and
/// over for one to four digits of one of three samplers, a third of them as a stream, and checks every pixel of the answer
/// against the image that the pipeline draws alone from that seed.
/// </summary>
internal sealed class LoadRun : IDisposable
{
    private const int Labels = 10, Seeds = 4;

    /// <summary>How often the server's memory is asked for, after the first time.</summary>
    private const int Moments = 12;

    private static readonly TimeSpan Warming = TimeSpan.FromSeconds(5);

    private static readonly (string Sampler, int Steps, int Evaluations)[] Kinds =
    [
        ("euler", 20, 20), ("heun", 10, 19), ("dpmpp-2m-sde", 20, 20),
    ];

    private readonly string _model;
    private readonly DiffusionPipeline _pipeline;
    private readonly ImageBatch[,] _expected = new ImageBatch[Kinds.Length, Labels];
    private readonly ConcurrentBag<double> _latencies = [];
    private int _images, _tooMany, _otherErrors, _wrong;
    private long _evaluations;

    public LoadRun(string model) => (_model, _pipeline) = (model, DiffusionPipeline.Load(model));

    /// <param name="clients">How many ask at once.</param>
    /// <param name="time">For how long they begin new requests.</param>
    /// <param name="tell">Is told how it goes.</param>
    /// <param name="replicas">How many servers.</param>
    /// <param name="threads">Threads of each; 0 for one a core.</param>
    /// <param name="balanced">Whether they are asked through a balancer.</param>
    public async Task<LoadResult> RunAsync(
        int clients, TimeSpan time, Action<string> tell, int replicas = 1, int threads = 0, bool balanced = false)
    {
        double before = Alone(tell);
        await using var servers = await LoadServers.StartAsync(_model, replicas, threads, balanced);
        if (balanced) // what is compared is compiled
            await AskAsync(servers.Address, clients, Warming);
        (_images, _tooMany, _otherErrors, _wrong, _evaluations) = (0, 0, 0, 0, 0);
        _latencies.Clear();
        var clock = Stopwatch.StartNew();
        double started = servers.ProcessorSeconds, startedBalancer = servers.BalancerSeconds;
        var others = new OtherLoad([.. servers.Processes]);
        var memory = WatchAsync(servers, time, clock, tell);
        await AskAsync(servers.Address, clients, time);
        double seconds = clock.Elapsed.TotalSeconds, cores = (servers.ProcessorSeconds - started) / seconds,
            balancer = (servers.BalancerSeconds - startedBalancer) / seconds;
        double? taken = others.Cores;
        var memories = await memory;
        double after = Alone(tell);
        double[] latencies = [.. _latencies.Order()];
        return new LoadResult
        {
            Date = DateTime.UtcNow,
            Machine = Machine.Describe(),
            Model = Path.GetFileName(_model),
            Clients = clients,
            Seconds = Math.Round(seconds, 1),
            AskedSeconds = time.TotalSeconds,
            Requests = latencies.Length,
            Images = _images,
            TooMany = _tooMany,
            OtherErrors = _otherErrors,
            WrongImages = _wrong,
            MedianLatency = Math.Round(latencies[latencies.Length / 2], 2),
            P99Latency = Math.Round(latencies[Math.Min(latencies.Length - 1, latencies.Length * 99 / 100)], 2),
            Rate = Math.Round(_evaluations / seconds, 1),
            RateAlone = Math.Round((before + after) / 2, 1),
            ServerCores = Math.Round(cores, 3),
            BalancerCores = Math.Round(balancer, 3),
            OtherCores = taken is { } found ? Math.Round(found, 3) : null,
            Memory = memories,
            PeakMegabytes = Math.Round(servers.Peak),
        };
    }

    private async Task AskAsync(Uri address, int clients, TimeSpan time)
    {
        using var stop = new CancellationTokenSource(time);
        await Task.WhenAll(Enumerable.Range(0, clients).Select(i => ClientAsync(address, i, stop.Token)));
    }

    /// <summary>Draws the expected images, and tells how many evaluations a second that was.</summary>
    private double Alone(Action<string> tell)
    {
        _pipeline.Generate([0], new() { Steps = 1, Count = 16 }); // kernels are compiled
        long evaluations = 0;
        var clock = Stopwatch.StartNew();
        for (int kind = 0; kind < Kinds.Length; kind++)
        {
            // All labels in one request: its images have seeds 0, 1, 2, ..., so those of a label begin at label * Seeds.
            int[] labels = [.. Enumerable.Range(0, Labels)];
            var (sampler, steps, each) = Kinds[kind];
            var drawn = _pipeline.Generate(labels, new() { Count = Seeds, Seed = 0, Sampler = sampler, Steps = steps }).Images;
            for (int label = 0; label < Labels; label++)
                _expected[kind, label] = drawn.Slice(label * Seeds, Seeds);
            evaluations += (long)Labels * Seeds * each;
        }
        double rate = evaluations / clock.Elapsed.TotalSeconds;
        tell(string.Create(CultureInfo.InvariantCulture, $"alone: {rate:F0} evaluations/s"));
        return rate;
    }

    private async Task ClientAsync(Uri address, int number, CancellationToken stop)
    {
        using var client = new HttpClient { BaseAddress = address, Timeout = TimeSpan.FromMinutes(5) };
        var random = new Random(number);
        while (!stop.IsCancellationRequested)
        {
            int kind = random.Next(Kinds.Length), label = random.Next(Labels), first = random.Next(Seeds),
                count = random.Next(1, Seeds + 1 - first);
            bool stream = random.Next(3) == 0;
            var (sampler, steps, each) = Kinds[kind];
            var clock = Stopwatch.StartNew();
            using var response = await client.PostAsJsonAsync(
                "/v1/images/generations", new { label, n = count, seed = (label * Seeds) + first, sampler, steps, stream },
                CancellationToken.None);
            string answer = await response.Content.ReadAsStringAsync(CancellationToken.None);
            if (response.StatusCode == HttpStatusCode.TooManyRequests)
            {
                Interlocked.Increment(ref _tooMany);
                await Task.Delay(response.Headers.RetryAfter!.Delta!.Value, CancellationToken.None);
                continue;
            }
            if (response.StatusCode != HttpStatusCode.OK)
            {
                Interlocked.Increment(ref _otherErrors);
                continue;
            }
            _latencies.Add(clock.Elapsed.TotalSeconds);
            var images = stream
                ? Streamed(answer) : [.. JsonDocument.Parse(answer).RootElement.GetProperty("data").EnumerateArray()];
            for (int i = 0; i < count; i++)
                if (images.Length != count || !Pixels(images[i]).AsSpan().SequenceEqual(_expected[kind, label].Image(first + i)))
                    Interlocked.Increment(ref _wrong);
            Interlocked.Add(ref _images, count);
            Interlocked.Add(ref _evaluations, (long)count * each);
        }
    }

    private static JsonElement[] Streamed(string answer) =>
        [
            .. answer.Split('\n').Where(line => line.StartsWith("data: {", StringComparison.Ordinal)).Select(line =>
                JsonDocument.Parse(line.AsMemory(6)).RootElement).OrderBy(sent => sent.GetProperty("image_index").GetInt32()),
        ];

    private static byte[] Pixels(JsonElement image) =>
        PngFile.Decode(image.GetProperty("b64_json").GetBytesFromBase64(), "answer").Image.Pixels;

    private static async Task<IReadOnlyList<ServerMemory>> WatchAsync(
        LoadServers servers, TimeSpan time, Stopwatch clock, Action<string> tell)
    {
        var memories = new List<ServerMemory>();
        for (int i = 0; i <= Moments; i++)
        {
            var left = time * i / Moments - clock.Elapsed;
            if (left > TimeSpan.Zero)
                await Task.Delay(left);
            var now = await servers.MemoryAsync() with { Seconds = Math.Round(clock.Elapsed.TotalSeconds, 1) };
            memories.Add(now);
            tell(string.Create(CultureInfo.InvariantCulture,
                $"after {now.Seconds:F0} s: resident {now.Resident:F0} MB, heap {now.Heap:F0} MB, of it {now.Live:F0} in use"));
        }
        return memories;
    }

    public void Dispose() => _pipeline.Dispose();
}
