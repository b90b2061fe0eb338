using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;

namespace Mezzotint.Runtime;

/// <summary>
/// What several processes of one job send each other: a training, or a drawing, that is shared out over processes and machines.
/// One process is its own exchange, <see cref="Alone"/>; <see cref="OfProcess"/> is that of a program under <c>mpirun</c>.
/// </summary>
/// <remarks>
/// All processes make the same calls in the same order, one at a time. The others wait for process 0 first: it begins a job with
/// <see cref="Order"/>, so that it alone meets what can be refused. An exchange cannot go on without one of its processes: where
/// one fails, <see cref="Abort"/> ends all.
/// </remarks>
public abstract class Exchange : IDisposable
{
    /// <summary>Of a process that works alone.</summary>
    public static Exchange Alone { get; } = new OneProcess();

    /// <summary>The number of this process, from 0.</summary>
    public abstract int Rank { get; }

    /// <summary>How many processes there are.</summary>
    public abstract int Size { get; }

    /// <summary>How many of them run on this machine; 1 or more.</summary>
    public virtual int SizeHere => 1;

    /// <summary>The number of this process among those on this machine, from 0.</summary>
    public virtual int RankHere => 0;

    /// <summary>Whether it is process 0, which owns all files and tells what there is to tell.</summary>
    public bool IsFirst => Rank == 0;

    /// <summary>Whether there is no other process.</summary>
    public bool IsAlone => Size == 1;

    /// <summary>Whether an <c>mpirun</c> has started this process as one of several.</summary>
    public static bool IsStartedByMpirun => MpiJob.OfEnvironment() is not null;

    /// <summary>The exchange of this program: over MPI where an <c>mpirun</c> of Open MPI, MPICH or MS-MPI has started it, else
    /// <see cref="Alone"/>, and nothing of MPI is loaded. To be called once, and disposed at the end of the program.</summary>
    /// <exception cref="MezzotintException">The library of that MPI does not load, or belongs to another one.</exception>
    public static Exchange OfProcess() => MpiJob.OfEnvironment() is { } job ? MpiExchange.Join(job) : Alone;

    /// <summary>At process 0: tells the others what to do next. They are in <see cref="Await"/>.</summary>
    /// <param name="order">Any number but 0, which <see cref="Dispose()"/> sends.</param>
    public abstract void Order(int order);

    /// <summary>At the other processes: waits for what process 0 wants next, without keeping a core busy.</summary>
    /// <returns>The number; 0 at the end of the job.</returns>
    public abstract int Await();

    /// <summary>Waits for all processes.</summary>
    public abstract void Barrier();

    /// <summary>Takes the bytes of process 0 to all.</summary>
    /// <param name="bytes">What process 0 has, and where the others get it: equally long everywhere.</param>
    public abstract void Broadcast(Span<byte> bytes);

    /// <summary>Takes the bytes of all processes to process 0.</summary>
    /// <param name="own">Those of this one, of any length.</param>
    /// <returns>At process 0 those of each, in the order of their numbers; elsewhere nothing.</returns>
    public abstract IReadOnlyList<byte[]> Gather(ReadOnlySpan<byte> own);

    /// <summary>
    /// Adds up the vectors of all processes, in the order of processes and of each one's vectors, as one process would that had
    /// all of them: ((v0 + v1) + v2) + ... to the bit.
    /// </summary>
    /// <param name="vectors">The addresses of this process's vectors, one or more. The first receives the sum, the others become
    /// 0.</param>
    /// <param name="count">Numbers in each; the same everywhere.</param>
    /// <param name="bfloat16">Whether the running sum travels rounded to bfloat16: half of the bytes, and a rounding a
    /// process. All processes get the same numbers.</param>
    public void Sum(ReadOnlySpan<nint> vectors, long count, bool bfloat16 = false) =>
        BeginSum(vectors, count, bfloat16).Complete();

    /// <summary>Begins such a sum, while the vectors are not final yet.</summary>
    /// <param name="vectors">As <see cref="Sum(ReadOnlySpan{nint}, long, bool)"/> has it.</param>
    /// <param name="count">Likewise.</param>
    /// <param name="bfloat16">Likewise.</param>
    public abstract RunningSum BeginSum(ReadOnlySpan<nint> vectors, long count, bool bfloat16 = false);

    /// <summary>Ends all processes at once: this one has failed, and has told so.</summary>
    /// <param name="code">The exit code.</param>
    public abstract void Abort(int code);

    /// <summary>Leaves the job; at process 0 it is over then for all.</summary>
    public void Dispose()
    {
        Dispose(disposing: true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Leaves the job.</summary>
    /// <param name="disposing">True.</param>
    protected virtual void Dispose(bool disposing) { }

    /// <summary>Takes a number of process 0 to all.</summary>
    public T Broadcast<T>(T value)
        where T : unmanaged
    {
        var one = new Span<T>(ref value);
        Broadcast(MemoryMarshal.AsBytes(one));
        return value;
    }

    /// <summary>Takes a text of process 0 to all.</summary>
    /// <param name="text">The text of process 0; what the others give is not looked at.</param>
    public string Broadcast(string? text)
    {
        byte[] bytes = IsFirst ? Encoding.UTF8.GetBytes(text ?? "") : [];
        int length = Broadcast(bytes.Length);
        if (!IsFirst)
            bytes = new byte[length];
        Broadcast(bytes.AsSpan());
        return Encoding.UTF8.GetString(bytes);
    }

    /// <summary>Takes the bytes of all processes to all, one behind the other in the order of processes.</summary>
    /// <param name="own">Those of this one, of any length.</param>
    /// <param name="all">Receives them; as long as they are together.</param>
    public void GatherToAll(ReadOnlySpan<byte> own, Span<byte> all)
    {
        int start = 0;
        foreach (byte[] part in Gather(own))
        {
            part.CopyTo(all[start..]);
            start += part.Length;
        }
        Broadcast(all);
    }

    /// <summary>Adds up numbers of all processes; each gets the sum.</summary>
    /// <param name="numbers">Those of this process, and then the sum.</param>
    public unsafe void Sum(Span<float> numbers)
    {
        fixed (float* address = numbers)
            Sum([(nint)address], numbers.Length);
    }

    /// <summary>Does something at process 0 first and then at the others, so that what it keeps in files is there for
    /// them.</summary>
    public T InTurn<T>(Func<T> work)
    {
        ArgumentNullException.ThrowIfNull(work);
        if (!IsFirst)
            Barrier();
        var done = work();
        if (IsFirst)
            Barrier();
        return done;
    }

    /// <summary>The part of this process of so many things: they are shared out in runs that differ by one at most.</summary>
    public (int Start, int Count) PartOf(int count)
    {
        int start = (int)((long)count * Rank / Size);
        return (start, (int)((long)count * (Rank + 1) / Size) - start);
    }

    /// <summary>a += b, and b = 0.</summary>
    internal static unsafe void Take(float* a, float* b, long count)
    {
        long i = 0;
        for (; i + Vector<float>.Count <= count; i += Vector<float>.Count)
        {
            (Vector.Load(a + i) + Vector.Load(b + i)).Store(a + i);
            Vector<float>.Zero.Store(b + i);
        }
        for (; i < count; i++)
        {
            a[i] += b[i];
            b[i] = 0;
        }
    }

    private sealed class OneProcess : Exchange
    {
        public override int Rank => 0;

        public override int Size => 1;

        public override void Order(int order) { }

        public override int Await() => 0;

        public override void Barrier() { }

        public override void Broadcast(Span<byte> bytes) { }

        public override IReadOnlyList<byte[]> Gather(ReadOnlySpan<byte> own) => [own.ToArray()];

        public override RunningSum BeginSum(ReadOnlySpan<nint> vectors, long count, bool bfloat16 = false) =>
            new OwnSum(vectors.ToArray(), count);

        public override void Abort(int code) => Environment.Exit(code);
    }

    private sealed class OwnSum(nint[] vectors, long count) : RunningSum
    {
        public override void Advance(long final) { }

        public override unsafe void Complete()
        {
            foreach (nint other in vectors.Skip(1))
                Take((float*)vectors[0], (float*)other, count);
        }
    }
}
