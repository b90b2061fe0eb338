using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Http.Json;
using Mezzotint.Formats;
using Mezzotint.Serving;
using Microsoft.AspNetCore.Mvc.Testing;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using OpenTelemetry.Metrics;
using OpenTelemetry.Trace;

namespace Mezzotint.AspNetCore.Tests;

/// <summary><c>samples/WebApplication</c>, a web application that draws.</summary>
public sealed class SampleApplicationTests
{
    private const string SlowVariable = "MEZZOTINT_SLOW", Key = "secret";

    /// <summary>Images of one request.</summary>
    private const int Batch = 50;

    [Fact]
    public async Task It_has_a_key_health_and_traces_that_an_exporter_sees()
    {
        await using var application = new Application();
        using var client = application.CreateClient();
        Assert.Equal("Healthy", await client.GetStringAsync(At("/health")));
        using (var refused = await DrawAsync(client, 1))
            Assert.Equal(HttpStatusCode.Unauthorized, refused.StatusCode);
        client.DefaultRequestHeaders.Add("X-Key", Key);
        using (var drawn = await DrawAsync(client, 2))
            Assert.Equal(HttpStatusCode.OK, drawn.StatusCode);
        byte[] picture = await client.GetByteArrayAsync(At("/digit/seven.png"));
        Assert.Equal(28, PngFile.Decode(picture, "digit").Image.Width);

        application.Services.GetRequiredService<TracerProvider>().ForceFlush();
        var spans = application.Spans.Where(span => span.GetTagItem(MezzotintTelemetry.ModelTag) is "digits").ToList();
        Assert.Equal(["generate", "generate"], spans.Select(span => span.OperationName));
        Assert.All(spans, span => Assert.Contains(application.Spans, request => request.SpanId == span.ParentSpanId));
        object?[] told = [.. ((string[])["images", "steps", "evaluations"]).Select(name =>
            spans[0].GetTagItem($"mezzotint.{name}"))];
        Assert.Equal([2, 4, 14L], told); // heun's 2 n - 1 each
        application.Services.GetRequiredService<MeterProvider>().ForceFlush();
        foreach (string name in (string[])["mezzotint.images", "mezzotint.generation.wait", "mezzotint.queue.requests"])
            Assert.Contains(application.Metrics, metric => metric.Name == name);
    }

    [Fact]
    public Task Later_images_take_no_more_memory_than_the_first() => DrawManyAsync(first: 2 * Batch, all: 8 * Batch);

    [Fact]
    public Task Ten_thousand_images_take_no_more_memory_than_the_first_thousand()
    {
        Assert.SkipUnless(
            Environment.GetEnvironmentVariable(SlowVariable) == "1", $"Takes minutes; {SlowVariable}=1 runs it.");
        return DrawManyAsync(first: 1_000, all: 10_000);
    }

    private static async Task DrawManyAsync(int first, int all)
    {
        await using var application = new Application();
        using var client = application.CreateClient();
        client.DefaultRequestHeaders.Add("X-Key", Key);
        await DrawAllAsync(client, first);
        long before = Memory();
        await DrawAllAsync(client, all - first);
        long after = Memory();
        TestContext.Current.TestOutputHelper?.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{before / 1e6:F0} MB after {first} images, {after / 1e6:F0} MB after {all}"));
        Assert.InRange(after, 0, 1.1 * before);
    }

    /// <summary>Memory of the process, without what nobody uses any more; what the collector would keep for later is given
    /// back.</summary>
    private static long Memory()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        return Environment.WorkingSet;
    }

    private static async Task DrawAllAsync(HttpClient client, int images)
    {
        for (int i = 0; i < images; i += Batch)
            using (var drawn = await DrawAsync(client, Batch))
                Assert.Equal(HttpStatusCode.OK, drawn.StatusCode);
    }

    private static Task<HttpResponseMessage> DrawAsync(HttpClient client, int n) => client.PostAsJsonAsync(
        At("/images/v1/images/generations"), new { prompt = "7", n, steps = 4, sampler = "heun" });

    private static Uri At(string path) => new(path, UriKind.Relative);

    /// <summary>The application with the seed's model, whose spans and meters are kept.</summary>
    private sealed class Application : WebApplicationFactory<Program>
    {
        public List<Activity> Spans { get; } = [];

        public List<Metric> Metrics { get; } = [];

        protected override IHost CreateHost(IHostBuilder builder)
        {
            builder.ConfigureHostConfiguration(settings => settings.AddInMemoryCollection(new Dictionary<string, string?>
            {
                ["Key"] = Key,
                ["Mezzotint:Models:digits:Folder"] = Path.Combine(Repository.Root, "models", "seed"),
            }));
            builder.ConfigureLogging(log => log.ClearProviders()).ConfigureServices(services =>
            {
                services.ConfigureOpenTelemetryTracerProvider(traces => traces.AddInMemoryExporter(Spans));
                services.ConfigureOpenTelemetryMeterProvider(meters => meters.AddInMemoryExporter(Metrics));
            });
            return base.CreateHost(builder);
        }
    }
}
