using System.CommandLine;
using System.Globalization;
using Mezzotint.Cli.Choices;
using Mezzotint.Cli.Output;
using Mezzotint.Data;
using Mezzotint.Evaluation;
using Mezzotint.Formats;
using Mezzotint.Models;
using Mezzotint.Networks.Classifiers;
using Mezzotint.Runs;
using Mezzotint.Runtime;
using Mezzotint.Training;

namespace Mezzotint.Cli.Verbs;

/// <summary><c>mezzotint train-classifier --out FOLDER</c>: trains one of the classifiers that `evaluate` asks.</summary>
internal static class TrainClassifierVerb
{
    // not asked of the library: its tensors would slow down every --help
    private static readonly string[] Architectures = ["residual", "plain", "strided"];

    private sealed record Request(string Architecture, string Out, long Epochs, string Data, string? Folder,
        FolderChoice.Chosen Pictures, long Limit, long Seed, double Bending, bool Noise, bool Json);

    public static Command Create(Terminal terminal)
    {
        var architecture = new Option<string>("--architecture")
        {
            HelpName = "NAME",
            Description = $"{string.Join(", ", Architectures[..^1])} or {Architectures[^1]}.",
            DefaultValueFactory = _ => Architectures[0],
            CustomParser = result => Options.Chosen(result, Architectures),
        };
        var output = Options.Text("--out", "FOLDER", "The folder to make: description, weights, and a card.");
        output.Required = true;
        var epochs = Options.Whole("--epochs", 16, 1, 10_000, "Passes over the training images");
        var set = Options.Text(
            "--set", "DATA", "mnist, strokes, or the path of a folder, zip archive or file of images with classes.");
        set.DefaultValueFactory = _ => DataSource.MnistName;
        var data = Options.Data();
        var pictures = new FolderChoice();
        var limit = Options.Whole("--count", null, 1, int.MaxValue, "Only so many training images, from the first on", "all");
        var bending = Options.Real("--bending", "How far training images are turned, resized, slanted, moved and bent, 0 to 3 "
            + "times what handwriting varies by. [default: 1]");
        var noise = new Option<bool>("--noise")
        {
            Description = "Train on images with noise of every level, and without label smoothing: the classifier that "
                + "`sample --guidance-classifier` asks.",
        };
        var seed = Options.Seed("The seed of the first weights, the order of the images, and how they are bent");
        var json = Options.Json();
        var command = new Command("train-classifier",
            "Train a classifier for `evaluate`, in minutes. It is tested after each pass over the images; what is kept is what "
                + "the "
            + "last one leaves. A training that was stopped goes on with the same command.")
        {
            architecture, output, epochs, set, data, limit, bending, noise, seed, json,
        };
        foreach (var option in pictures.All)
            command.Add(option);
        command.SetAction(result => Run(terminal, new Request(
            result.GetValue(architecture)!, result.GetRequiredValue(output)!, result.GetValue(epochs), result.GetValue(set)!,
            result.GetValue(data), pictures.Read(result), result.GetValue(limit), result.GetValue(seed),
            result.GetValue(bending) ?? 1, result.GetValue(noise), result.GetValue(json))));
        return command;
    }

    private static int Run(Terminal terminal, Request request)
    {
        if (File.Exists(request.Out))
            throw new MezzotintException($"--out '{request.Out}' is a file: choose another place.");
        if (ModelFolder.Exists(request.Out) && !ClassifierFolder.Exists(request.Out))
            throw new MezzotintException(
                $"There is a model in '{request.Out}' that is no classifier: choose another folder with --out.");
        if (request.Data == DataSource.MnistName)
            MnistFiles.Ensure(terminal, request.Folder);
        ImageSet Load(ImageSplit part, int? limit, int? channels) =>
            SetReading.Load(terminal, request.Data, request.Folder, request.Pictures.Reading(part, channels), limit);
        var train = Load(ImageSplit.Train, request.Limit > 0 ? (int)request.Limit : null, null);
        if (!train.HasClasses)
            throw new MezzotintException(
                $"{train.Name} has no classes, and a classifier needs them: sort the pictures into a folder for each class.")
                { Key = "--set" };
        var test = Load(ImageSplit.Test, null, train.Channels);
        ReadingLines.Say(terminal, train, test);
        var config = Experiment(request, train);
        using var folder = RunFolder.Open(Path.Combine(request.Out, "run"));
        config = GoneOnWith(terminal, folder, config) ?? Begun(folder, config);
        var result = Train(terminal, new TrainingRun(config, folder, train, test), config, train, test);
        if (result.Finished)
            return Keep(terminal, request, folder, test);
        terminal.Say(Invariant(
            $"mezzotint: stopped at step {result.Step}; a checkpoint is kept. The same command goes on from it."));
        return CommandLine.Stopped;
    }

    private static ClassifierExperiment Experiment(Request request, ImageSet train)
    {
        var defaults = new ClassifierExperiment();
        return defaults with
        {
            Data = new DataConfig
            {
                Name = request.Data,
                TrainCount = (int)request.Limit,
                Background = (request.Pictures.Background ?? Background.Black).ToString(),
                Size = request.Pictures.Size,
                SkipDamaged = request.Pictures.SkipDamaged,
            },
            Network = new ClassifierConfig
            {
                Architecture = request.Architecture,
                Classes = train.ClassNames.Count,
                Channels = train.Channels,
                Height = train.Height,
                Width = train.Width,
            },
            Bending = request.Bending,
            Noise = request.Noise,
            Loss = request.Noise ? new ClassifierLoss { LabelSmoothing = 0 } : defaults.Loss,
            Training = defaults.Training with
            {
                Epochs = (int)request.Epochs, Seed = request.Seed, Replicas = Environment.ProcessorCount,
            },
        };
    }

    /// <summary>The settings of the training that was stopped in the folder, where they are these; null where a new one is to
    /// begin.</summary>
    private static ClassifierExperiment? GoneOnWith(Terminal terminal, RunFolder folder, ClassifierExperiment config)
    {
        if (!RunFolder.Exists(folder.Path))
            return null;
        ClassifierExperiment before;
        Checkpoint? checkpoint;
        try
        {
            (before, checkpoint) = (Configuration.ReadClassifier(folder.Configuration), folder.Latest([]));
        }
        catch (MezzotintException)
        {
            return null; // nothing there that can be gone on with
        }
        // The number of replicas decides the rounding of every step, so a training keeps it on whatever machine it goes on.
        var same = config with { Training = config.Training with { Replicas = before.Training.Replicas } };
        if (checkpoint is null || checkpoint.EpochsReported == before.Training.Epochs || before != same)
            return null;
        terminal.Say(Invariant(
            $"Going on with the training that was stopped in {folder.Path}, from step {checkpoint.Step}."));
        return before;
    }

    private static ClassifierExperiment Begun(RunFolder folder, ClassifierExperiment config)
    {
        folder.Clear();
        AtomicFile.WriteText(folder.Configuration, Configuration.Write(config));
        return config;
    }

    private static TrainingResult Train(
        Terminal terminal, TrainingRun run, ClassifierExperiment config, ImageSet train, ImageSet test)
    {
        var training = config.Training;
        terminal.Say(
            $"Training the {config.Network.Architecture} classifier on {Quantity.Of(train.Count, "image")} of {train.Name} for "
            + $"{Quantity.Of(training.Epochs, "epoch")}, with {Quantity.Of(training.Replicas, "thread")}.");
        return ProgressDisplay.Show(terminal, "training", display => run.Run(new Reports<TrainingProgress>(report =>
        {
            if (report.Epoch is { } line)
                display.Say(
                    Invariant(
                        $"epoch {line.Epoch}: loss {line.TrainLoss:F4}, accuracy {100 * line.Figures!["accuracy"]:F2} % on ")
                    + $"{test.Name}, {Quantity.Of(TimeSpan.FromSeconds(line.Seconds))}");
            else if (report.Message is { } message)
                display.Say(message);
            long epoch = Math.Min(report.Step * training.Epochs / report.TotalSteps + 1, training.Epochs);
            string loss = double.IsFinite(report.Loss) ? Invariant($", loss {report.Loss:F3}") : "";
            display.Report((double)report.Step / report.TotalSteps, $"epoch {epoch}{loss}");
        }), terminal.Stop));
    }

    /// <summary>Writes the classifier, and says of it what is true of the weights as the file has them.</summary>
    private static int Keep(Terminal terminal, Request request, RunFolder folder, ImageSet test)
    {
        using var kept = ClassifierFolder.Read(folder.Model);
        using var threads = new WorkerThreads(0);
        double accuracy = ClassifierOutput.Of(kept.Network, test, threads).Accuracy(test.Labels);
        var info = kept.Info with { TestAccuracy = accuracy };
        ClassifierFolder.Write(request.Out, kept.Network, info);
        terminal.Result(
            request.Json,
            new
            {
                Classifier = request.Out, info.Network.Architecture, info.Epochs, info.Seed, TestAccuracy = accuracy,
                    info.Seconds,
                Sha256 = ModelFolder.Hash(request.Out),
            },
            Invariant($"{request.Out}: {100 * accuracy:F2} % of {test.Count:N0} test images, ")
                + $"{Quantity.Of(TimeSpan.FromSeconds(info.Seconds))} of training");
        return CommandLine.Done;
    }

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
