using System.Collections.Concurrent;
using System.Diagnostics;
using System.Diagnostics.Metrics;
using Mezzotint.Models;
using Mezzotint.Serving;
using Mezzotint.Tests.Models;

namespace Mezzotint.Tests.Serving;

public class MezzotintTelemetryTests
{
    [Fact]
    public async Task A_generation_is_measured_and_is_a_span()
    {
        const string model = "telemetry";
        var measured = new ConcurrentBag<(string Name, double Value, string? Error)>();
        using var meters = new MeterListener
        {
            InstrumentPublished = (instrument, listener) =>
            {
                if (instrument.Meter.Name == MezzotintTelemetry.Name)
                    listener.EnableMeasurementEvents(instrument);
            },
        };
        void Note(Instrument instrument, double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
        {
            string? error = null, of = null;
            foreach (var (key, tag) in tags)
                (of, error) = key == "mezzotint.model" ? ((string?)tag, error) : (of, (string?)tag);
            if (of == model) // other tests draw meanwhile
                measured.Add((instrument.Name, value, error));
        }
        meters.SetMeasurementEventCallback<long>((instrument, value, tags, _) => Note(instrument, value, tags));
        meters.SetMeasurementEventCallback<int>((instrument, value, tags, _) => Note(instrument, value, tags));
        meters.SetMeasurementEventCallback<double>((instrument, value, tags, _) => Note(instrument, value, tags));
        meters.Start();
        var spans = new ConcurrentBag<Activity>();
        using var activities = new ActivityListener
        {
            ShouldListenTo = source => source.Name == MezzotintTelemetry.Name,
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllData,
            ActivityStopped = spans.Add,
        };
        ActivitySource.AddActivityListener(activities);

        using var pipeline = new DiffusionPipeline(
            new LoadedModel(SmallNetwork.Build(), SmallNetwork.Info), model, ownsModel: true);
        var options = new GenerationOptions { Seed = 1, Sampler = "euler", Steps = 3 };
        await pipeline.GenerateAsync([0, 1], options, TestContext.Current.CancellationToken);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() =>
            pipeline.GenerateAsync([0], options, new CancellationToken(true)));

        double Sum(string name) => measured.Where(one => one.Name == name).Sum(one => one.Value);
        Assert.Equal((2, 6), (Sum("mezzotint.images"), Sum("mezzotint.evaluations")));
        Assert.Equal(0, Sum("mezzotint.generation.active"));
        Assert.Equal(4, measured.Count(one => one.Name == "mezzotint.generation.active"));
        var durations = measured.Where(one => one.Name == "mezzotint.generation.duration").ToList();
        Assert.Equal(2, durations.Count);
        Assert.Single(durations, one => one.Error is null);
        Assert.Contains("Canceled", durations.Single(one => one.Error is not null).Error, StringComparison.Ordinal);
        Assert.Contains(measured, one => one.Name == "mezzotint.generation.wait");

        var own = spans.Where(span => Tag(span, "model") is model).OrderBy(span => span.StartTimeUtc).ToList();
        Assert.Equal(2, own.Count);
        object?[] tags = [.. ((string[])["sampler", "steps", "images", "evaluations"]).Select(name => Tag(own[0], name))];
        Assert.Equal(["euler", 3, 2, 6L], tags);
        Assert.Equal((ActivityStatusCode.Unset, ActivityStatusCode.Error), (own[0].Status, own[1].Status));
        static object? Tag(Activity span, string name) => span.GetTagItem($"mezzotint.{name}");
    }
}
