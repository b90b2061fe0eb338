using System.Globalization;
using Mezzotint.Formats;
using Mezzotint.Models;
using Mezzotint.Runs;
using Mezzotint.Serving;

namespace Mezzotint.AspNetCore;

/// <summary>The models of the runs folder, by name: that of a training's last epoch is called as the training, an average that it
/// kept at a step NAME@STEP.</summary>
internal sealed class ServedRuns(RunsFolder runs)
{
    private static readonly EnumerationOptions Everything = new()
        { AttributesToSkip = 0, RecurseSubdirectories = true, MatchType = MatchType.Simple };

    private readonly Lock _lock = new();
    private readonly Dictionary<string, (DateTime Written, ServedModel Model)> _known = new(StringComparer.Ordinal);

    /// <summary>The names of the models that a training has kept, the oldest first.</summary>
    public static IReadOnlyList<string> Names(RunFiles run)
    {
        string folder = run.Folder.FullName;
        if (!IsPlain(RunModels.Trained(folder)) || !ModelFolder.Exists(RunModels.Trained(folder)))
            return [];
        return [.. Averages(run).Select(step => string.Create(CultureInfo.InvariantCulture, $"{run.Name}@{step}")), run.Name];
    }

    /// <summary>The model of a name; null where there is none.</summary>
    /// <exception cref="MezzotintException">It is there, and cannot be read.</exception>
    public ServedModel? Find(string name)
    {
        int at = name.LastIndexOf('@');
        var run = runs.Find(at < 0 ? name : name[..at]);
        if (run is null || !Names(run).Contains(name))
            return null;
        string folder = run.Folder.FullName, trained = RunModels.Trained(folder);
        long? step = at < 0 ? null : long.Parse(name[(at + 1)..], CultureInfo.InvariantCulture);
        var written = File.GetLastWriteTimeUtc(Path.Combine(trained, ModelFolder.WeightsFile));
        lock (_lock)
        {
            if (_known.TryGetValue(name, out var known) && known.Written == written)
                return known.Model;
            var model = step is null ? new ServedModel(name, new ModelOptions { Folder = trained })
                {
                    IsOfRun = true, Folder = folder, ReportFolder = Path.Combine(folder, ServedModel.ReportName),
                }
                : new ServedModel(name, ModelFolder.ReadInfo(trained) with { Steps = step.Value, EvalLoss = null }, () =>
                    new DiffusionPipeline(RunModels.Average(folder, step, null).Model, name, ownsModel: true)) { IsOfRun = true };
            _known[name] = (written, model);
            return model;
        }
    }

    /// <summary>Averages are read with the run's configuration, which is null where it is a link.</summary>
    private static IReadOnlyList<long> Averages(RunFiles run) =>
        run.Configuration is not null && IsPlain(Path.Combine(run.Folder.FullName, "averages"))
            ? RunModels.Steps(run.Folder.FullName) : [];

    /// <summary>Whether neither the folder nor anything in it is a link, which could lead out of it.</summary>
    private static bool IsPlain(string folder)
    {
        try
        {
            return new DirectoryInfo(folder) is { Exists: true } directory && !IsLink(directory)
                && !directory.EnumerateFileSystemInfos("*", Everything).Any(IsLink); // ends before it would enter one
        }
        catch (Exception gone) when (gone is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    private static bool IsLink(FileSystemInfo entry) =>
        entry.LinkTarget is not null || entry.Attributes.HasFlag(FileAttributes.ReparsePoint);
}
