using System.CommandLine;
using System.Globalization;
using Mezzotint.Data;
using Mezzotint.IO;
using Mezzotint.Training;

namespace Mezzotint.Cli;

/// <summary><c>mezzotint train CONFIG</c>: trains the model that a configuration describes, in a run folder.</summary>
internal static class TrainVerb
{
    private sealed record Request(string? Config, string? Out, bool Resume, string? Data, string[] Overrides, bool Json);

    public static Command Create(Terminal terminal)
    {
        var config = Options.Optional("CONFIG", "The configuration, a TOML file (see configs/). With --resume it only names the run folder, whose own config.toml counts.");
        var output = Options.Text("--out", "RUN", "The run folder: configuration, log, loss plot, samples, checkpoints, and the model. [default: runs/ and the name of CONFIG]");
        var resume = new Option<bool>("--resume") { Description = "Go on with the run where it stopped, to the bit. Only settings that leave its past alone may be changed by --set: more epochs, or how often it logs, saves and draws." };
        var data = Options.Data();
        var set = new Option<string[]>("--set")
        {
            HelpName = "KEY=VALUE",
            Description = "Override a setting, such as training.epochs=5 or data.name=strokes. May be given several times.",
            DefaultValueFactory = _ => [],
            CustomParser = result => [.. result.Tokens.Select(token => token.Value)],
        };
        var json = Options.Json();
        var command = new Command("train", "Train a model. MNIST is downloaded where it is not at hand. Ctrl-C or SIGTERM finishes the step and leaves a checkpoint; --resume goes on from it.")
        {
            config, output, resume, data, set, json,
        };
        command.SetAction(result => Run(terminal, new Request(
            result.GetValue(config), result.GetValue(output), result.GetValue(resume), result.GetValue(data), result.GetValue(set) ?? [], result.GetValue(json))));
        return command;
    }

    private static int Run(Terminal terminal, Request request)
    {
        string path = request.Out ?? Path.Combine("runs", Path.GetFileNameWithoutExtension(request.Config
            ?? throw new MezzotintException(request.Resume
                ? "train --resume needs the CONFIG that the run was begun with, or its folder after --out."
                : "train needs a configuration, for instance `mezzotint train configs/seed.toml`.")));
        var config = request.Resume ? ResumedConfiguration.Read(terminal, path, request.Config, request.Overrides) : NewConfiguration(path, request);
        var (train, test) = LoadData(terminal, config, request.Data);
        terminal.Stop.ThrowIfCancellationRequested();

        using var folder = RunFolder.Open(path);
        AtomicFile.WriteText(folder.Configuration, Configuration.Write(config));
        terminal.Say($"Training on {Quantity.Of(train.Count, "image")} of {train.Name} for {Quantity.Of(config.Training.Epochs, "epoch")}, with {Quantity.Of(config.Training.Replicas, "thread")}, in {path}.");
        var run = new TrainingRun(config, folder, train, test);
        bool moved = false;
        var result = ProgressDisplay.Show(terminal, "training", display => run.Run(new Reports<TrainingProgress>(report =>
        {
            moved |= report.Step > 0;
            Show(display, report, config);
        }), terminal.Stop));
        if (result.Finished && !moved)
            terminal.Say($"All epochs had been done before: `mezzotint train {Resume(request)} --set training.epochs=N` goes further.");
        return Report(terminal, request, path, folder, config, result);
    }

    private static ExperimentConfig NewConfiguration(string path, Request request)
    {
        if (request.Config is null)
            throw new MezzotintException("train needs a configuration, for instance `mezzotint train configs/seed.toml`.");
        var config = Configuration.Read(request.Config, request.Overrides);
        if (ResumedConfiguration.HasBegun(path))
            throw new MezzotintException($"There is a run in '{path}' already: go on with it with --resume, or train into another folder with --out RUN.");
        // The number of replicas decides the rounding of every step, so a run keeps it on whatever machine it goes on.
        int replicas = config.Training.Replicas > 0 ? config.Training.Replicas : Environment.ProcessorCount;
        return config with { Training = config.Training with { Replicas = replicas } };
    }

    private static (ImageSet Train, ImageSet Test) LoadData(Terminal terminal, ExperimentConfig config, string? folder)
    {
        string name = config.Data.Name;
        if (name == DataSource.MnistName)
            MnistFiles.Ensure(terminal, folder);
        else if (folder is not null)
            throw new MezzotintException($"--data says where MNIST is, but this training is on data.name = '{name}'. Leave --data out, or add --set data.name={DataSource.MnistName}.");
        ImageSet Load(bool train, int count) =>
            DataSource.Load(name, folder, train, count > 0 ? count : null, config.Model.InChannels);
        return (Load(true, config.Data.TrainCount), Load(false, config.Data.TestCount));
    }

    private static void Show(ProgressDisplay display, TrainingProgress report, ExperimentConfig config)
    {
        if (report.Message is { } message)
            display.Say(message);
        double epoch = (double)report.Step * config.Training.Epochs / report.TotalSteps;
        string loss = double.IsFinite(report.Loss) ? Invariant($", loss {report.Loss:F2}") : "";
        string rate = report.ImagesPerSecond > 0 ? Invariant($", {report.ImagesPerSecond:F0} images/s") : "";
        display.Report((double)report.Step / report.TotalSteps, Invariant($"epoch {Math.Min((int)epoch + 1, config.Training.Epochs)} of {config.Training.Epochs}{loss}{rate}"));
    }

    private static int Report(Terminal terminal, Request request, string path, RunFolder folder, ExperimentConfig config, TrainingResult result)
    {
        var last = result.Epochs is [.., var end] ? end : null;
        string? model = ModelFolder.Exists(folder.Model) ? folder.Model : null;
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
            if (request.Json)
                terminal.Result(true, facts, "");
            terminal.Say(Invariant($"mezzotint: stopped at step {result.Step}; a checkpoint is kept. Go on with: mezzotint train {Resume(request)}"));
            return CommandLine.Stopped;
        }
        terminal.Result(request.Json, facts, string.Join('\n',
            Invariant($"{Quantity.Of(result.Epochs.Count, "epoch")}, {Quantity.Of(result.Step, "step")}, {Quantity.Of(TimeSpan.FromSeconds(last?.Seconds ?? 0))} of training: train loss {last?.TrainLoss:F3}, test loss {last?.EvalLoss:F3}."),
            model is null ? $"run    {path}" : $"model  {model}"));
        return CommandLine.Done;
    }

    private static string Resume(Request request) => string.Join(' ', new[]
    {
        request.Config is null ? null : Quoted(request.Config),
        request.Out is null ? null : $"--out {Quoted(request.Out)}",
        request.Data is null ? null : $"--data {Quoted(request.Data)}",
        "--resume",
    }.OfType<string>());

    private static string Quoted(string path) => path.Contains(' ', StringComparison.Ordinal) ? $"\"{path}\"" : path;

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
