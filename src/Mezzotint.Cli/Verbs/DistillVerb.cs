using System.CommandLine;
using System.Globalization;
using Mezzotint.Cli.Choices;
using Mezzotint.Cli.Output;
using Mezzotint.Data;
using Mezzotint.Formats;
using Mezzotint.Models;
using Mezzotint.Noise;
using Mezzotint.Sampling;
using Mezzotint.Text;
using Mezzotint.Training;

namespace Mezzotint.Cli.Verbs;

/// <summary><c>mezzotint distill MODEL</c>: turns a trained model into one that draws in 1 to 4 evaluations, in a run folder like
/// that of <c>train</c>.</summary>
internal static class DistillVerb
{
    private static readonly int[] Parts = [1, 32, 100, 266]; // of the greatest level: 80, 2.5, 0.8 and 0.3 for EDM's

    public static Command Create(Terminal terminal)
    {
        var model = Options.Required("MODEL", ModelSource.Required);
        var teacher = Options.Text(
            "--teacher", "MODEL",
            "Learn the paths of this model, with the guidance that it is drawn with by default. MODEL is where the student "
            + "begins: one that draws in few steps already. [default: none; MODEL is tuned to consistency]");
        var output = Options.Text("--out", "RUN", "The run folder. [default: runs/ and the name of MODEL with -distilled]");
        var data = Options.Data();
        var set = Options.Overrides(
            "Override a setting, such as training.epochs=20 or distillation.doublings=6. May be given several times.");
        var device = Options.Device();
        var json = Options.Json();
        var command = new Command(
            "distill",
            "Turn a trained model into one that draws in 1 to 4 network evaluations, by consistency tuning on the data that it "
            + "was trained on, or with --teacher by consistency distillation. It can be stopped, and goes on with `mezzotint "
            + "train --resume --out RUN`.")
        {
            model, teacher, output, data, set, device, json,
        };
        command.SetAction(result =>
        {
            string folder = ModelSource.Find(result.GetRequiredValue(model));
            string path = result.GetValue(output)
                ?? Path.Combine(
                    "runs", Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder))) + "-distilled");
            string? taught = result.GetValue(teacher) is { } named ? ModelSource.Find(named) : null;
            var begun = Distilled(ModelPath.Read(folder), Path.GetFullPath(folder));
            var config = Configuration.Parse(
                Configuration.Write(taught is null ? begun : Taught(begun, taught)), $"the distillation of {folder}",
                result.GetValue(set) ?? []);
            return new TrainingSession(
                terminal, path, null, result.GetValue(data), result.GetValue(device)!,
                result.GetValue(json)).Begin(config, folder, teacher: taught);
        });
        return command;
    }

    /// <summary>Rounded down: no level may be above the greatest.</summary>
    private static string ThreeDigits(double level)
    {
        double unit = Math.Pow(10, Math.Floor(Math.Log10(level)) - 2);
        return (Math.Floor(level / unit + 1e-9) * unit).ToString("G3", CultureInfo.InvariantCulture);
    }

    /// <summary>The model's own experiment, tuned to consistency: the settings of the paper, for few epochs.</summary>
    private static ExperimentConfig Distilled(LoadedModel model, string folder)
    {
        using (model)
        {
            var info = model.Info;
            double most = info.Process.MaximumLevel;
            string levels = string.Join(',', Parts.Select(part => ThreeDigits(most / part)));
            return new ExperimentConfig
            {
                Data = info.Data ?? new()
                {
                    Name = info.Dataset ?? DataSource.MnistName, Background = info.Background ?? "black", Size = info.Size,
                },
                Model = info.Model,
                Process = info.Process,
                Parameterisation = info.Parameterisation,
                Pixels = info.Pixels is LatentCodec latent
                    ? latent with { Autoencoder = Path.Combine(folder, latent.Autoencoder) } : info.Pixels,
                Prompts = info.Prompts is TextPrompts words ? words with { Encoder = folder } : info.Prompts,
                Loss = info.Loss,
                Times = new LogNormalLevels { Mean = -1.1, Std = 2, Stratified = true },
                Distillation = new ConsistencyTuning(),
                Sampling = new SamplingRecipe { Sampler = "lcm", Levels = levels, Steps = Parts.Length },
                Training = new()
                {
                    Epochs = 10, BatchSize = 128, LearningRate = 2e-4, Beta2 = 0.99, GradientClip = 1, SamplesPerLabel = 4,
                    SampleSteps = Parts.Length,
                    Schedule = new CosineRate { WarmUp = 100, Final = 0.1 },
                    Average = new PowerAverage { Widths = [0.1], SnapshotEvery = 0 },
                },
            };
        }
    }

    /// <summary>The same experiment with a teacher, whose paths are learned.</summary>
    private static ExperimentConfig Taught(ExperimentConfig begun, string folder)
    {
        using var teacher = ModelPath.Read(folder);
        var info = teacher.Info;
        if (!begun.Fits(info.Model) || info.Process != begun.Process || info.Parameterisation != begun.Parameterisation
            || info.Pixels.GetType() != begun.Pixels.GetType())
            throw new MezzotintException(
                $"The teacher '{folder}' has another network, process or parameterisation than the model that is to begin: take "
                + "the model that this one was distilled from.") { Key = "--teacher" };
        return begun with
        {
            Distillation = new ConsistencyDistillation
            {
                Doublings = 7, Teacher = TeacherGuidance.Of(info.Sampling, Path.GetFullPath(folder)),
            },
        };
    }
}
