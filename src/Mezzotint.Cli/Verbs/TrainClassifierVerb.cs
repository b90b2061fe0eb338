using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using Mezzotint.Cli.Choices;
using Mezzotint.Cli.Output;
using Mezzotint.Data;
using Mezzotint.Evaluation;
using Mezzotint.Formats;
using Mezzotint.Models;
using Mezzotint.Networks.Classifiers;
using Mezzotint.Runtime;
using Mezzotint.Training;

namespace Mezzotint.Cli.Verbs;

/// <summary><c>mezzotint train-classifier --out FOLDER</c>: trains one of the classifiers that `evaluate` asks.</summary>
internal static class TrainClassifierVerb
{
    private static readonly string[] Architectures = ["residual", "plain"]; // not asked of the library: its tensors would slow down every --help

    private sealed record Request(string Architecture, string Out, long Epochs, string Data, string? Folder,
        FolderChoice.Chosen Pictures, long Limit, long Seed, bool Json);

    public static Command Create(Terminal terminal)
    {
        var architecture = new Option<string>("--architecture")
        {
            HelpName = "NAME",
            Description = $"{string.Join(" or ", Architectures)}.",
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
        var seed = Options.Seed("The seed of the first weights, the order of the images, and how they are bent");
        var json = Options.Json();
        var command = new Command("train-classifier", "Train a classifier for `evaluate`, in minutes. It is tested after each pass over the images; what is kept is what the last one leaves.")
        {
            architecture, output, epochs, set, data, limit, seed, json,
        };
        foreach (var option in pictures.All)
            command.Add(option);
        command.SetAction(result => Run(terminal, new Request(
            result.GetValue(architecture)!, result.GetRequiredValue(output)!, result.GetValue(epochs), result.GetValue(set)!,
            result.GetValue(data), pictures.Read(result), result.GetValue(limit), result.GetValue(seed), result.GetValue(json))));
        return command;
    }

    private static int Run(Terminal terminal, Request request)
    {
        if (File.Exists(request.Out))
            throw new MezzotintException($"--out '{request.Out}' is a file: choose another place.");
        if (ModelFolder.Exists(request.Out) && !ClassifierFolder.Exists(request.Out))
            throw new MezzotintException($"There is a model in '{request.Out}' that is no classifier: choose another folder with --out.");
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
        var config = new ClassifierConfig { Architecture = request.Architecture, Classes = train.ClassNames.Count, Channels = train.Channels, Height = train.Height, Width = train.Width };
        var training = new ClassifierTraining { Epochs = (int)request.Epochs, Seed = request.Seed };

        using var threads = new WorkerThreads(0);
        using var trainer = new ClassifierTrainer(config, training, train, threads);
        using var network = trainer.Network;
        terminal.Say($"Training the {request.Architecture} classifier on {Quantity.Of(train.Count, "image")} of {train.Name} for {Quantity.Of(training.Epochs, "epoch")}, with {Quantity.Of(threads.Count, "thread")}.");
        var clock = new Stopwatch();
        ProgressDisplay.Show(terminal, "training", display => Train(terminal, display, trainer, test, threads, clock));

        ClassifierInfo info = new()
        {
            Name = $"{request.Architecture} classifier of {request.Data}",
            Network = config,
            ClassNames = train.ClassNames,
            Dataset = request.Data,
            Background = train.Reading is null ? null : (request.Pictures.Background ?? Background.Black).ToString(),
            Epochs = training.Epochs,
            Seconds = Math.Round(clock.Elapsed.TotalSeconds, 1),
            Seed = training.Seed,
            Provenance = $"Trained by Mezzotint on {request.Data}" + (request.Data == DataSource.MnistName ? ", which is by Y. LeCun, C. Cortes and C. Burges (CC BY-SA 3.0)." : "."),
        };
        return Keep(terminal, request, network, info, test, threads);
    }

    private static bool Train(Terminal terminal, ProgressDisplay display, ClassifierTrainer trainer, ImageSet test, WorkerThreads threads, Stopwatch clock)
    {
        double losses = 0;
        while (trainer.Step < trainer.TotalSteps)
        {
            terminal.Stop.ThrowIfCancellationRequested();
            clock.Start();
            losses += trainer.TrainStep();
            clock.Stop();
            long epoch = (trainer.Step - 1) / trainer.StepsPerEpoch + 1, step = (trainer.Step - 1) % trainer.StepsPerEpoch + 1;
            display.Report((double)trainer.Step / trainer.TotalSteps, string.Create(CultureInfo.InvariantCulture, $"epoch {epoch}, loss {losses / step:F3}"));
            if (step < trainer.StepsPerEpoch)
                continue;
            double accuracy = ClassifierOutput.Of(trainer.Network, test, threads, cancellation: terminal.Stop).Accuracy(test.Labels);
            display.Say(string.Create(CultureInfo.InvariantCulture, $"epoch {epoch}: loss {losses / step:F4}, accuracy {100 * accuracy:F2} % on {test.Name}, {Quantity.Of(clock.Elapsed)}"));
            losses = 0;
        }
        return true;
    }

    /// <summary>Writes the classifier, and says of it what is true of the weights as the file has them.</summary>
    private static int Keep(Terminal terminal, Request request, Classifier network, ClassifierInfo info, ImageSet test, WorkerThreads threads)
    {
        ClassifierFolder.Write(request.Out, network, info);
        double accuracy;
        using (var kept = ClassifierFolder.Read(request.Out))
        {
            accuracy = ClassifierOutput.Of(kept.Network, test, threads).Accuracy(test.Labels);
            ClassifierFolder.Write(request.Out, kept.Network, info with { TestAccuracy = accuracy });
        }
        terminal.Result(request.Json, new { Classifier = request.Out, info.Network.Architecture, info.Epochs, info.Seed, TestAccuracy = accuracy, info.Seconds, Sha256 = ModelFolder.Hash(request.Out) },
            string.Create(CultureInfo.InvariantCulture, $"{request.Out}: {100 * accuracy:F2} % of {test.Count:N0} test images, {Quantity.Of(TimeSpan.FromSeconds(info.Seconds))} of training"));
        return CommandLine.Done;
    }
}
