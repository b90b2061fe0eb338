using System.Threading.Channels;

namespace Mezzotint.Serving;

/// <summary>Threads on which walks run, first come, first served. A walk spends most of its time waiting for an evaluation, so
/// there are many more than cores.</summary>
internal sealed class Walkers : IDisposable
{
    private readonly Channel<Action> _work = Channel.CreateUnbounded<Action>();
    private readonly Thread[] _threads;
    private int _waiting;

    /// <summary>Starts the threads.</summary>
    /// <param name="count">How many walks run at once, 1 or more.</param>
    public Walkers(int count)
    {
        _threads =
        [
            .. Enumerable.Range(0, count).Select(i => new Thread(Loop) { IsBackground = true, Name = $"mezzotint walk {i}" }),
        ];
        foreach (var thread in _threads)
            thread.Start();
    }

    /// <summary>How many wait for a thread.</summary>
    public int Waiting => Volatile.Read(ref _waiting);

    /// <summary>Runs <paramref name="work"/> as soon as a thread is free; it raises nothing.</summary>
    public void Run(Action work)
    {
        Interlocked.Increment(ref _waiting);
        if (!_work.Writer.TryWrite(work))
        {
            Interlocked.Decrement(ref _waiting);
            throw new ObjectDisposedException(nameof(Walkers));
        }
    }

    /// <summary>Takes nothing more, and waits until what was taken has run.</summary>
    public void Dispose()
    {
        _work.Writer.TryComplete();
        foreach (var thread in _threads)
            thread.Join();
    }

    private void Loop()
    {
        // This thread is nobody else's: it may wait in the old-fashioned way.
        while (_work.Reader.WaitToReadAsync().AsTask().GetAwaiter().GetResult())
            while (_work.Reader.TryRead(out var work))
            {
                Interlocked.Decrement(ref _waiting);
                work();
            }
    }
}
