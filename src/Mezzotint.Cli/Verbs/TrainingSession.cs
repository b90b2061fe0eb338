using System.Globalization;
using Mezzotint.Cli.Choices;
using Mezzotint.Cli.Output;
using Mezzotint.Data;
using Mezzotint.Engine;
using Mezzotint.Formats;
using Mezzotint.Models;
using Mezzotint.Networks;
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
    public int Begin(Experiment config, string? start)
    {
        if (ResumedConfiguration.HasBegun(path))
            throw new MezzotintException(
                $"There is a run in '{path}' already: go on with it with --resume, or train into another folder with --out RUN.");
        // The number of replicas decides the rounding of every step, so a run keeps it on whatever machine it goes on.
        int replicas = config.Training.Replicas > 0 ? config.Training.Replicas
            : ComputeDevice.Threads(ComputeDevice.Named(device));
        // and so does what it is multiplied in
        string precision = config.PrecisionOn(ComputeDevice.Named(device));
        config = config.WithTraining(config.Training with { Replicas = replicas, Precision = precision });
        NetworkConfig? begun = null;
        if (start is not null)
        {
            if (config is not ExperimentConfig)
                throw new MezzotintException(
                    "--from begins with the weights of a model that draws, and this configuration trains another network: leave "
                    + "--from out.");
            using var model = ModelSource.Load(start);
            begun = model.Info.Model;
        }
        return Run(config, begun, (fitted, folder) => KeepStart(fitted as ExperimentConfig, folder, start));
    }

    /// <summary>Goes on with a run: its network keeps its classes, whatever the data have by now.</summary>
    /// <param name="config">The settings of the run.</param>
    public int Resume(Experiment config) => Run(config, (config as ExperimentConfig)?.Model, (_, _) => { });

    /// <summary>Trains to the end, or until it is stopped.</summary>
    /// <param name="config">The settings of the run.</param>
    /// <param name="begun">The network that has learned already; null for a new one.</param>
    /// <param name="keepStart">Puts the model that the run begins with into its folder, given the settings with the numbers of
    /// the data.</param>
    private int Run(Experiment config, NetworkConfig? begun, Action<Experiment, RunFolder> keepStart)
    {
        var place = ComputeDevice.Named(device);
        if (device == ComputeDevice.Cpu)
            config.Memory()?.Check(); // before data are read, or a folder is made
        using var parts = ExperimentParts.Open(config);
        config = parts.Experiment;
        int? channels = (config as ExperimentConfig)?.Pixels.ImageChannelsOf(begun?.InChannels ?? 0) is > 0 and var known
            ? known : null;
        var (train, test) = LoadData(config.Data, channels);
        config = config.Fit(train, begun);
        terminal.Stop.ThrowIfCancellationRequested();

        using var folder = RunFolder.Open(path);
        keepStart(config, folder);
        AtomicFile.WriteText(folder.Configuration, Configuration.Write(config));
        string engine = config.ComputedBy(place, train);
        terminal.Say($"Training on {Quantity.Of(train.Count, "image")} of {train.Name} for "
            + $"{Quantity.Of(config.Training.Epochs, "epoch")}, with {Quantity.Of(config.Training.Replicas, "thread")}, "
            + $"in {path}; {engine}.");
        var run = new TrainingRun(config, folder, train, test, place);
        bool moved = false;
        var result = ProgressDisplay.Show(terminal, "training", display => run.Run(new Reports<TrainingProgress>(report =>
        {
            moved |= report.Step > 0;
            Show(display, report, config);
        }), terminal.Stop));
        if (result.Finished && !moved)
            terminal.Say(
                $"All epochs had been done before: `mezzotint train {ResumeArguments} --set training.epochs=N` goes further.");
        return Report(folder, result);
    }

    /// <summary>Copies the model into the run folder: a run must be able to begin again without it.</summary>
    private static void KeepStart(ExperimentConfig? config, RunFolder folder, string? start)
    {
        if (Directory.Exists(folder.Start))
            Directory.Delete(folder.Start, recursive: true); // of a run that never took a step
        if (start is null)
            return;
        using var model = ModelSource.Load(start);
        if (!model.Info.Model.Equals(config!.Model))
            throw new MezzotintException(
                $"The model '{start}' has a network of another shape than the configuration's [model]: `mezzotint inspect "
                + $"{start}` shows its own.");
        ModelFolder.Write(folder.Start, model.Network, model.Info);
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

    private int Report(RunFolder folder, TrainingResult result)
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
        terminal.Result(json, facts, string.Join('\n',
            Invariant($"{work}: train loss {last?.TrainLoss:F3}, test loss {last?.EvalLoss:F3}."),
            model is null ? $"run    {path}" : $"model  {model}"));
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
