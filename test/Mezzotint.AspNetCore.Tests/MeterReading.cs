using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using Mezzotint.Serving;
using Microsoft.Extensions.DependencyInjection;

namespace Mezzotint.AspNetCore.Tests;

/// <summary>Reads what the meter of one application tells, and no other's.</summary>
internal sealed class MeterReading : IDisposable
{
    private readonly MeterListener _listener = new();
    private readonly ConcurrentQueue<(string Instrument, double Value, string Tags)> _told = [];

    public MeterReading(IServiceProvider services)
    {
        var factory = services.GetRequiredService<IMeterFactory>();
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            if (instrument.Meter.Name == MezzotintTelemetry.Name && ReferenceEquals(instrument.Meter.Scope, factory))
                listener.EnableMeasurementEvents(instrument);
        };
        void Note(Instrument instrument, double value, ReadOnlySpan<KeyValuePair<string, object?>> tags) => _told.Enqueue(
            (instrument.Name, value, string.Join(' ', tags.ToArray().Select(tag => tag.Value))));
        _listener.SetMeasurementEventCallback<int>((instrument, value, tags, _) => Note(instrument, value, tags));
        _listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) => Note(instrument, value, tags));
        _listener.SetMeasurementEventCallback<double>((instrument, value, tags, _) => Note(instrument, value, tags));
        _listener.Start();
    }

    /// <summary>The sum of what an instrument told since the beginning.</summary>
    /// <param name="instrument">Its name.</param>
    /// <param name="tag">One of the tags; null for any.</param>
    public double Sum(string instrument, string? tag = null) => _told.Where(one =>
        one.Instrument == instrument && (tag is null || one.Tags.Split(' ').Contains(tag))).Sum(one => one.Value);

    /// <summary>How often an instrument told something.</summary>
    public int Count(string instrument) => _told.Count(one => one.Instrument == instrument);

    /// <summary>What an instrument tells when it is asked.</summary>
    public double Now(string instrument)
    {
        _listener.RecordObservableInstruments();
        return _told.Last(one => one.Instrument == instrument).Value;
    }

    public void Dispose() => _listener.Dispose();
}
