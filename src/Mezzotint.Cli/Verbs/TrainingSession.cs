using System.Globalization;
using Mezzotint.Cli.Choices;
using Mezzotint.Cli.Output;
using Mezzotint.Data;
using Mezzotint.Engine;
using Mezzotint.Formats;
using Mezzotint.Models;
using Mezzotint.Networks;
using Mezzotint.Plots;
using Mezzotint.Runs;
using Mezzotint.Runtime;
using Mezzotint.Training;

namespace Mezzotint.Cli.Verbs;

/// <summary>A training at the terminal, in its run folder: what <c>train</c> and <c>distill</c> share.</summary>
/// <param name="terminal">Where it is told.</param>
/// <param name="path">The run folder.</param>
/// <param name="configuration">The file that the run was begun with; null where there is none.</param>
/// <param name="data">The folder after --data.</param>
/// <param name="device">The name of where it is computed.</param>
/// <param name="json">Whether the result is to be JSON.</param>
internal sealed class TrainingSession(
    Terminal terminal, string path, string? configuration, string? data, string device, bool json)
{
    /// <summary>Begins a run.</summary>
    /// <param name="config">
    /// Its settings; where they leave the number of replicas open, it is one a core, and the precision what the processor has.
    /// </param>
    /// <param name="start">The folder of the model to begin with; null for random weights.</param>
    /// <exception cref="MezzotintException">There is a run already, or the model does not fit.</exception>
    /// <param name="notes">Lines at the head of the configuration, which is then written with comments; null for one
    /// without.</param>
    /// <param name="teacher">The folder of the model that teaches another; null for none.</param>
    public int Begin(Experiment config, string? start, IReadOnlyList<string>? notes = null, string? teacher = null)
    {
        ResumedConfiguration.RefuseBegun(path);
        config = OnThisMachine(config);
        NetworkConfig? begun = null;
        if (start is null && config.Training.LowRank.Rank > 0)
            throw new MezzotintException(
                "training.low_rank changes the weights of a model: name it with --from, or leave training.low_rank out.")
                { Key = "--from" };
        if (start is not null)
        {
            if (config is not ExperimentConfig)
                throw new MezzotintException(
                    "--from begins with the weights of a model that draws, and this configuration trains another network: leave "
                    + "--from out.");
            using var model = ModelPath.Read(start);
            begun = model.Info.Model;
        }
        return Run(config, begun, (fitted, folder) =>
        {
            Keep(folder.Start, start, fitted as ExperimentConfig);
            Keep(folder.Teacher, teacher, fitted as ExperimentConfig);
            AtomicFile.WriteText(folder.Configuration, ExperimentDraft.Write(fitted, notes));
        });
    }

    /// <summary>Goes on with a run: its network keeps its classes, whatever the data have by now.</summary>
    /// <param name="config">The settings of the run.</param>
    public int Resume(Experiment config) => Run(config, (config as ExperimentConfig)?.Model, (fitted, folder) =>
    {
        string settings = Configuration.Write(fitted);
        if (settings != Configuration.Write(Configuration.ReadExperiment(folder.Configuration))) // comments stay if they can
            AtomicFile.WriteText(folder.Configuration, settings);
    });

    /// <summary>Trains to the end, or until it is stopped.</summary>
    /// <param name="config">The settings of the run.</param>
    /// <param name="begun">The network that has learned already; null for a new one.</param>
    /// <param name="keep">Puts into the run folder what it is to keep from its beginning, given the settings with the numbers of
    /// the data.</param>
    private int Run(Experiment config, NetworkConfig? begun, Action<Experiment, RunFolder> keep)
    {
        var place = ComputeDevice.Named(device);
        _ = config.Training.ReplicasOf(terminal.Exchange); // refuses what cannot be shared out, before a folder is made
        using var prepared = Prepare(config, begun);
        (config, var train, var test) = (prepared.Config, prepared.Train, prepared.Test);
        using var folder = RunFolder.Open(path);
        keep(config, folder);
        string engine = config.ComputedBy(place, train);
        string mirrored = train.DistinctCount == train.Count ? "" : ", each as it is or mirrored,";
        string classes = config is ExperimentConfig { Model: { HasClasses: true, CorpusLength: 1 } } && !train.HasClasses
            ? " without classes" : "";
        string over = terminal.Exchange.IsAlone ? "" : $" in {terminal.Exchange.Size} processes";
        terminal.Say($"Training on {Quantity.Of(train.DistinctCount, "image")} of {train.Name}{classes}{mirrored} for "
            + $"{Quantity.Of(config.Training.Epochs, "epoch")}, with {Quantity.Of(config.Training.Replicas, "thread")}{over}, "
            + $"in {path}; {engine}.");
        Share(config);
        var run = new TrainingRun(config, folder, train, test, place, terminal.Exchange);
        bool moved = false;
        var result = ProgressDisplay.Show(terminal, "training", display => run.Run(new Reports<TrainingProgress>(report =>
        {
            moved |= report.Step > 0;
            Show(display, report, config);
        }), terminal.Stop));
        if (result.Finished && !moved)
            terminal.Say(
                $"All epochs had been done before: `mezzotint train {ResumeArguments} --set training.epochs=N` goes further.");
        return Report(folder, result, config.Training.Keep == TrainingConfig.BestModel);
    }

    /// <summary>Sends the other processes what they are to train.</summary>
    private void Share(Experiment config)
    {
        terminal.ShareOut(Processes.Train);
        terminal.Exchange.Broadcast(Configuration.Write(config));
        terminal.Exchange.Broadcast(data);
        terminal.Exchange.Broadcast(device);
    }

    /// <summary>In another process than 0: trains what that sends, to its end.</summary>
    public static int Follow(Terminal terminal)
    {
        var exchange = terminal.Exchange;
        string settings = exchange.Broadcast(text: null), data = exchange.Broadcast(text: null);
        string device = exchange.Broadcast(text: null);
        if (device == ComputeDevice.Cuda) // each process of a machine takes a GPU of its own
            device = string.Create(CultureInfo.InvariantCulture, $"{device}:{exchange.RankHere}");
        var session = new TrainingSession(terminal, "", null, data.Length == 0 ? null : data, device, json: false);
        var config = Configuration.ParseExperiment(settings, "the configuration of process 0");
        using var prepared = session.Prepare(config, (config as ExperimentConfig)?.Model);
        TrainingRun.Follow(prepared.Config, prepared.Train, prepared.Test, ComputeDevice.Named(device), exchange);
        return CommandLine.Done;
    }

    /// <summary>Looks for a learning rate instead of training.</summary>
    /// <param name="config">The settings.</param>
    /// <param name="plot">A .png file for the curve; null for none.</param>
    /// <exception cref="MezzotintException">The configuration trains something else, or no rate lowers the loss.</exception>
    public int FindRate(Experiment config, string? plot)
    {
        if (plot is not null && !plot.EndsWith(".png", StringComparison.OrdinalIgnoreCase))
            throw new MezzotintException($"--out '{plot}': with --find-rate it is a .png file for the curve.") { Key = "--out" };
        using var prepared = Prepare(OnThisMachine(config), begun: null);
        TrainingTask task = prepared.Config switch
        {
            ExperimentConfig drawing => drawing.Task,
            AutoencoderExperiment autoencoder => autoencoder.Task,
            _ => throw new MezzotintException("--find-rate is for models that draw and for autoencoders: leave it out.")
                { Key = "--find-rate" },
        };
        var search = ProgressDisplay.Show(terminal, "looking for a rate", display => LearningRateSearch.Of(
            task, prepared.Config.Training, prepared.Train, prepared.Test, ComputeDevice.Named(device),
            new Reports<TriedRate>(point => display.Report(
                LearningRateSearch.Progress(point.Rate), Invariant($"rate {point.Rate:G2}, loss {point.Loss:G4}"))),
            terminal.Stop));
        var best = search.Tried.MinBy(point => point.Loss);
        if (plot is not null)
            RatePlot(search).Write(plot);
        terminal.Result(json, new { LearningRate = search.Rate, Lowest = best, search.Tried, Out = plot }, string.Join('\n',
        [
            "rate       loss on the first test images",
            .. search.Tried.Where((point, i) => i % RatesShown == 0 || point == best)
                .Select(point => Invariant($"{point.Rate,-10:G2} {point.Loss:G5}{(point == best ? "  the lowest" : "")}")),
            Invariant($"learning rate {search.Rate}, a tenth of where the loss was lowest: ")
                + Invariant($"--set training.learning_rate={search.Rate}"),
        ]));
        return CommandLine.Done;
    }

    /// <summary>Measures a few steps instead of training, and says what all of them take.</summary>
    /// <exception cref="MezzotintException">The configuration trains no model that draws, or does not fit into
    /// memory.</exception>
    public int Estimate(Experiment config)
    {
        using var prepared = Prepare(OnThisMachine(config), begun: null);
        if (prepared.Config is not ExperimentConfig drawing)
            throw new MezzotintException("--estimate is for models that draw: leave it out.") { Key = "--estimate" };
        terminal.Say("Measuring a few steps of training.");
        var draft = new ExperimentDraft
        {
            Config = drawing,
            Speed = TrainingSpeed.Measure(
                drawing, prepared.Train, prepared.Test, ComputeDevice.Named(device), terminal.Stop),
            ImagesOfEpoch = (long)prepared.Train.DistinctCount * drawing.Training.Repeats,
        };
        terminal.Result(json, NewVerb.Facts(draft), $"{draft.Expectation}.");
        return CommandLine.Done;
    }

    private const int RatesShown = 8;

    private static LinePlot RatePlot(LearningRateSearch search) => new()
    {
        Title = "learning rate",
        XLabel = "rate of the step",
        YLabel = "loss on the first test images",
        LogarithmicX = true,
        Series = [new("loss", [.. search.Tried.Select(point => point.Rate)], [.. search.Tried.Select(point => point.Loss)])],
    };

    /// <summary>The number of replicas decides the rounding of every step, and so does what it is multiplied in: a run keeps both
    /// on whatever machine it goes on.</summary>
    private Experiment OnThisMachine(Experiment config)
    {
        var place = ComputeDevice.Named(device);
        return config.WithTraining(config.Training with
        {
            Replicas = config.Training.Replicas > 0 ? config.Training.Replicas
                : Math.Max(1, ComputeDevice.Threads(place) / terminal.Exchange.SizeHere) * terminal.Exchange.Size,
            Precision = config.PrecisionOn(place),
        });
    }

    /// <summary>An experiment with its data: opened, read and fitted.</summary>
    private sealed record Prepared(Experiment Config, ImageSet Train, ImageSet Test, ExperimentParts Parts) : IDisposable
    {
        public void Dispose() => Parts.Dispose();
    }

    private Prepared Prepare(Experiment config, NetworkConfig? begun)
    {
        if (device == ComputeDevice.Cpu)
            config.Memory().Check(); // before data are read, or a folder is made
        var parts = ExperimentParts.Open(config);
        try
        {
            config = parts.Experiment;
            int? channels = (config as ExperimentConfig)?.Pixels.ImageChannelsOf(begun?.InChannels ?? 0) is > 0 and var known
                ? known : null;
            var (train, test) = LoadData(config.Data, channels);
            config = config.Fit(train, begun);
            if (device == ComputeDevice.Cpu)
                config.Memory(train.Height, train.Width).Check();
            terminal.Stop.ThrowIfCancellationRequested();
            return new(config, train, test, parts);
        }
        catch
        {
            parts.Dispose();
            throw;
        }
    }

    /// <summary>Copies the model into the run folder: a run must be able to begin again without it.</summary>
    private static void Keep(string kept, string? start, ExperimentConfig? config)
    {
        if (Directory.Exists(kept))
            Directory.Delete(kept, recursive: true); // of a run that never took a step
        if (start is null)
            return;
        using var model = ModelPath.Read(start);
        if (!config!.Fits(model.Info.Model))
            throw new MezzotintException(
                $"The model '{start}' has a network of another shape than the configuration's [model]: `mezzotint inspect "
                + $"{start}` shows its own.");
        ModelFolder.Write(kept, model.Network, model.Info);
    }

    private (ImageSet Train, ImageSet Test) LoadData(DataConfig config, int? modelChannels)
    {
        string name = config.Name;
        if (name == DataSource.MnistName)
            MnistFiles.Ensure(terminal, data);
        else if (data is not null)
            throw new MezzotintException(
                $"--data says where MNIST is, but this training is on data.name = '{name}'. Leave --data out, or add --set "
                + $"data.name={DataSource.MnistName}.");
        ImageSet Load(ImageSplit part, int count, int? channels) =>
            SetReading.Load(terminal, name, data, config.Reading(part, channels), count > 0 ? count : null);
        var train = Load(ImageSplit.Train, config.TrainCount, modelChannels);
        var test = Load(ImageSplit.Test, config.TestCount, train.Channels);
        ReadingLines.Say(terminal, train, test);
        return (config.Flip ? train.WithMirrorImages() : train, test);
    }

    private static void Show(ProgressDisplay display, TrainingProgress report, Experiment config)
    {
        if (report.Message is { } message)
            display.Say(message);
        double epoch = (double)report.Step * config.Training.Epochs / report.TotalSteps;
        string loss = double.IsFinite(report.Loss) ? Invariant($", loss {report.Loss:G3}") : "";
        string rate = report.ImagesPerSecond > 0 ? Invariant($", {report.ImagesPerSecond:F0} images/s") : "";
        display.Report(
            (double)report.Step / report.TotalSteps,
            Invariant($"epoch {Math.Min((int)epoch + 1, config.Training.Epochs)} of {config.Training.Epochs}{loss}{rate}"));
    }

    private int Report(RunFolder folder, TrainingResult result, bool keepsBest)
    {
        var last = result.Epochs is [.., var end] ? end : null;
        string? model = Directory.Exists(folder.Model) ? folder.Model : null;
        var facts = new
        {
            result.Finished,
            Run = path,
            Model = model,
            result.Step,
            Epochs = result.Epochs.Count,
            BestEpoch = result.Best?.Epoch,
            TrainLoss = last?.TrainLoss,
            EvalLoss = last?.EvalLoss,
            Seconds = last?.Seconds,
            Config = folder.Configuration,
        };
        if (!result.Finished)
        {
            if (json)
                terminal.Result(true, facts, "");
            string kept = Invariant($"mezzotint: stopped at step {result.Step}; a checkpoint is kept.");
            terminal.Say($"{kept} Go on with: mezzotint train {ResumeArguments}");
            return CommandLine.Stopped;
        }
        string time = Quantity.Of(TimeSpan.FromSeconds(last?.Seconds ?? 0));
        string work = $"{Quantity.Of(result.Epochs.Count, "epoch")}, {Quantity.Of(result.Step, "step")}, {time} of training";
        string which = keepsBest && result.Best is { } best
            ? Invariant($", of epoch {best.Epoch:0}, which has the lowest test loss: {best.EvalLoss:F3}") : "";
        terminal.Result(json, facts, string.Join('\n',
            Invariant($"{work}: train loss {last?.TrainLoss:F3}, test loss {last?.EvalLoss:F3}."),
            model is null ? $"run    {path}" : $"model  {model}{which}"));
        return CommandLine.Done;
    }

    /// <summary>What goes after <c>mezzotint train</c> to go on.</summary>
    private string ResumeArguments => string.Join(' ', new[]
    {
        configuration is null ? null : Quoted(configuration),
        configuration is not null && path == Path.Combine("runs", Path.GetFileNameWithoutExtension(configuration)) ? null
            : $"--out {Quoted(path)}",
        data is null ? null : $"--data {Quoted(data)}",
        device == ComputeDevice.Cpu ? null : $"--device {device}",
        "--resume",
    }.OfType<string>());

    private static string Quoted(string path) => path.Contains(' ', StringComparison.Ordinal) ? $"\"{path}\"" : path;

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
