using System.Globalization;
using Mezzotint.Models;
using Mezzotint.Training;

namespace Mezzotint.Runs;

/// <summary>The models that a training has kept in its folder: the one of its last epoch, and averages at steps on the
/// way.</summary>
public static class RunModels
{
    private const string Prefix = "step-", Suffix = ".safetensors";

    /// <summary>The folder of the model of the last epoch.</summary>
    public static string Trained(string run) => Path.Combine(run, "model");

    /// <summary>The steps of which averages are kept, growing; none without a model, whose parts they need.</summary>
    /// <param name="run">The run's folder.</param>
    public static IReadOnlyList<long> Steps(string run)
    {
        string folder = Path.Combine(run, "averages");
        if (!ModelFolder.Exists(Trained(run)) || !Directory.Exists(folder))
            return [];
        return
        [
            .. Directory.GetFiles(folder, Prefix + "*" + Suffix)
                .Select(file => Path.GetFileName(file)[Prefix.Length..^Suffix.Length])
                .Where(digits => digits.Length > 0 && digits.All(char.IsAsciiDigit))
                .Select(digits => long.Parse(digits, CultureInfo.InvariantCulture)).Order(),
        ];
    }

    /// <summary>Reads a model whose weights are an average over a training.</summary>
    /// <param name="run">The run's folder.</param>
    /// <param name="step">The step that it ends at, one of <see cref="Steps"/>; null for the last.</param>
    /// <param name="width">The width, as a part of the training: more than 0.001, at most 0.28; null for the first of the
    /// configuration's.</param>
    /// <param name="sampling">Settings of <c>[sampling]</c> that take the place of the configuration's, as on the command line;
    /// null for none.</param>
    /// <returns>The model, the width and the step.</returns>
    /// <exception cref="MezzotintException">The run has no model yet, or keeps no averages; or a setting is wrong.</exception>
    public static (LoadedModel Model, double Width, long Step) Average(
        string run, long? step, double? width, IReadOnlyList<string>? sampling = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(run);
        var config = Configuration.Read(Path.Combine(run, "config.toml"));
        if (!ModelFolder.Exists(Trained(run)))
            throw new MezzotintException($"The run '{run}' has no model yet: it gets one at the end of its first epoch.");
        double wished = width ?? (config.Training.Average as PowerAverage)?.Widths[0]
            ?? throw new MezzotintException(
                $"The run '{run}' keeps no averages of several widths: train with [training.average] kind = \"power\".");
        var (network, end) = AverageSnapshots.Reconstruct(Path.Combine(run, "averages"), config, wished, step);
        try
        {
            var model = ModelFolder.Read(Trained(run)); // with the parts that belong to it
            var last = model.Network;
            var info = model.Info;
            model = model with
            {
                Network = network,
                Info = info with
                {
                    Name = string.Create(
                        CultureInfo.InvariantCulture,
                        $"{Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(run)))}, average of width "
                        + $"{wished} at step {end}"),
                    Steps = end,
                    Epochs = info.Epochs is { } epochs && info.Steps > 0 ? Math.Round(epochs * end / info.Steps, 4) : null,
                    TrainLoss = null, // those of other weights
                    EvalLoss = null,
                },
            };
            last.Dispose();
            if (sampling is { Count: > 0 })
                model = Sampled(model, config, sampling, run);
            return (model, wished, end);
        }
        catch
        {
            network.Dispose();
            throw;
        }
    }

    /// <summary>The same model with another way to draw; this one is the caller's no more.</summary>
    private static LoadedModel Sampled(
        LoadedModel model, ExperimentConfig config, IReadOnlyList<string> settings, string run)
    {
        if (settings.FirstOrDefault(setting => !setting.StartsWith("sampling.", StringComparison.Ordinal)) is { } other)
            throw new MezzotintException(
                $"--set '{other}': the training is over, and only [sampling] can be chosen still, such as sampling.steps=20.");
        config = config with { Training = config.Training with { SamplesPerLabel = 0 } }; // no training draws any more
        var recipe = Configuration.Parse(Configuration.Write(config), $"the run '{run}'", settings) is ExperimentConfig
            { Sampling: var chosen } ? chosen : config.Sampling;
        if (recipe.Classifier is { } named && named.Folder == config.Sampling.Classifier?.Folder)
            return model with
            {
                Info = model.Info with
                    { Sampling = recipe with { Classifier = named with { Sha256 = model.Classifier?.Hash } } },
            };
        model.Classifier?.Dispose();
        (recipe, var classifier) = ClassifierFolder.Open(recipe);
        return model with { Info = model.Info with { Sampling = recipe, Classifier = classifier }, Classifier = classifier };
    }
}
