using System.Runtime.ExceptionServices;
using TorchSharp;

namespace Mezzotint.Runtime;

/// <summary>
/// A few threads that each run libtorch single-threaded, side by side: the way this library uses several cores.
/// </summary>
/// <remarks>
/// libtorch's own OpenMP threads wait for each other by spinning at each operator: where another process takes a core they
/// collapse (13 images a second instead of 62 on one core, measured). Threads that meet once a step do not, and each owns its
/// part whatever the timing, so results do not depend on it. Making one sets libtorch to one thread an operator, for the whole
/// process; disposing it restores that.
/// </remarks>
public sealed class WorkerThreads : IDisposable
{
    private readonly Thread[] _threads;
    private readonly SemaphoreSlim[] _start;
    // counts; an event that is reset each round could be set late by the round before
    private readonly SemaphoreSlim _done = new(0);
    private readonly Exception?[] _errors;
    private readonly int _libtorchThreads;
    private Action<int>? _work;

    /// <summary>Starts the threads.</summary>
    /// <param name="count">How many work at once, the caller's own included; 1 or more. 0 means one a core.</param>
    public WorkerThreads(int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        Count = count == 0 ? Environment.ProcessorCount : count;
        Libtorch.Load();
        _libtorchThreads = torch.get_num_threads();
        torch.set_num_threads(1);
        _errors = new Exception?[Count];
        _start = [.. Enumerable.Range(0, Count).Select(_ => new SemaphoreSlim(0))];
        _threads =
        [
            .. Enumerable.Range(1, Count - 1).Select(index =>
                new Thread(() => Loop(index)) { IsBackground = true, Name = $"mezzotint {index}" }),
        ];
        foreach (var thread in _threads)
            thread.Start();
    }

    /// <summary>How many threads work at once, the caller's own included.</summary>
    public int Count { get; }

    /// <summary>Runs <paramref name="work"/> once on each thread with its index, 0 on the caller's own, and returns when all are
    /// done.</summary>
    /// <exception cref="Exception">What the first (by index) failing thread raised, with its own stack trace.</exception>
    public void Run(Action<int> work)
    {
        _work = work;
        for (int i = 1; i < Count; i++)
            _start[i].Release();
        RunOne(0);
        for (int i = 1; i < Count; i++)
            _done.Wait();
        _work = null;
        if (Array.Find(_errors, error => error is not null) is { } first)
        {
            Array.Clear(_errors);
            ExceptionDispatchInfo.Throw(first);
        }
    }

    /// <summary>Ends the threads.</summary>
    public void Dispose()
    {
        _work = null;
        for (int i = 1; i < Count; i++)
            _start[i].Release();
        foreach (var thread in _threads)
            thread.Join();
        foreach (var semaphore in _start)
            semaphore.Dispose();
        _done.Dispose();
        torch.set_num_threads(_libtorchThreads);
    }

    private void Loop(int index)
    {
        while (true)
        {
            _start[index].Wait();
            if (_work is null)
                return;
            RunOne(index);
            _done.Release();
        }
    }

    private void RunOne(int index)
    {
        try
        {
            _work!(index);
        }
#pragma warning disable CA1031 // whatever it is, it is raised again on the caller's thread
        catch (Exception error)
        {
            _errors[index] = error;
        }
#pragma warning restore CA1031
    }
}
