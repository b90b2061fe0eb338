namespace Mezzotint.Runs;

/// <summary>The time that a training has run. While its process is stopped, by a signal or with its machine, no time
/// passes.</summary>
internal sealed class TrainingClock : IDisposable
{
    /// <summary>The clock looks this often; between two looks that lie further apart than a busy machine explains, the process
    /// did not run.</summary>
    private static readonly TimeSpan Look = TimeSpan.FromSeconds(1), LongestGap = TimeSpan.FromSeconds(20);

    private readonly TimeProvider _time;
    private readonly ITimer _timer;
    private readonly Lock _lock = new();
    private long _seen;
    private TimeSpan _elapsed;

    /// <summary>Begins to count.</summary>
    /// <param name="before">The time of earlier sessions.</param>
    /// <param name="time">What it looks at; null for the system's clock.</param>
    public TrainingClock(TimeSpan before, TimeProvider? time = null)
    {
        (_time, _elapsed) = (time ?? TimeProvider.System, before);
        _seen = _time.GetTimestamp();
        _timer = _time.CreateTimer(_ => Count(), null, Look, Look);
    }

    /// <summary>The time so far, earlier sessions included.</summary>
    public TimeSpan Elapsed => Count();

    public void Dispose() => _timer.Dispose();

    private TimeSpan Count()
    {
        lock (_lock)
        {
            long now = _time.GetTimestamp();
            var gap = _time.GetElapsedTime(_seen, now);
            _seen = now;
            return _elapsed += gap <= LongestGap ? gap : Look;
        }
    }
}
