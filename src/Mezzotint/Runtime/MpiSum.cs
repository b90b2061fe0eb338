namespace Mezzotint.Runtime;

/// <summary>
/// A sum along the chain of processes, and back: process 0 sends its own to process 1, which adds its own and sends that on, and
/// the last one sends the whole back. The vectors travel in pieces, the last one first, so that all links are busy at once; each
/// link carries them once in each direction, as in a ring.
/// </summary>
internal sealed unsafe class MpiSum : RunningSum
{
    /// <summary>Numbers of a piece, 256 KB.</summary>
    private const int Piece = 1 << 16;

    private const int UpTag = 3, DownTag = 4;

    private readonly MpiLibrary _mpi;
    private readonly nint[] _vectors;
    private readonly long _count;
    private readonly bool _bfloat16;
    private readonly float* _sums;         // [count]: running sums on their way up
    private readonly ushort* _up, _down;   // [count]: what travels in bfloat16
    private readonly int _rank, _last;
    private readonly nint[] _coming, _returning; // requests, by piece
    private readonly List<nint> _sent = [];
    private int _added, _back; // pieces that have gone up, and that have come back; the last piece is the first

    /// <summary>Begins it.</summary>
    /// <param name="mpi">MPI.</param>
    /// <param name="place">Of this process.</param>
    /// <param name="vectors">Addresses; see <see cref="Exchange.Sum(ReadOnlySpan{nint}, long, bool)"/>.</param>
    /// <param name="count">Numbers in each.</param>
    /// <param name="bfloat16">Whether they travel rounded.</param>
    /// <param name="sums">Memory for as many numbers.</param>
    /// <param name="up">Memory for as many rounded ones.</param>
    /// <param name="down">Likewise.</param>
    public MpiSum(MpiLibrary mpi, (int Rank, int Size) place, nint[] vectors, long count, bool bfloat16, float* sums, ushort* up,
        ushort* down)
    {
        (_mpi, _vectors, _count, _bfloat16) = (mpi, vectors, count, bfloat16);
        _sums = sums;
        _up = up;
        _down = down;
        (_rank, _last) = (place.Rank, place.Size - 1);
        int pieces = checked((int)((count + Piece - 1) / Piece));
        (_coming, _returning) = (new nint[pieces], new nint[pieces]);
        for (int i = 0; i < pieces && _rank > 0; i++)
            _coming[i] = BeginReceive(_sums, _up, i, _rank - 1, UpTag);
    }

    private float* Total => (float*)_vectors[0];

    public override void Advance(long final)
    {
        while (_added < _coming.Length && Start(_added) >= final && (_rank == 0 || HasCome(ref _coming[_added])))
            Add(_added++);
        while (_rank < _last && _back < _added && HasCome(ref _returning[_back]))
            TakeBack(_back++);
    }

    public override void Complete()
    {
        while (_added < _coming.Length)
        {
            if (_rank > 0)
                Wait(ref _coming[_added]);
            Add(_added++);
        }
        while (_rank < _last && _back < _added)
        {
            Wait(ref _returning[_back]);
            TakeBack(_back++);
        }
        for (int i = 0; i < _sent.Count; i++)
        {
            nint request = _sent[i];
            Wait(ref request);
        }
        _sent.Clear();
    }

    /// <summary>Adds the vectors of this process to a piece, and sends it on, or back from the last process.</summary>
    private void Add(int piece)
    {
        long start = Start(piece);
        int length = Length(piece);
        if (_rank == 0)
            new Span<float>(Total + start, length).CopyTo(new(_sums + start, length));
        else if (_bfloat16)
            ToSingle(_up + start, _sums + start, length);
        foreach (nint vector in _vectors.AsSpan(_rank == 0 ? 1 : 0))
            Exchange.Take(_sums + start, (float*)vector + start, length);
        if (_bfloat16)
            ToBfloat16(_sums + start, _up + start, length);
        if (_rank < _last)
        {
            _returning[piece] = BeginReceive(Total, _down, piece, _rank + 1, DownTag); // nobody else touches Total any more
            _sent.Add(BeginSend(_sums, _up, piece, _rank + 1, UpTag));
            return;
        }
        if (_bfloat16) // what the others will see
            ToSingle(_up + start, _sums + start, length);
        new Span<float>(_sums + start, length).CopyTo(new(Total + start, length));
        if (_rank > 0)
            _sent.Add(BeginSend(Total, _up, piece, _rank - 1, DownTag));
    }

    /// <summary>Takes a piece of the whole sum, and sends it on.</summary>
    private void TakeBack(int piece)
    {
        long start = Start(piece);
        if (_bfloat16)
            ToSingle(_down + start, Total + start, Length(piece));
        if (_rank > 0)
            _sent.Add(BeginSend(Total, _down, piece, _rank - 1, DownTag));
    }

    /// <summary>Where a piece begins. The pieces before the last one to travel are whole ones.</summary>
    private long Start(int piece) => Math.Max(0, _count - (piece + 1L) * Piece);

    private int Length(int piece) => (int)(_count - (long)piece * Piece - Start(piece));

    private bool HasCome(ref nint request)
    {
        int come = 0;
        fixed (nint* address = &request)
            _ = _mpi.Test(address, &come, _mpi.NoStatus);
        return come != 0;
    }

    private void Wait(ref nint request)
    {
        fixed (nint* address = &request)
            _ = _mpi.Wait(address, _mpi.NoStatus);
    }

    private nint BeginReceive(float* numbers, ushort* halves, int piece, int from, int tag)
    {
        nint request = 0;
        var (where, bytes) = Place(numbers, halves, piece);
        _ = _mpi.BeginReceive((void*)where, bytes, _mpi.Bytes, from, tag, _mpi.World, &request);
        return request;
    }

    private nint BeginSend(float* numbers, ushort* halves, int piece, int to, int tag)
    {
        nint request = 0;
        var (where, bytes) = Place(numbers, halves, piece);
        _ = _mpi.BeginSend((void*)where, bytes, _mpi.Bytes, to, tag, _mpi.World, &request);
        return request;
    }

    private (nint Where, int Bytes) Place(float* numbers, ushort* halves, int piece) => _bfloat16
        ? ((nint)(halves + Start(piece)), Length(piece) * sizeof(ushort))
        : ((nint)(numbers + Start(piece)), Length(piece) * sizeof(float));

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
