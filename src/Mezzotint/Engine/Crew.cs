using Mezzotint.Runtime;

namespace Mezzotint.Engine;

/// <summary>
/// Threads that compute one image together: each takes the next piece of a step until there is none. What a piece computes does
/// not depend on who takes it, so the image is the same on any number of threads, to the bit.
/// </summary>
/// <remarks>Pieces are taken and not given out: a thread whose core is busy with something else holds up one piece.</remarks>
internal sealed class Crew : IDisposable
{
    private const int PiecesOfAThread = 4;

    private readonly WorkerThreads? _threads;

    /// <summary>Starts the threads.</summary>
    /// <param name="count">How many, the caller's own included; 1 or more.</param>
    public Crew(int count) => (Count, _threads) = (count, count > 1 ? new WorkerThreads(count) : null);

    /// <summary>The caller's thread alone.</summary>
    public static Crew Alone { get; } = new(1);

    /// <summary>How many threads there are, the caller's own included.</summary>
    public int Count { get; }

    /// <summary>Computes all pieces of something, and returns when they are done.</summary>
    /// <param name="pieces">How many there are.</param>
    /// <param name="state">What the work reads: a static function is given it, so that a thread alone allocates nothing.</param>
    /// <param name="work">Computes a piece; it is given its number and that of the thread, 0 to <see cref="Count"/> - 1.</param>
    public void Run<T>(int pieces, T state, Action<T, int, int> work)
    {
        if (_threads is null || pieces == 1)
            for (int piece = 0; piece < pieces; piece++)
                work(state, piece, 0);
        else
            Share(pieces, state, work);
    }

    /// <summary>Computes the rows of a map.</summary>
    /// <param name="to">The map.</param>
    /// <param name="state">As for <see cref="Run"/>.</param>
    /// <param name="work">Computes some rows; it is given them, and the first of their places in the map.</param>
    public void Rows<T>(Map to, T state, Action<T, Map, long> work)
    {
        if (Count == 1 || to.Height == 1)
            work(state, to, 0);
        else
            ShareRows(to, Math.Min(to.Height, PiecesOfAThread * Count), state, work);
    }

    public void Dispose() => _threads?.Dispose();

    private void Share<T>(int pieces, T state, Action<T, int, int> work)
    {
        int taken = -1;
        _threads!.Run(member =>
        {
            while (Interlocked.Increment(ref taken) is var piece && piece < pieces)
                work(state, piece, member);
        });
    }

    private void ShareRows<T>(Map to, int pieces, T state, Action<T, Map, long> work) =>
        Run(pieces, (to, pieces, state, work), static (of, piece, _) =>
        {
            int First(int of, int pieces, int piece) => (int)((long)of * piece / pieces);
            int first = First(of.to.Height, of.pieces, piece), end = First(of.to.Height, of.pieces, piece + 1);
            of.work(of.state, of.to.Rows(first, end - first), (long)first * of.to.Width);
        });
}
