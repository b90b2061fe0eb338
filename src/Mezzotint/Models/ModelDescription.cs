using Mezzotint.Data;
using Mezzotint.Formats;
using Mezzotint.Networks;
using Mezzotint.Noise;
using Mezzotint.Sampling;
using Mezzotint.Settings;
using Mezzotint.Text;
using Mezzotint.Training;

namespace Mezzotint.Models;

/// <summary>The file <c>config.json</c> of a model folder.</summary>
/// <remarks>
/// <code>
/// {
///   "format": "mezzotint-model", "version": 1, "name": "...",
///   "network": {"kind": "unet", then the keys of the table [model] of a configuration},
///   "process": {"kind": "ve", "sigma": 25, "minimum_time": 0.001},
///   "parameterisation", "loss", "times", "pixels", "prompts", "sampling": {the keys of the tables of a configuration},
///   "image": {"height": 28, "width": 28},
///   "class_names": ["0", ...],
/// "training": {"dataset": "mnist", "steps": 28140, "epochs": 30, "train_loss": ..., "eval_loss": ..., "seconds": ..., "seed":
/// 42},
///   "provenance": "..."
/// }
/// </code>
/// Every key must be there, but those that may be unknown: dataset, background, size, epochs, the losses, seed, provenance,
/// prompts; and the tables from parameterisation to sampling, where they are the seed's. No other key may be.
/// </remarks>
internal static class ModelDescription
{
    private const string Format = "mezzotint-model";
    private const long Version = 1;

    /// <summary>Reads and checks a description.</summary>
    /// <exception cref="MezzotintException">The bytes are no such description, or a number is out of its range; the message names
    /// the file, and the line and the key where there are.</exception>
    public static ModelInfo Parse(ReadOnlySpan<byte> json, string name)
    {
        var settings = JsonSettings.Parse(json, name);
        TakeConstant(settings, "format", Format);
        TakeConstant(settings, "version", Version);
        var document = SettingsBinder.Read<Document>(settings, complete: true);
        var info = new ModelInfo
        {
            Name = document.Name,
            Model = document.Network,
            Process = document.Process,
            Parameterisation = document.Parameterisation,
            Loss = document.Loss,
            Times = document.Times,
            Pixels = document.Pixels,
            Prompts = document.Prompts,
            Examples = document.Examples,
            Sampling = document.Sampling,
            ImageChannels = document.Image.Channels,
            Height = document.Image.Height,
            Width = document.Image.Width,
            ClassNames = document.ClassNames,
            Dataset = document.Training.Dataset,
            Background = document.Training.Background,
            Size = document.Training.Size,
            Data = document.Training.Data,
            Steps = document.Training.Steps,
            Epochs = document.Training.Epochs,
            TrainLoss = document.Training.TrainLoss,
            EvalLoss = document.Training.EvalLoss,
            TrainingSeconds = document.Training.Seconds,
            Seed = document.Training.Seed,
            Provenance = document.Provenance,
        };
        settings.Validate(info.Validate);
        return info;
    }

    /// <summary>Writes a description; <see cref="Parse"/> gives it back.</summary>
    public static byte[] Write(ModelInfo info)
    {
        var settings = SettingsBinder.Write(new Document
        {
            Name = info.Name,
            Network = info.Model,
            Process = info.Process,
            Parameterisation = info.Parameterisation,
            Loss = info.Loss,
            Times = info.Times,
            Pixels = info.Pixels,
            Prompts = info.Prompts,
            Examples = info.Examples,
            Sampling = info.Sampling,
            Image = new ImageSize { Channels = info.ImageChannels, Height = info.Height, Width = info.Width },
            ClassNames = info.ClassNames,
            Training = new TrainingFacts
            {
                Dataset = info.Dataset,
                Steps = info.Steps,
                Epochs = info.Epochs,
                TrainLoss = info.TrainLoss,
                EvalLoss = info.EvalLoss,
                Seconds = info.TrainingSeconds,
                Seed = info.Seed,
                Background = info.Background,
                Size = info.Size,
                Data = info.Data,
            },
            Provenance = info.Provenance,
        }, complete: true);
        PutFirst(settings, "version", Version);
        PutFirst(settings, "format", Format);
        return JsonSettings.Write(settings);
    }

    private static void PutFirst(SettingsTable table, string key, object value) =>
        table.Entries.Insert(0, key, new Setting(value, default));

    private static void TakeConstant(SettingsTable table, string key, object constant)
    {
        if (!table.Entries.Remove(key, out var setting))
            throw new MezzotintException(
                $"{table.Place}: the key '{table.PathOf(key)}' is missing; is it the description of a model?");
        if (!setting.Value.Equals(constant))
            throw new MezzotintException(
                $"{setting.Place}: '{table.PathOf(key)}' is {setting.Description}; this program reads "
                + $"{new Setting(constant, default).Description} alone.");
    }

    private sealed record Document
    {
        public string Name { get; init; } = "";

        public NetworkConfig Network { get; init; } = new UNetConfig();

        public NoiseProcess Process { get; init; } = new VarianceExploding();

        [DefaultWhenMissing]
        public Parameterisation Parameterisation { get; init; } = new ScoreParameterisation();

        [DefaultWhenMissing]
        public LossWeighting Loss { get; init; } = new SeedWeighting();

        [DefaultWhenMissing]
        public TimeDistribution Times { get; init; } = new UniformTimes();

        [DefaultWhenMissing]
        public ImageCodec Pixels { get; init; } = new PixelScaling();

        public PromptReader? Prompts { get; init; }

        public PromptExamples? Examples { get; init; }

        [DefaultWhenMissing]
        public SamplingRecipe Sampling { get; init; } = new();

        public ImageSize Image { get; init; } = new();

        public IReadOnlyList<string> ClassNames { get; init; } = [];

        public TrainingFacts Training { get; init; } = new();

        public string? Provenance { get; init; }
    }

    private sealed record ImageSize
    {
        public int? Channels { get; init; }

        public int Height { get; init; }

        public int Width { get; init; }
    }

    private sealed record TrainingFacts
    {
        public string? Dataset { get; init; }

        public long Steps { get; init; }

        public double? Epochs { get; init; }

        public double? TrainLoss { get; init; }

        public double? EvalLoss { get; init; }

        public double Seconds { get; init; }

        public long? Seed { get; init; }

        public string? Background { get; init; }

        public int? Size { get; init; }

        public DataConfig? Data { get; init; }
    }
}
