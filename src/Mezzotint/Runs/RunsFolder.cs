using System.Collections.Concurrent;
using Mezzotint.Formats;
using Mezzotint.Training;

namespace Mezzotint.Runs;

/// <summary>
/// The folder of the trainings, to be read alone, also while they go on. What is asked for is looked up among the names that a
/// folder has, and never made part of a path; links are passed over on every level. So there is no name that leads out of the
/// folder.
/// </summary>
/// <param name="path">The folder; it need not be there.</param>
/// <param name="time">The clock; the system's where null.</param>
public sealed class RunsFolder(string path, TimeProvider? time = null)
{
    /// <summary>More is no log and no picture of a run.</summary>
    private const long MostBytes = 64 << 20;

    /// <summary>A log that is older than this is not being written, where no heartbeat tells more.</summary>
    private static readonly TimeSpan LivingLog = TimeSpan.FromSeconds(120);

    private readonly TimeProvider _time = time ?? TimeProvider.System;

    private static readonly EnumerationOptions All = new()
        { AttributesToSkip = 0, IgnoreInaccessible = true, MatchType = MatchType.Simple };

    private readonly ConcurrentDictionary<string, (
        long Length, DateTime Written, IReadOnlyList<RunLogEntry> Entries)> _logs = new(StringComparer.Ordinal);

    /// <summary>The runs by name: the folders that have a log.</summary>
    public IReadOnlyList<RunFiles> List() =>
        [
            .. Entries(new DirectoryInfo(path)).OfType<DirectoryInfo>().Select(Run).OfType<RunFiles>()
                .OrderBy(run => run.Name, StringComparer.Ordinal),
        ];

    /// <summary>The run of a name; null where there is none.</summary>
    public RunFiles? Find(string name) =>
        Entries(new DirectoryInfo(path)).OfType<DirectoryInfo>().FirstOrDefault(entry => entry.Name == name) is { } folder
            ? Run(folder) : null;

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

    /// <summary>
    /// What a training does, one of the words of <see cref="RunHeartbeat"/>. Runs of earlier versions have no heartbeat: they are
    /// finished where their last epoch is done, and else as alive as their log is young.
    /// </summary>
    /// <param name="run">The run.</param>
    /// <param name="entries">The entries of its log.</param>
    public string State(RunFiles run, IReadOnlyList<RunLogEntry> entries)
    {
        string? word = run.Heartbeat is { } heartbeat ? Text(heartbeat, 64)?.Trim() : null;
        if (word is RunHeartbeat.Stopped or RunHeartbeat.Finished)
            return word;
        if (word != RunHeartbeat.Training && entries.LastOrDefault(entry => entry.EvalLoss is not null) is { } epoch
            && epoch.Epoch >= Epochs(run))
            return RunHeartbeat.Finished;
        var (file, lifetime) = word == RunHeartbeat.Training ? (run.Heartbeat!, RunHeartbeat.Lifetime) : (run.Log, LivingLog);
        return _time.GetUtcNow().UtcDateTime - file.LastWriteTimeUtc <= lifetime ? RunHeartbeat.Training : RunHeartbeat.Stopped;
    }

    /// <summary>The configuration of a run; null where it has none that can be read.</summary>
    public static string? Configuration(RunFiles run) => run.Configuration is { } file ? Text(file, 64 << 10) : null;

    /// <summary>How many epochs a run was to have, by its configuration.</summary>
    private static double Epochs(RunFiles run)
    {
        try
        {
            return Configuration(run) is { } text ? Training.Configuration.ParseExperiment(text, run.Name).Training.Epochs
                : double.PositiveInfinity;
        }
        catch (MezzotintException)
        {
            return double.PositiveInfinity;
        }
    }

    private static string? Text(FileInfo file, int most)
    {
        try
        {
            using var stream = InputFile.Open(file.FullName, FileShare.ReadWrite | FileShare.Delete);
            if (stream.Length > most)
                return null;
            using var reader = new StreamReader(stream);
            return reader.ReadToEnd();
        }
        catch (Exception gone) when (gone is IOException or MezzotintException)
        {
            return null;
        }
    }

    /// <summary>The grids of a run, the oldest first.</summary>
    public static IReadOnlyList<FileInfo> Samples(RunFiles run) =>
        Entries(run.Folder).OfType<DirectoryInfo>().FirstOrDefault(entry => entry.Name == "samples") is { } samples
        ? [
            .. Entries(samples).OfType<FileInfo>().Where(file => file.Extension == ".png" && IsReadable(file))
                .OrderBy(file => file.Name, StringComparer.Ordinal)]
        : [];

    private static RunFiles? Run(DirectoryInfo folder)
    {
        var files = Entries(folder).OfType<FileInfo>().Where(IsReadable).ToList();
        return files.FirstOrDefault(file => file.Name == "log.jsonl") is { } log
            ? new RunFiles(folder, log, Named("config.toml"), Named("heartbeat")) : null;

        FileInfo? Named(string name) => files.FirstOrDefault(file => file.Name == name);
    }

    /// <summary>What lies in a folder and is no link.</summary>
    private static IEnumerable<FileSystemInfo> Entries(DirectoryInfo folder)
    {
        try
        {
            return
            [
                .. folder.EnumerateFileSystemInfos("*", All).Where(entry =>
                    entry.LinkTarget is null && !entry.Attributes.HasFlag(FileAttributes.ReparsePoint)),
            ];
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
/// <param name="Heartbeat">The sign of life of its training, where it has one.</param>
public sealed record RunFiles(DirectoryInfo Folder, FileInfo Log, FileInfo? Configuration, FileInfo? Heartbeat)
{
    /// <summary>The name of its folder.</summary>
    public string Name => Folder.Name;
}
