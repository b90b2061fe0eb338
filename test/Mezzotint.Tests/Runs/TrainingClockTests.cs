using Mezzotint.Runs;

namespace Mezzotint.Tests.Runs;

public class TrainingClockTests
{
    [Fact]
    public void Time_in_which_the_process_is_stopped_does_not_count()
    {
        var time = new ManualTime();
        using var clock = new TrainingClock(TimeSpan.FromSeconds(100), time);
        time.Pass(seconds: 5);
        Assert.Equal(105, clock.Elapsed.TotalSeconds);
        time.Pass(seconds: 3600); // no look in an hour: the process was stopped
        Assert.Equal(106, clock.Elapsed.TotalSeconds);
        time.Pass(seconds: 2);
        Assert.Equal(108, clock.Elapsed.TotalSeconds);
    }

    [Fact]
    public void A_long_step_counts_whole_as_the_clock_looks_by_itself()
    {
        var time = new ManualTime();
        using var clock = new TrainingClock(TimeSpan.Zero, time);
        for (int second = 0; second < 3600; second++)
        {
            time.Pass(seconds: 1);
            time.Look();
        }
        Assert.Equal(3600, clock.Elapsed.TotalSeconds);
    }

    private sealed class ManualTime : TimeProvider
    {
        private long _now;

        public Action Look { get; private set; } = () => { };

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => _now;

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            Look = () => callback(state);
            return new NoTimer();
        }

        public void Pass(int seconds) => _now += seconds * TimeSpan.TicksPerSecond;
    }

    private sealed class NoTimer : ITimer
    {
        public bool Change(TimeSpan dueTime, TimeSpan period) => true;

        public void Dispose()
        {
        }

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
