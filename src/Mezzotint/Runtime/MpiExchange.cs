using System.Runtime.InteropServices;

namespace Mezzotint.Runtime;

/// <summary>An exchange over MPI.</summary>
/// <remarks>
/// Sums go along the chain of processes, and back: process 0 sends its own to process 1, which adds its own and sends that on,
/// and the last one sends the whole back. MPI_Allreduce may add in any order, so its bits depend on the number of processes.
/// The vectors travel in pieces, so that all links are busy at once, and each carries them once in each direction, as in a ring.
/// Errors of MPI itself end the job, as MPI does unless told otherwise.
/// </remarks>
internal sealed unsafe class MpiExchange : Exchange
{
    /// <summary>Numbers of a piece of a sum, 256 KB; bytes of a piece of what else is sent.</summary>
    private const int SumPiece = 1 << 16, BytePiece = 1 << 26;

    private const int OrderTag = 1, GatherTag = 2, UpTag = 3, DownTag = 4;

    /// <summary>Asked so often for an order without a pause; then there is one of a millisecond between two questions.</summary>
    private const int EagerQuestions = 2000;

    private readonly MpiLibrary _mpi;
    private readonly MpiJob _job;
    private float* _sums;       // [_length]: running sums on their way up
    private ushort* _travelling; // [2 _length]: what is sent and received in bfloat16
    private long _length;
    private bool _ended;

    private MpiExchange(MpiLibrary mpi, MpiJob job, int rank, int size) => (_mpi, _job, Rank, Size) = (mpi, job, rank, size);

    public override int Rank { get; }

    public override int Size { get; }

    public override int SizeHere => _job.SizeHere;

    public override int RankHere => _job.RankHere;

    /// <summary>Joins the job.</summary>
    /// <exception cref="MezzotintException">The library does not load, or is not that of the job.</exception>
    public static MpiExchange Join(MpiJob job)
    {
        var mpi = MpiLibrary.Load(job.Kind);
        // Open MPI would take over the signals that .NET makes its own exceptions of.
        NativeEnvironment.Set("OMPI_MCA_opal_signal", "6");
        int given, rank, size;
        _ = mpi.InitThread(0, 0, MpiLibrary.Serialized, &given);
        _ = mpi.Rank(mpi.World, &rank);
        _ = mpi.Size(mpi.World, &size);
        if (size != job.Size)
            throw new MezzotintException(
                $"mpirun has started {job.Size} processes, and {mpi} knows of {size}: it belongs to another MPI. Start with the "
                + $"mpirun of the MPI that {mpi} is of.");
        if (given < MpiLibrary.Serialized)
            throw new MezzotintException($"{mpi} was built without threads: take one that has MPI_THREAD_SERIALIZED.");
        return new(mpi, job, rank, size);
    }

    public override void Order(int order)
    {
        for (int other = 1; other < Size; other++)
            _ = _mpi.Send(&order, sizeof(int), _mpi.Bytes, other, OrderTag, _mpi.World);
    }

    public override int Await()
    {
        int order = 0, arrived = 0, questions = 0;
        nint request = 0;
        _ = _mpi.BeginReceive(&order, sizeof(int), _mpi.Bytes, 0, OrderTag, _mpi.World, &request);
        while (true)
        {
            _ = _mpi.Test(&request, &arrived, _mpi.NoStatus);
            if (arrived != 0)
            {
                _ended |= order == 0;
                return order;
            }
            if (++questions > EagerQuestions)
                Thread.Sleep(1);
            else
                Thread.Yield();
        }
    }

    public override void Barrier() => _ = _mpi.Barrier(_mpi.World);

    public override void Broadcast(Span<byte> bytes)
    {
        fixed (byte* start = bytes)
            for (int done = 0; done < bytes.Length; done += BytePiece)
                _ = _mpi.Broadcast(start + done, Math.Min(BytePiece, bytes.Length - done), _mpi.Bytes, 0, _mpi.World);
    }

    public override IReadOnlyList<byte[]> Gather(ReadOnlySpan<byte> own)
    {
        if (!IsFirst)
        {
            int length = own.Length;
            _ = _mpi.Send(&length, sizeof(int), _mpi.Bytes, 0, GatherTag, _mpi.World);
            fixed (byte* start = own)
                for (int done = 0; done < length; done += BytePiece)
                    _ = _mpi.Send(
                        start + done, Math.Min(BytePiece, length - done), _mpi.Bytes, 0, GatherTag, _mpi.World);
            return [];
        }
        var all = new byte[Size][];
        all[0] = own.ToArray();
        for (int other = 1; other < Size; other++)
        {
            int length;
            _ = _mpi.Receive(&length, sizeof(int), _mpi.Bytes, other, GatherTag, _mpi.World, _mpi.NoStatus);
            all[other] = new byte[length];
            fixed (byte* start = all[other])
                for (int done = 0; done < length; done += BytePiece)
                    _ = _mpi.Receive(start + done, Math.Min(BytePiece, length - done), _mpi.Bytes, other, GatherTag, _mpi.World,
                        _mpi.NoStatus);
        }
        return all;
    }

    public override void Sum(ReadOnlySpan<nint> vectors, long count, bool bfloat16 = false)
    {
        MakeRoom(count);
        int pieces = checked((int)((count + SumPiece - 1) / SumPiece));
        var (returning, sent) = (new nint[pieces], new List<nint>(2 * pieces));
        float* total = (float*)vectors[0];
        ushort* down = _travelling + _length;
        bool first = Rank == 0, last = Rank == Size - 1;
        fixed (nint* coming = returning)
        {
            for (int piece = 0; piece < pieces; piece++)
            {
                long start = (long)piece * SumPiece;
                int length = (int)Math.Min(SumPiece, count - start);
                if (first)
                    new Span<float>(total + start, length).CopyTo(new(_sums + start, length));
                else
                    Receive(_sums + start, _travelling + start, length, bfloat16);
                for (int i = first ? 1 : 0; i < vectors.Length; i++)
                    Take(_sums + start, (float*)vectors[i] + start, length);
                if (bfloat16)
                    ToBfloat16(_sums + start, _travelling + start, length);
                if (!last)
                {
                    BeginReceive(total + start, down + start, length, Rank + 1, bfloat16, coming + piece);
                    sent.Add(BeginSend(_sums + start, _travelling + start, length, Rank + 1, UpTag, bfloat16));
                    continue;
                }
                if (bfloat16) // what the others will see
                    ToSingle(_travelling + start, _sums + start, length);
                new Span<float>(_sums + start, length).CopyTo(new(total + start, length));
                sent.Add(BeginSend(total + start, _travelling + start, length, Rank - 1, DownTag, bfloat16));
            }
            for (int piece = 0; piece < pieces && !last; piece++)
            {
                long start = (long)piece * SumPiece;
                int length = (int)Math.Min(SumPiece, count - start);
                _ = _mpi.Wait(coming + piece, _mpi.NoStatus);
                if (bfloat16)
                    ToSingle(down + start, total + start, length);
                if (!first)
                    sent.Add(BeginSend(total + start, down + start, length, Rank - 1, DownTag, bfloat16));
            }
        }
        foreach (nint sending in sent)
        {
            nint request = sending;
            _ = _mpi.Wait(&request, _mpi.NoStatus);
        }
    }

    public override void Abort(int code)
    {
        _ended = true;
        _ = _mpi.Abort(_mpi.World, code);
    }

    protected override void Dispose(bool disposing)
    {
        if (!_ended && IsFirst)
            Order(0);
        _ended = true;
        NativeMemory.Free(_sums);
        NativeMemory.Free(_travelling);
        _ = _mpi.Finish();
        base.Dispose(disposing);
    }

    private void MakeRoom(long count)
    {
        if (count <= _length)
            return;
        NativeMemory.Free(_sums);
        NativeMemory.Free(_travelling);
        _sums = (float*)NativeMemory.Alloc((nuint)count, sizeof(float));
        _travelling = (ushort*)NativeMemory.Alloc(2 * (nuint)count, sizeof(ushort));
        _length = count;
    }

    /// <summary>The running sum of the processes before this one.</summary>
    private void Receive(float* numbers, ushort* halves, int length, bool bfloat16)
    {
        void* where = bfloat16 ? halves : numbers;
        _ = _mpi.Receive(
            where, BytesOf(length, bfloat16), _mpi.Bytes, Rank - 1, UpTag, _mpi.World, _mpi.NoStatus);
        if (bfloat16)
            ToSingle(halves, numbers, length);
    }

    private void BeginReceive(float* numbers, ushort* halves, int length, int from, bool bfloat16, nint* request)
    {
        void* where = bfloat16 ? halves : numbers;
        _ = _mpi.BeginReceive(where, BytesOf(length, bfloat16), _mpi.Bytes, from, DownTag, _mpi.World, request);
    }

    private nint BeginSend(float* numbers, ushort* halves, int length, int to, int tag, bool bfloat16)
    {
        nint request = 0;
        void* where = bfloat16 ? halves : numbers;
        _ = _mpi.BeginSend(where, BytesOf(length, bfloat16), _mpi.Bytes, to, tag, _mpi.World, &request);
        return request;
    }

    private static int BytesOf(int count, bool bfloat16) => count * (bfloat16 ? sizeof(ushort) : sizeof(float));

    private static void ToBfloat16(float* numbers, ushort* halves, int length)
    {
        for (int i = 0; i < length; i++)
            halves[i] = Bfloat16.Round(numbers[i]);
    }

    private static void ToSingle(ushort* halves, float* numbers, int length)
    {
        for (int i = 0; i < length; i++)
            numbers[i] = Bfloat16.ToSingle(halves[i]);
    }
}
