using System.Runtime.InteropServices;

namespace Mezzotint.Engine;

/// <summary>
/// Zeroed memory outside the garbage collector's, aligned to vectors, with room for a few kilobytes to be read past its end.
/// </summary>
internal sealed unsafe class NativeArray<T> : IDisposable
    where T : unmanaged
{
    private const int Alignment = 64, Slack = 8192;

    public NativeArray(long length)
    {
        Length = length;
        nuint bytes = (nuint)(length * sizeof(T)) + Slack;
        Data = (T*)NativeMemory.AlignedAlloc(bytes, Alignment);
        NativeMemory.Clear(Data, bytes);
    }

    ~NativeArray() => NativeMemory.AlignedFree(Data);

    public long Length { get; }

    public T* Data { get; private set; }

    public Span<T> Span => new(Data, checked((int)Length));

    public void Clear() => NativeMemory.Clear(Data, (nuint)(Length * sizeof(T)));

    public void Dispose()
    {
        NativeMemory.AlignedFree(Data);
        Data = null;
        GC.SuppressFinalize(this);
    }
}
