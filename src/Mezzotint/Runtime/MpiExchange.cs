using System.Runtime.InteropServices;

namespace Mezzotint.Runtime;

/// <summary>An exchange over MPI.</summary>
/// <remarks>
/// Sums go along the chain of processes, and back: see <see cref="MpiSum"/>. MPI_Allreduce may add in any order, so its bits
/// depend on the number of processes. Errors of MPI itself end the job, as MPI does unless told otherwise.
/// </remarks>
internal sealed unsafe class MpiExchange : Exchange
{
    /// <summary>Bytes of a piece of what is sent.</summary>
    private const int BytePiece = 1 << 26;

    private const int OrderTag = 1, GatherTag = 2; // MpiSum has 3 and 4

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

    public override RunningSum BeginSum(ReadOnlySpan<nint> vectors, long count, bool bfloat16 = false)
    {
        MakeRoom(count);
        return new MpiSum(_mpi, (Rank, Size), vectors.ToArray(), count, bfloat16, _sums, _travelling, _travelling + _length);
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
}
