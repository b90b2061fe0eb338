using System.Buffers;
using System.IO.MemoryMappedFiles;
using System.Runtime.InteropServices;

namespace Mezzotint.Formats;

/// <summary>
/// A file in memory that the system fills as it is looked at, and shares among all who look: nothing of it is copied. What
/// <see cref="Bytes"/> gave ends with it.
/// </summary>
internal sealed unsafe partial class MappedFile : IDisposable
{
    private readonly MemoryMappedFile? _file;
    private readonly MemoryMappedViewAccessor? _view;
    private byte* _start; // null of an empty file, and after the end

    private MappedFile(FileStream stream)
    {
        (Stream, Length) = (stream, stream.Length);
        if (Length == 0)
            return; // the system maps no empty file
        _file = MemoryMappedFile.CreateFromFile(
            stream, mapName: null, Length, MemoryMappedFileAccess.Read, HandleInheritability.None, leaveOpen: true);
        _view = _file.CreateViewAccessor(0, Length, MemoryMappedFileAccess.Read);
        _view.SafeMemoryMappedViewHandle.AcquirePointer(ref _start);
    }

    /// <summary>The same file, to be read.</summary>
    public FileStream Stream { get; }

    /// <summary>Bytes of the file when it was opened.</summary>
    public long Length { get; }

    /// <summary>Opens a file.</summary>
    /// <exception cref="MezzotintException">As <see cref="InputFile.Open"/>; or the system cannot map it.</exception>
    public static MappedFile Open(string path)
    {
        var stream = InputFile.Open(path);
        try
        {
            return new(stream);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or OutOfMemoryException)
        {
            stream.Dispose();
            throw new MezzotintException($"Cannot read '{path}': {Printable.Line(e.Message)}", e);
        }
    }

    /// <summary>Bytes of the file, where they lie.</summary>
    /// <param name="start">The first.</param>
    /// <param name="length">How many.</param>
    public ReadOnlyMemory<byte> Bytes(long start, int length)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(start);
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(start, Length - length);
        return length == 0 ? default : new Part(this, start, length).Memory;
    }

    /// <summary>Lets the system take back what it read of a file's bytes, where they are of one: looked at again, they are read
    /// again. A process that copies a file has its bytes in memory once.</summary>
    /// <param name="bytes">As <see cref="Bytes"/> gave them; any others are left alone.</param>
    public static void Forget(ReadOnlyMemory<byte> bytes)
    {
        if (!OperatingSystem.IsLinux()
            || !MemoryMarshal.TryGetMemoryManager<byte, Part>(bytes, out var part, out int start, out int length))
            return;
        nint page = Environment.SystemPageSize, first = part.Address + start;
        nint from = (first + page - 1) / page * page, to = (first + length) / page * page; // whole pages
        if (to > from)
            _ = Advise(from, to - from, DoNotNeed);
    }

    private const int DoNotNeed = 4; // MADV_DONTNEED

    [LibraryImport("libc", EntryPoint = "madvise"), DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int Advise(nint address, nint length, int advice);

    public void Dispose()
    {
        if (_start is not null)
            _view!.SafeMemoryMappedViewHandle.ReleasePointer();
        _start = null;
        _view?.Dispose();
        _file?.Dispose();
        Stream.Dispose();
    }

    private sealed class Part(MappedFile file, long start, int length) : MemoryManager<byte>
    {
        public nint Address => (nint)(file._start + start);

        public override Span<byte> GetSpan() =>
            file._start is null ? throw new ObjectDisposedException(nameof(MappedFile)) : new(file._start + start, length);

        public override MemoryHandle Pin(int elementIndex = 0) => new(file._start + start + elementIndex);

        public override void Unpin()
        {
        }

        protected override void Dispose(bool disposing)
        {
        }
    }
}
