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
    private readonly Lock _lock = new();
    private readonly Dictionary<string, (DateTime Written, ServedModel Model)> _known = new(StringComparer.Ordinal);

    /// <summary>The names of the models that a training has kept, the oldest first.</summary>
    public static IReadOnlyList<string> Names(RunFiles run)
    {
        string folder = run.Folder.FullName;
        if (!IsPlain(RunModels.Trained(folder)) || !ModelFolder.Exists(RunModels.Trained(folder)))
            return [];
        return [.. Averages(folder).Select(step => string.Create(CultureInfo.InvariantCulture, $"{run.Name}@{step}")), run.Name];
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

    private static IReadOnlyList<long> Averages(string folder) =>
        IsPlain(Path.Combine(folder, "averages")) ? RunModels.Steps(folder) : [];

    /// <summary>Whether what lies there is no link, which could lead out of the folder.</summary>
    private static bool IsPlain(string folder) => new DirectoryInfo(folder) is { Exists: true, LinkTarget: null };
}
