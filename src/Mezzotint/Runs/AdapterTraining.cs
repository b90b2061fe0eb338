using Mezzotint.Data;
using Mezzotint.Engine;
using Mezzotint.Formats;
using Mezzotint.Models;
using Mezzotint.Runtime;
using Mezzotint.Text;
using Mezzotint.Training;

namespace Mezzotint.Runs;

/// <summary>
/// Trains what is added to a model that is asked in words: a low-rank adapter of its network and text encoder, or a word of its
/// text encoder. The model stays as it is, to the bit. It is a <see cref="TrainingRun"/> like any other, with log, checkpoints
/// and samples in a run folder; a folder with a checkpoint is gone on with. Pictures are encoded once, and captions too where the
/// text encoder stays; gradients and moments are those of what is trained.
/// </summary>
/// <remarks>Hu et al. 2021, "LoRA", arXiv 2106.09685; Gal et al. 2022, "An Image is Worth One Word", arXiv 2208.01618. What was
/// made of the model before (a pipeline, a sampler) must not be used any more: its weights may have moved in memory. Each picture
/// of a step has a thread, up to one a core.</remarks>
public static class AdapterTraining
{
    private const string Ending = ".safetensors";

    /// <summary>The most parts that a training has: each ends with a line of the log, a test and the file.</summary>
    private const int MostEpochs = 10;

    /// <summary>The first pictures, on which the loss is told; with the same draws each time.</summary>
    private const int TestPictures = 16;

    /// <summary>Trains a low-rank adapter.</summary>
    /// <param name="model">The model, in float32; it stays the caller's.</param>
    /// <param name="pictures">What is learned, with captions, in the size of the model's images.</param>
    /// <param name="folder">The run folder.</param>
    /// <param name="file">The file to make or to replace, up to ten times on the way: it ends in <c>.safetensors</c>.</param>
    /// <param name="options">How; null for the defaults.</param>
    /// <param name="progress">Is told after every few steps.</param>
    /// <param name="cancellation">Stops after the step that is under way, and leaves a checkpoint.</param>
    /// <exception cref="MezzotintException">The model or the pictures do not fit, an option is out of its range, or the run in
    /// the folder is of other options or another model; <see cref="MezzotintException.Key"/> names it.</exception>
    public static TrainingResult TrainAdapter(LoadedModel model, ImageSet pictures, RunFolder folder, string file,
        AdapterTrainingOptions? options = null, IProgress<TrainingProgress>? progress = null,
        CancellationToken cancellation = default)
    {
        options ??= new();
        Check(model, pictures, file, options);
        if (!pictures.HasCaptions)
            throw new MezzotintException(
                $"{pictures.Name} has no captions, which an adapter is learned with: put a text beside each picture.")
                { Key = "data" };
        var experiment = Experiment(model, pictures, options);
        return Train(model, pictures, folder, file, experiment with
        {
            Names = options.Naming,
            TextParts = options.TextParts,
            Training = experiment.Training with
            {
                LabelDropout = options.CaptionDropout,
                LowRank = new()
                {
                    Rank = options.Rank,
                    Alpha = options.Alpha,
                    Parts = string.Join(
                        ", ", [.. Patterns("unet", options.Parts), .. Patterns("text_encoder", options.TextParts)]),
                },
            },
        }, progress, cancellation);
    }

    /// <summary>Trains the vectors of a new word of the text encoder, in a file as diffusers writes it.</summary>
    /// <param name="model">The model, in float32; it stays the caller's.</param>
    /// <param name="pictures">What the word is to mean, in the size of the model's images. Captions with the word in them are
    /// learned as they are; in place of others stand phrases with it.</param>
    /// <param name="word">The word, such as <c>&lt;my-cat&gt;</c>.</param>
    /// <param name="folder">The run folder.</param>
    /// <param name="file">As for an adapter.</param>
    /// <param name="options">How; null for the defaults.</param>
    /// <param name="progress">Is told after every few steps.</param>
    /// <param name="cancellation">Stops after the step that is under way, and leaves a checkpoint.</param>
    /// <exception cref="MezzotintException">As for an adapter; or the word is known already.</exception>
    public static TrainingResult TrainWord(LoadedModel model, ImageSet pictures, string word, RunFolder folder, string file,
        AdapterTrainingOptions? options = null, IProgress<TrainingProgress>? progress = null,
        CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(word);
        options ??= new();
        Check(model, pictures, file, options);
        return Train(model, pictures, folder, file, Experiment(model, pictures, options) with
        {
            Word = word, Like = options.Like, Vectors = options.Vectors,
        }, progress, cancellation);
    }

    private static IEnumerable<string> Patterns(string network, string parts) =>
        FrozenParts.Patterns(parts).Select(pattern => $"{network}.{pattern}");

    private static AdapterExperiment Experiment(LoadedModel model, ImageSet pictures, AdapterTrainingOptions options)
    {
        int epochs = Enumerable.Range(1, MostEpochs).Last(count => options.Steps % count == 0);
        return new()
        {
            Model = model.Info.Name,
            ModelSha256 = NetworkWeights.Hash(new TorchSharp.torch.nn.Module?[]
            {
                model.Network, model.Autoencoder?.Network, ((TextPrompts)model.Info.Prompts!).Opened.Network,
            }.OfType<TorchSharp.torch.nn.Module>()),
            Data = new() { Name = pictures.Name, Width = pictures.Width, Height = pictures.Height },
            StepsPerEpoch = options.Steps / epochs,
            Training = new()
            {
                Epochs = epochs,
                BatchSize = options.BatchSize,
                LearningRate = options.LearningRate,
                Seed = options.Seed,
                Replicas = Math.Min(options.BatchSize, ComputeDevice.Threads(model.Device)),
                Precision = ComputePrecision.Float32,
                SamplesPerLabel = options.Samples,
                SampleSteps = options.SampleSteps,
                CheckpointEvery = options.CheckpointEvery,
            },
        };
    }

    private static TrainingResult Train(LoadedModel model, ImageSet pictures, RunFolder folder, string file,
        AdapterExperiment experiment, IProgress<TrainingProgress>? progress, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(folder);
        var test = pictures.Take(Math.Min(pictures.Count, TestPictures));
        experiment = GoneOnWith(folder, experiment);
        // Made once before anything is written, so that what does not fit is said first.
        using (new AdapterProduct(experiment, model, folder, pictures, test, file))
            AtomicFile.WriteText(folder.Configuration, Configuration.Write(experiment));
        return new TrainingRun(folder, pictures, test, () => new AdapterProduct(experiment, model, folder, pictures, test, file))
            .Run(progress, cancellation);
    }

    /// <summary>The settings of the run in the folder, where it has a checkpoint; else those that are given.</summary>
    /// <exception cref="MezzotintException">The run has others, which would not describe its past.</exception>
    private static AdapterExperiment GoneOnWith(RunFolder folder, AdapterExperiment wanted)
    {
        if (!RunFolder.Exists(folder.Path) || folder.Latest([]) is null)
            return wanted;
        if (Configuration.ReadExperiment(folder.Configuration) is not AdapterExperiment run)
            throw new MezzotintException($"The run in '{folder.Path}' is of no adapter: choose another folder.") { Key = "run" };
        if (run.ModelSha256.Length > 0 && run.ModelSha256 != wanted.ModelSha256)
            throw new MezzotintException(
                $"The run in '{folder.Path}' was begun with another base model, '{run.Model}', whose weights are not those of "
                + $"'{wanted.Model}' that is given now: go on with that one, or train into another folder.") { Key = "model" };
        wanted = wanted with { ModelSha256 = run.ModelSha256 };
        // The number of replicas decides the rounding of every step: a run keeps its own on whatever machine it goes on.
        wanted = wanted with { Training = wanted.Training with { Replicas = run.Training.Replicas } };
        var same = wanted with
        {
            Training = wanted.Training with
            {
                LearningRate = Math.Max(wanted.Training.LearningRate, run.Training.LearningRate),
                SamplesPerLabel = run.Training.SamplesPerLabel,
                SampleSteps = run.Training.SampleSteps,
                CheckpointEvery = run.Training.CheckpointEvery,
            },
        };
        string[] before = Lines(run), now = Lines(same);
        return (before.Except(now).FirstOrDefault() ?? now.Except(before).FirstOrDefault()) is not { } other ? wanted
            : throw new MezzotintException(
                $"The run in '{folder.Path}' was begun with other settings ({other}): go on with the same ones, a lower rate "
                + "apart, or train into another folder.") { Key = "run" };
    }

    private static string[] Lines(AdapterExperiment experiment) => Configuration.Write(experiment).Split('\n');

    private static void Check(LoadedModel model, ImageSet pictures, string file, AdapterTrainingOptions options)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(pictures);
        ArgumentException.ThrowIfNullOrEmpty(file);
        options.Validate();
        var info = model.Info;
        if (!file.EndsWith(Ending, StringComparison.OrdinalIgnoreCase))
            throw new MezzotintException($"'{file}' must end in {Ending}.") { Key = "out" };
        if (info.Prompts is not TextPrompts { Coder: not null })
            throw new MezzotintException(
                $"The model '{info.Name}' is not asked in words: adapters and words are trained for models with a text encoder.");
        if (info.Model.InChannels != info.Model.OutChannels)
            throw new MezzotintException(
                $"The model '{info.Name}' sees {info.Model.InChannels} channels and draws {info.Model.OutChannels}: for a model "
                + "of inpainting nothing is trained here. Take the plain model; what is trained for it fits both.");
        if (NarrowWeights.AreIn(model.Network))
            throw new MezzotintException(
                $"The weights of '{info.Name}' are in 16 bits, for drawing alone: open it without that.");
        if (pictures.Channels != info.Channels)
            throw new MezzotintException(
                $"{pictures.Name} has {pictures.Channels} channels, and '{info.Name}' draws {info.Channels}.") { Key = "data" };
    }
}
