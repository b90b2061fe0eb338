using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace Mezzotint.Serving;

/// <summary>
/// What pipelines tell whoever listens: a <see cref="Meter"/> and an <see cref="ActivitySource"/>, both named <c>Mezzotint</c>.
/// OpenTelemetry, Prometheus exporters and <c>dotnet-counters monitor --counters Mezzotint</c> read them. Each measurement of a
/// generation names its pipeline (<c>mezzotint.model</c>); one that failed has <c>error.type</c> too.
/// </summary>
/// <remarks>
/// <para>Counters: <c>mezzotint.images</c>, <c>mezzotint.evaluations</c> (network evaluations, by image). Now:
/// <c>mezzotint.generation.active</c>. Histograms: <c>mezzotint.generation.duration</c> and <c>mezzotint.generation.wait</c> in
/// seconds, <c>mezzotint.batch.size</c> in images.</para>
/// <para>A generation is the activity <c>generate</c>, with its model, sampler, steps, images and evaluations as tags.</para>
/// </remarks>
public static class MezzotintTelemetry
{
    /// <summary>The name of meter and activity source: <c>AddMeter(MezzotintTelemetry.Name)</c>.</summary>
    public const string Name = "Mezzotint";

    /// <summary>The tag that names the model.</summary>
    public const string ModelTag = "mezzotint.model";

    private static readonly Meter Meter = new(Name);
    private static readonly ActivitySource Source = new(Name);

    private static readonly Counter<long> Images = Meter.CreateCounter<long>("mezzotint.images", "{image}", "Images drawn.");
    private static readonly Counter<long> Evaluations = Meter.CreateCounter<long>(
        "mezzotint.evaluations", "{evaluation}", "Network evaluations, counted by image.");
    private static readonly UpDownCounter<int> Active = Meter.CreateUpDownCounter<int>(
        "mezzotint.generation.active", "{generation}", "Generations that are drawn or wait.");
    private static readonly Histogram<double> Duration = Meter.CreateHistogram<double>(
        "mezzotint.generation.duration", "s", "Time of a generation, waiting included.");
    private static readonly Histogram<double> Wait = Meter.CreateHistogram<double>(
        "mezzotint.generation.wait", "s", "Time until the first image of a generation began.");
    private static readonly Histogram<int> Batch = Meter.CreateHistogram<int>(
        "mezzotint.batch.size", "{image}", "Images that were evaluated together.");

    /// <summary>Notes a batch of evaluations.</summary>
    internal static void Evaluated(int images) => Batch.Record(images);

    /// <summary>Notes that the first image of a generation has begun.</summary>
    internal static void Begun(string model, TimeSpan after) => Wait.Record(after.TotalSeconds, OfModel(model));

    /// <summary>Draws, and notes how it went.</summary>
    internal static async Task<GeneratedImages> ObservedAsync(
        string name, PreparedGeneration generation, Func<Task<GeneratedImages>> draw)
    {
        var model = OfModel(name);
        using var activity = Source.StartActivity("generate");
        if (activity is { IsAllDataRequested: true })
            activity.SetTag(ModelTag, model.Value).SetTag("mezzotint.sampler", generation.Receipt.Recipe.Sampler)
                .SetTag("mezzotint.steps", generation.Steps).SetTag("mezzotint.images", generation.Images)
                .SetTag("mezzotint.evaluations", generation.Evaluations);
        long since = Stopwatch.GetTimestamp();
        Active.Add(1, model);
        var tags = new TagList { model };
        try
        {
            var images = await draw().ConfigureAwait(false);
            Images.Add(generation.Images, model);
            if (Evaluations.Enabled)
                Evaluations.Add(generation.Evaluations, model);
            return images;
        }
        catch (Exception error)
        {
            tags.Add("error.type", error.GetType().FullName);
            activity?.SetTag("error.type", error.GetType().FullName).SetStatus(ActivityStatusCode.Error, error.Message);
            throw;
        }
        finally
        {
            Active.Add(-1, model);
            Duration.Record(Stopwatch.GetElapsedTime(since).TotalSeconds, tags);
        }
    }

    private static KeyValuePair<string, object?> OfModel(string name) => new(ModelTag, name);
}
