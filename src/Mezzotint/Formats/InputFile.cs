using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;

namespace Mezzotint.Formats;

/// <summary>Opening a file for reading, with the system's refusals as messages for the user.</summary>
/// <remarks>
/// What a path is comes first: opening a pipe waits for a writer, and opening some devices does something. What stands in place
/// of files that were never downloaded is recognised here too, whatever the format. Nothing else opens a file that a user names.
/// </remarks>
public static partial class InputFile
{
    // statx, the same on all of Linux
    private const int WorkingFolder = -100, TypeWanted = 1, StatusLength = 256, ModeOffset = 28;
    private const int TypeBits = 0xF000, RegularFile = 0x8000;
    private const int StartLength = 512;

    /// <summary>Opens <paramref name="path"/>, gives its seekable stream to <paramref name="read"/>, closes it.</summary>
    /// <exception cref="MezzotintException">The file is missing, cannot be read, is no regular file, or holds a git-lfs pointer
    /// or a web page.</exception>
    internal static T Read<T>(string path, Func<Stream, T> read, FileShare share = FileShare.Read | FileShare.Delete)
    {
        using var stream = Open(path, share);
        try
        {
            return read(stream);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw Refused(path, e);
        }
    }

    /// <summary>Opens a file for reading.</summary>
    /// <param name="path">The file.</param>
    /// <param name="share">
    /// What others may do meanwhile: read, and put another file in its place. With <see cref="FileShare.Write"/> for one that
    /// grows.
    /// </param>
    /// <returns>A stream at the beginning, that can seek.</returns>
    /// <exception cref="MezzotintException">The file is missing, cannot be read, is no regular file, or holds a git-lfs pointer
    /// or a web page.</exception>
    public static FileStream Open(string path, FileShare share = FileShare.Read | FileShare.Delete)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        RefuseSpecial(path);
        FileStream? stream = null;
        try
        {
            stream = new FileStream(path, FileMode.Open, FileAccess.Read, share);
            if (!stream.CanSeek)
                throw new MezzotintException($"Cannot read '{path}': it is a pipe or a device; give a regular file.");
            RefuseStandIn(path, stream);
            return stream;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            stream?.Dispose();
            throw Refused(path, e);
        }
        catch
        {
            stream?.Dispose();
            throw;
        }
    }

    /// <summary>Refuses folders, pipes, sockets and devices, without opening them. A path where nothing is passes.</summary>
    /// <exception cref="MezzotintException">It is one of these.</exception>
    /// <param name="path">The path.</param>
    public static void RefuseSpecial(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        string? kind = Directory.Exists(path) ? "a folder" : OperatingSystem.IsLinux() ? SpecialKind(path) : null;
        if (kind is not null)
            throw new MezzotintException($"Cannot read '{path}': it is {kind}; give a regular file.");
    }

    private static MezzotintException Refused(string path, Exception cause) =>
        new($"Cannot read '{path}': {Reason(cause)}", cause);

    /// <summary>Why, without the path: the system's own sentences repeat it.</summary>
    private static string Reason(Exception cause) => cause switch
    {
        FileNotFoundException => "there is no such file.",
        DirectoryNotFoundException => "there is no such folder.",
        UnauthorizedAccessException => "you may not read it.",
        _ => Printable.Line(cause.Message),
    };

    private static string? SpecialKind(string path)
    {
        Span<byte> status = stackalloc byte[StatusLength];
        try
        {
            if (Status(WorkingFolder, path, 0, TypeWanted, ref MemoryMarshal.GetReference(status)) != 0)
                return null; // opening it will say why
        }
        catch (Exception e) when (e is DllNotFoundException or EntryPointNotFoundException)
        {
            return null;
        }
        return (BinaryPrimitives.ReadUInt16LittleEndian(status[ModeOffset..]) & TypeBits) switch
        {
            RegularFile => null,
            0x1000 => "a pipe",
            0x4000 => "a folder",
            0xC000 => "a socket",
            _ => "a device",
        };
    }

    // Neither begins as any format that is read here does.
    private static void RefuseStandIn(string path, FileStream stream)
    {
        Span<byte> start = stackalloc byte[StartLength];
        start = start[..stream.ReadAtLeast(start, StartLength, throwOnEndOfStream: false)];
        stream.Position = 0;
        if (start.StartsWith("version https://git-lfs.github.com/spec/"u8))
            throw new MezzotintException(
                $"Cannot read '{path}': it is a git-lfs pointer, not the file itself; get the file with `git lfs pull`.");
        string text = Encoding.Latin1.GetString(start.StartsWith(Encoding.UTF8.Preamble) ? start[3..] : start).TrimStart();
        if (text.StartsWith("<!doctype html", StringComparison.OrdinalIgnoreCase)
            || text.StartsWith("<html", StringComparison.OrdinalIgnoreCase))
            throw new MezzotintException(
                $"Cannot read '{path}': it is an HTML page, not the file itself; download the file again, from its direct "
                + $"address.");
    }

    [LibraryImport("libc", EntryPoint = "statx", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Status(int folder, string path, int flags, uint wanted, ref byte status);
}
