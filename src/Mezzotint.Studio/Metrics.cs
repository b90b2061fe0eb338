using System.Collections.Concurrent;
using System.Globalization;
using System.Text;

namespace Mezzotint.Studio;

/// <summary>
/// What the server counts, in the text format of Prometheus (version 0.0.4): a line <c># TYPE name kind</c>, then
/// <c>name{label="value"} number</c>; a histogram is a counter for each upper bound <c>le</c>, with sum and count.
/// </summary>
internal sealed class Metrics(TimeProvider time)
{
    private static readonly double[] Bounds = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300];

    private readonly ConcurrentDictionary<(string Path, int Status), long> _requests = new();
    private readonly long[] _latencies = new long[Bounds.Length + 1];
    private readonly object _lock = new();
    private double _seconds, _rate;
    private long _cutOff;

    /// <summary>The speed of one request of late, its waiting included: a mean that forgets.</summary>
    public double EvaluationsPerSecond
    {
        get
        {
            lock (_lock)
                return _rate;
        }
    }

    /// <summary>The clock's time, to be given back to <see cref="Drawn"/>.</summary>
    public long Now => time.GetTimestamp();

    /// <summary>Counts an answer.</summary>
    public void Answered(string path, int status) => _requests.AddOrUpdate((path, status), 1, (_, count) => count + 1);

    /// <summary>Counts a client that went away before it was answered.</summary>
    public void CutOff() => Interlocked.Increment(ref _cutOff);

    /// <summary>Counts a request that was drawn, from the moment that it was read.</summary>
    public void Drawn(long since, long evaluations)
    {
        double seconds = time.GetElapsedTime(since).TotalSeconds;
        int bucket = Array.FindIndex(Bounds, bound => seconds <= bound);
        lock (_lock)
        {
            _latencies[bucket < 0 ? Bounds.Length : bucket]++;
            _seconds += seconds;
            double rate = evaluations / Math.Max(seconds, 1e-3);
            _rate = _rate == 0 ? rate : 0.9 * _rate + 0.1 * rate;
        }
    }

    /// <summary>All of it as text.</summary>
    /// <param name="gauges">Numbers that others keep: name, kind, meaning, value.</param>
    public string ToText(IEnumerable<(string Name, string Kind, string Meaning, double Value)> gauges)
    {
        var text = new StringBuilder();
        void Head(string name, string kind, string meaning) =>
            text.Append(CultureInfo.InvariantCulture, $"# HELP {name} {meaning}\n# TYPE {name} {kind}\n");

        Head("mezzotint_requests_total", "counter", "Answers by path and status.");
        foreach (var ((path, status), count) in _requests.OrderBy(entry => entry.Key))
            text.Append(
                CultureInfo.InvariantCulture, $"mezzotint_requests_total{{path=\"{path}\",status=\"{status}\"}} {count}\n");
        Head("mezzotint_requests_cut_off_total", "counter", "Clients that went away before they were answered.");
        text.Append(CultureInfo.InvariantCulture, $"mezzotint_requests_cut_off_total {Interlocked.Read(ref _cutOff)}\n");
        foreach (var (name, kind, meaning, value) in gauges)
        {
            Head(name, kind, meaning);
            text.Append(CultureInfo.InvariantCulture, $"{name} {value}\n");
        }
        Head("mezzotint_request_seconds", "histogram", "Time from a request's arrival to its last image.");
        lock (_lock)
        {
            long below = 0;
            for (int i = 0; i < Bounds.Length; i++)
                text.Append(
                    CultureInfo.InvariantCulture,
                    $"mezzotint_request_seconds_bucket{{le=\"{Bounds[i]}\"}} {below += _latencies[i]}\n");
            long all = below + _latencies[^1];
            text.Append(
                CultureInfo.InvariantCulture,
                $"mezzotint_request_seconds_bucket{{le=\"+Inf\"}} {all}\nmezzotint_request_seconds_sum "
                + $"{_seconds}\nmezzotint_request_seconds_count {all}\n");
        }
        return text.ToString();
    }
}
