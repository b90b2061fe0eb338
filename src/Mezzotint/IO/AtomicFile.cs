using System.Runtime.InteropServices;
using System.Text;

namespace Mezzotint.IO;

/// <summary>Files that are either the old ones or the new ones, whole, whenever the program or the machine stops.</summary>
/// <remarks>
/// The steps are those of POSIX: write a temporary file in the same folder, fsync it, rename it over the target, fsync the
/// folder. A rename within a file system is atomic; without the first fsync the name could outlive the contents, without the
/// second one the old name could come back. A process that is killed midway leaves its temporary file, and nothing else.
/// </remarks>
public static partial class AtomicFile
{
    /// <summary>The names of temporary files begin with this; one that is left over from a killed process may be deleted.</summary>
    public const string TemporaryPrefix = ".mezzotint-";

    /// <summary>Makes or replaces a file by what <paramref name="write"/> writes.</summary>
    /// <param name="path">The file; its folder exists. A symbolic link is replaced, not followed.</param>
    /// <param name="write">Writes the contents to a seekable stream, which it may close. What it throws passes through, and
    /// the old file stays.</param>
    /// <exception cref="MezzotintException">The file system refuses (permissions, space, a missing folder).</exception>
    public static void Write(string path, Action<Stream> write)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        ArgumentNullException.ThrowIfNull(write);
        string target = Path.GetFullPath(path);
        string folder = Path.GetDirectoryName(target) ?? throw new ArgumentException($"'{path}' is not the name of a file.", nameof(path));
        string temporary = Path.Combine(folder, $"{TemporaryPrefix}{Guid.NewGuid():N}.tmp");
        bool renamed = false;
        try
        {
            using (var stream = new FileStream(temporary, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.None))
            {
                write(stream);
                if (stream.CanWrite)
                    stream.Flush(flushToDisk: true);
            }
            // Where the writer closed the stream itself, the contents were not synced above.
            using (var handle = File.OpenHandle(temporary, FileMode.Open, FileAccess.Write))
                RandomAccess.FlushToDisk(handle);
            File.Move(temporary, target, overwrite: true);
            renamed = true;
            SyncFolder(folder);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new MezzotintException($"Cannot write '{path}': {Printable.Line(e.Message)}", e);
        }
        finally
        {
            if (!renamed)
                Remove(temporary);
        }
    }

    /// <summary>Makes or replaces a text file (UTF-8, no byte order mark).</summary>
    /// <param name="path">The file; its folder exists.</param>
    /// <param name="text">The contents.</param>
    /// <exception cref="MezzotintException">The file system refuses.</exception>
    public static void WriteText(string path, string text)
    {
        byte[] bytes = new UTF8Encoding(encoderShouldEmitUTF8Identifier: false).GetBytes(text);
        Write(path, stream => stream.Write(bytes));
    }

    private static void Remove(string temporary)
    {
        try
        {
            File.Delete(temporary);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // The failure that led here is the one to report.
        }
    }

    // .NET opens no folders, so this goes to the C library. File systems that cannot sync a folder say so; nothing is lost then
    // but the certainty that the rename is on the disk.
    private static void SyncFolder(string folder)
    {
        if (OperatingSystem.IsWindows())
            return;
        try
        {
            int descriptor = Open(folder, 0);
            if (descriptor < 0)
                return;
            _ = FileSync(descriptor);
            _ = Close(descriptor);
        }
        catch (Exception e) when (e is DllNotFoundException or EntryPointNotFoundException)
        {
        }
    }

    [LibraryImport("libc", EntryPoint = "open", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "fsync")]
    private static partial int FileSync(int descriptor);

    [LibraryImport("libc", EntryPoint = "close")]
    private static partial int Close(int descriptor);
}
