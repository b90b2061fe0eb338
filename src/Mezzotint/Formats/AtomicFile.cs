using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;

namespace Mezzotint.Formats;

/// <summary>Files that are either the old ones or the new ones, whole, whenever the program or the machine stops.</summary>
/// <remarks>
/// The steps are those of POSIX: write a temporary file in the same folder, fsync it, rename it over the target, fsync the
/// folder. A rename within a file system is atomic; without the first fsync the name could outlive the contents, without the
/// second one the old name could come back. A process that is killed midway leaves its temporary file, and nothing else; the next
/// process that writes into the folder removes it.
/// </remarks>
public static partial class AtomicFile
{
    /// <summary>The names of temporary files begin with this; one that is left over from a killed process may be
    /// deleted.</summary>
    public const string TemporaryPrefix = ".mezzotint-";

    /// <summary>Files of a process on another machine are left alone for so long.</summary>
    private static readonly TimeSpan LongestWrite = TimeSpan.FromDays(1);

    private const int SharingViolation = 32; // ERROR_SHARING_VIOLATION

    /// <summary>In milliseconds; all waits together are twice as long.</summary>
    private const int LongestWait = 1500;

    /// <summary>The folders that this process has swept.</summary>
    internal static readonly ConcurrentDictionary<string, bool> Swept = new(StringComparer.Ordinal);

    /// <summary>For tests, which end the process there. It is called before each step of a writer: <c>write</c>, <c>append</c>,
    /// <c>fsync</c>, <c>rename</c>, <c>fsync folder</c> or <c>remove</c>, with the file or folder that the step is
    /// about.</summary>
    internal static Action<string, string>? BeforeStep;

    /// <summary>Makes or replaces a file by what <paramref name="write"/> writes.</summary>
    /// <param name="path">The file; its folder exists. A symbolic link is replaced, not followed.</param>
    /// <param name="write">Writes the contents to a seekable stream, which it may close. What it throws passes through, and
    /// the old file stays.</param>
    /// <exception cref="MezzotintException">The file system refuses (permissions, space, a missing folder).</exception>
    public static void Write(string path, Action<Stream> write)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        ArgumentNullException.ThrowIfNull(write);
        string temporary = "";
        bool renamed = false;
        try
        {
            string target = Path.GetFullPath(path), folder = FolderOf(path);
            temporary = Path.Combine(folder, TemporaryName());
            SweepOnce(folder);
            using (var stream = new FileStream(temporary, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.None))
            {
                BeforeStep?.Invoke("write", target);
                write(stream);
                BeforeStep?.Invoke("fsync", target);
                if (stream.CanWrite)
                    stream.Flush(flushToDisk: true);
            }
            // Where the writer closed the stream itself, the contents were not synced above.
            using (var handle = File.OpenHandle(temporary, FileMode.Open, FileAccess.Write))
                RandomAccess.FlushToDisk(handle);
            BeforeStep?.Invoke("rename", target);
            Replace(temporary, target);
            renamed = true;
            BeforeStep?.Invoke("fsync folder", target);
            SyncFolder(folder);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new MezzotintException($"Cannot write '{path}': {Printable.Line(e.Message)}", e);
        }
        finally
        {
            if (!renamed && temporary.Length > 0)
                Remove(temporary);
        }
    }

    private static string FolderOf(string path)
    {
        PortableName.Check(path);
        return Path.GetDirectoryName(Path.GetFullPath(path))
            ?? throw new ArgumentException($"'{path}' is not the name of a file.", nameof(path));
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

    /// <summary>Adds to a text file (UTF-8). A process that is killed meanwhile may leave a part of it.</summary>
    /// <param name="path">The file; its folder exists.</param>
    /// <param name="text">What is added.</param>
    /// <exception cref="MezzotintException">The file system refuses.</exception>
    internal static void Append(string path, string text)
    {
        try
        {
            BeforeStep?.Invoke("append", Path.GetFullPath(path));
            Patiently(() => File.AppendAllText(path, text, new UTF8Encoding(encoderShouldEmitUTF8Identifier: false)));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new MezzotintException($"Cannot write '{path}': {Printable.Line(e.Message)}", e);
        }
    }

    /// <summary>Makes a folder where it is not there, removes what killed processes left in it, and checks that files can be made
    /// there. It is called before the work whose result is to go there.</summary>
    /// <param name="folder">The folder.</param>
    /// <exception cref="IOException">They cannot.</exception>
    /// <exception cref="UnauthorizedAccessException">They may not.</exception>
    public static void Probe(string folder)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        PortableName.Check(folder);
        Directory.CreateDirectory(folder);
        SweepOnce(folder);
        string probe = Path.Combine(folder, TemporaryName());
        File.WriteAllBytes(probe, []);
        File.Delete(probe);
    }

    /// <summary>The same for the folder of a file.</summary>
    /// <param name="path">The file; it need not exist.</param>
    /// <exception cref="IOException">Files cannot be made there, or Windows has no such name.</exception>
    /// <exception cref="UnauthorizedAccessException">They may not be made.</exception>
    public static void ProbeFile(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        Probe(FolderOf(path));
    }

    /// <summary>Renames a file over another.</summary>
    internal static void Replace(string from, string to) => Patiently(() => File.Move(from, to, overwrite: true));

    /// <summary>
    /// Takes a step that Windows refuses while another process has the file or folder open. Readers and virus scanners, which do
    /// that, soon close it; other systems do not mind.
    /// </summary>
    internal static void Patiently(Action step)
    {
        for (int wait = 10; ; wait *= 2)
        {
            try
            {
                step();
                return;
            }
            catch (Exception e) when (OperatingSystem.IsWindows() && wait < LongestWait && IsHeld(e))
            {
                Thread.Sleep(wait);
            }
        }
    }

    private static bool IsHeld(Exception refused) =>
        refused is UnauthorizedAccessException || (refused is IOException && (refused.HResult & 0xFFFF) == SharingViolation);

    /// <summary>A name for a temporary file or folder of this process.</summary>
    public static string TemporaryName() =>
        string.Create(CultureInfo.InvariantCulture, $"{TemporaryPrefix}{Machine}-{Environment.ProcessId}-{Guid.NewGuid():N}.tmp");

    /// <summary>Removes what processes that are no more have left in a folder; folders below it are not looked into.</summary>
    /// <param name="folder">The folder; it need not exist.</param>
    internal static void Sweep(string folder)
    {
        if (!Directory.Exists(folder))
            return;
        foreach (var entry in new DirectoryInfo(folder).EnumerateFileSystemInfos(TemporaryPrefix + "*"))
        {
            if (!IsLeftOver(entry))
                continue;
            if (entry is DirectoryInfo)
                RemoveFolder(entry.FullName);
            else
                Remove(entry.FullName);
        }
    }

    /// <summary>Sweeps a folder the first time that this process writes into it.</summary>
    internal static void SweepOnce(string folder)
    {
        if (Swept.TryAdd(Path.GetFullPath(folder), true))
            Sweep(folder);
    }

    internal static void RemoveFolder(string folder)
    {
        try
        {
            if (Directory.Exists(folder))
                Directory.Delete(folder, recursive: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // The failure that led here is the one to report.
        }
    }

    /// <summary>Containers that share a folder have process numbers of their own.</summary>
    private static string Machine { get; } = Convert.ToHexStringLower(
        SHA256.HashData(Encoding.UTF8.GetBytes(Environment.MachineName)).AsSpan(0, 4));

    private static bool IsLeftOver(FileSystemInfo entry)
    {
        if (OwnName().Match(entry.Name) is not { Success: true } name)
            return false;
        if (name.Groups["machine"].Value != Machine
            || !int.TryParse(name.Groups["process"].ValueSpan, CultureInfo.InvariantCulture, out int process))
            return DateTime.UtcNow - entry.LastWriteTimeUtc > LongestWrite;
        return process != Environment.ProcessId && !IsAlive(process);
    }

    private static bool IsAlive(int process)
    {
        try
        {
            using var found = Process.GetProcessById(process);
            return !found.HasExited;
        }
        catch (ArgumentException)
        {
            return false;
        }
        catch (Exception e) when (e is InvalidOperationException or System.ComponentModel.Win32Exception)
        {
            return true; // it cannot be asked
        }
    }

    // Before there were a machine and a process in the name, it was a number alone.
    [GeneratedRegex(
        "^\\.mezzotint-((?<machine>[0-9a-f]{8})-(?<process>[0-9]+)-)?[0-9a-f]{32}\\.tmp$", RegexOptions.CultureInvariant)]
    private static partial Regex OwnName();

    /// <summary>Removes a file, or leaves it to the next who tidies up, where the system refuses.</summary>
    internal static void Remove(string file)
    {
        try
        {
            File.Delete(file);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Of a temporary file: the failure that led here is the one to report.
        }
    }

    // .NET opens no folders, so this goes to the C library. File systems that cannot sync a folder say so; nothing is lost then
    // but the certainty that the rename is on the disk.
    internal static void SyncFolder(string folder)
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
