using System.Collections.Concurrent;
using Mezzotint.Training;

namespace Mezzotint.Studio;

/// <summary>
/// The folder of the trainings, to be read alone, also while they go on. What is asked for is looked up among the names that a folder has, and never made part of a
/// path; links are passed over on every level. So there is no name that leads out of the folder.
/// </summary>
/// <param name="path">The folder; it need not be there.</param>
internal sealed class RunsFolder(string path)
{
    /// <summary>More is no log and no picture of a run.</summary>
    private const long MostBytes = 64 << 20;

    private static readonly EnumerationOptions All = new() { AttributesToSkip = 0, IgnoreInaccessible = true, MatchType = MatchType.Simple };

    private readonly ConcurrentDictionary<string, (long Length, DateTime Written, IReadOnlyList<RunLogEntry> Entries)> _logs = new(StringComparer.Ordinal);

    /// <summary>The runs by name: the folders that have a log.</summary>
    public IReadOnlyList<RunFiles> List() =>
        [.. Entries(new DirectoryInfo(path)).OfType<DirectoryInfo>().Select(Run).OfType<RunFiles>().OrderBy(run => run.Name, StringComparer.Ordinal)];

    /// <summary>The run of a name; null where there is none.</summary>
    public RunFiles? Find(string name) => Entries(new DirectoryInfo(path)).OfType<DirectoryInfo>().FirstOrDefault(entry => entry.Name == name) is { } folder ? Run(folder) : null;

    /// <summary>The entries of a run's log, read again when it has changed.</summary>
    /// <exception cref="MezzotintException">A line is not an entry.</exception>
    public IReadOnlyList<RunLogEntry> Log(RunFiles run)
    {
        var (length, written) = (run.Log.Length, run.Log.LastWriteTimeUtc);
        if (_logs.TryGetValue(run.Name, out var known) && (known.Length, known.Written) == (length, written))
            return known.Entries;
        var entries = RunLog.Read(run.Log.FullName);
        _logs[run.Name] = (length, written, entries);
        return entries;
    }

    /// <summary>The grids of a run, the oldest first.</summary>
    public static IReadOnlyList<FileInfo> Samples(RunFiles run) => Entries(run.Folder).OfType<DirectoryInfo>().FirstOrDefault(entry => entry.Name == "samples") is { } samples
        ? [.. Entries(samples).OfType<FileInfo>().Where(file => file.Extension == ".png" && IsReadable(file)).OrderBy(file => file.Name, StringComparer.Ordinal)]
        : [];

    private static RunFiles? Run(DirectoryInfo folder)
    {
        var files = Entries(folder).OfType<FileInfo>().Where(IsReadable).ToList();
        return files.FirstOrDefault(file => file.Name == "log.jsonl") is { } log ? new RunFiles(folder, log, files.FirstOrDefault(file => file.Name == "config.toml")) : null;
    }

    /// <summary>What lies in a folder and is no link.</summary>
    private static IEnumerable<FileSystemInfo> Entries(DirectoryInfo folder)
    {
        try
        {
            return [.. folder.EnumerateFileSystemInfos("*", All).Where(entry => entry.LinkTarget is null && !entry.Attributes.HasFlag(FileAttributes.ReparsePoint))];
        }
        catch (Exception none) when (none is IOException or UnauthorizedAccessException or System.Security.SecurityException)
        {
            return [];
        }
    }

    /// <summary>Pipes and devices have no length; opening them could wait for ever.</summary>
    private static bool IsReadable(FileInfo file) => file.Length is > 0 and <= MostBytes;
}

/// <summary>The files of a run.</summary>
/// <param name="Folder">Its folder.</param>
/// <param name="Log">Its log.</param>
/// <param name="Configuration">Its configuration, where it has one.</param>
internal sealed record RunFiles(DirectoryInfo Folder, FileInfo Log, FileInfo? Configuration)
{
    public string Name => Folder.Name;
}
