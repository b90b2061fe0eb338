using System.CommandLine;
using Mezzotint.Cli.Choices;
using Mezzotint.Cli.Output;
using Mezzotint.Training;

namespace Mezzotint.Cli.Verbs;

/// <summary><c>mezzotint train CONFIG</c>: trains the model that a configuration describes, in a run folder. Of data it makes the
/// configuration first.</summary>
internal static class TrainVerb
{
    private const string NeedsConfiguration = "train needs a configuration or a folder of pictures, for instance "
        + "`mezzotint train configs/seed.toml` or `mezzotint train my-pictures`.";

    private sealed record Request(
        string? Config, string? Out, bool Resume, string? From, bool FindRate, bool Estimate, string? Data,
        string[] Overrides, string Device, bool Json);

    public static Command Create(Terminal terminal)
    {
        var config = Options.Optional(
            "CONFIG",
            "The configuration, a TOML file (see configs/). Or data to learn from, for which `new` makes one: a folder, zip "
            + "archive or file of images. With --resume it only names the run folder, whose own config.toml counts.");
        var output = Options.Text(
            "--out", "RUN",
            "The run folder: configuration, log, loss plot, samples, checkpoints, and the model. [default: runs/ and the name of "
            + "CONFIG]");
        var resume = new Option<bool>("--resume")
        {
            Description = "Go on with the run where it stopped, to the bit. Only settings that leave its past alone may be "
                + "changed by --set: more epochs, a lower training.learning_rate, or how often it logs, saves and draws.",
        };
        var from = Options.Text(
            "--from", "MODEL",
            "Begin with the weights of this model instead of random ones. Data and size may be others, and so may classes: see "
            + "training.new_classes, training.freeze and training.low_rank.");
        var findRate = new Option<bool>("--find-rate")
        {
            Description = "Instead of training: try learning rates from 1e-6 to 1, one a step, and suggest one. --out FILE.png "
                + "draws the curve.",
        };
        var estimate = new Option<bool>("--estimate")
        {
            Description = "Instead of training: measure a few steps, and say how long the training takes on this machine and "
                + "with how much memory.",
        };
        var draft = new DraftChoice();
        var data = Options.Data();
        var set =
            Options.Overrides("Override a setting, such as training.epochs=5 or data.name=strokes. May be given several times.");
        var device = Options.Device();
        var json = Options.Json();
        var command = new Command(
            "train",
            "Train a model. MNIST is downloaded where it is not at hand. Ctrl-C or SIGTERM finishes the step and leaves a "
            + "checkpoint; --resume goes on from it.")
        {
            config, output, resume, from, findRate, estimate, draft.Minutes, data, set, device, json,
        };
        command.SetAction(result =>
        {
            var request = new Request(
                result.GetValue(config), result.GetValue(output), result.GetValue(resume), result.GetValue(from),
                result.GetValue(findRate), result.GetValue(estimate), result.GetValue(data), result.GetValue(set) ?? [],
                result.GetValue(device)!, result.GetValue(json));
            bool ofData = request.Config is { } named && DraftChoice.IsData(named);
            if ((!ofData || request.Resume) && result.GetResult(draft.Minutes) is { Implicit: false })
                throw new MezzotintException(
                    "--minutes is for a training on data without a configuration: set training.epochs, or leave it out.")
                    { Key = "--minutes" };
            return Run(terminal, request, ofData ? () => draft.Make(
                terminal, result, request.Config!, request.Data, request.Overrides, request.Device) : null);
        });
        return command;
    }

    /// <param name="terminal">Where it is told.</param>
    /// <param name="request">What was asked for.</param>
    /// <param name="draft">Makes the configuration, where data were named; else null.</param>
    private static int Run(Terminal terminal, Request request, Func<ExperimentDraft>? draft)
    {
        string path = request.Out ?? Path.Combine("runs", DraftChoice.NameOf(request.Config
            ?? throw new MezzotintException(request.Resume
                ? "train --resume needs the CONFIG that the run was begun with, or its folder after --out."
                : NeedsConfiguration)));
        if (request is { Resume: true, From: not null })
            throw new MezzotintException(
                "--from is for the beginning of a run: one that goes on has its weights. Leave --from out, or --resume.");
        if (request is { FindRate: true, Estimate: true })
            throw new MezzotintException("--find-rate and --estimate stand in place of a training: leave one of the two out.")
                { Key = "--estimate" };
        string? instead = request.FindRate ? "--find-rate" : request.Estimate ? "--estimate" : null;
        if (instead is not null && (request.Resume || request.From is not null))
            throw new MezzotintException(
                $"{instead} is for a training from its beginning: leave {(request.Resume ? "--resume" : "--from")} out.")
                { Key = instead };
        if (draft is not null && !request.Resume && instead is null)
            ResumedConfiguration.RefuseBegun(path); // before the data are looked through
        var made = request.Resume ? null : draft?.Invoke();
        if (made is not null && request.Estimate)
        {
            terminal.Result(request.Json, NewVerb.Facts(made), $"{made.Expectation}.");
            return CommandLine.Done;
        }
        if (made is not null && !request.FindRate)
            terminal.Say($"{made.Expectation}. Ctrl-C stops it, with a model to draw from after the first epoch.");
        var config = request.Resume
            ? ResumedConfiguration.Read(terminal, path, draft is null ? request.Config : null, request.Overrides)
            : made?.Config ?? NewConfiguration(request);
        var session = new TrainingSession(terminal, path, request.Config, request.Data, request.Device, request.Json);
        return request.FindRate ? session.FindRate(config, request.Out) : request.Estimate ? session.Estimate(config)
            : request.Resume
            ? session.Resume(config)
            : session.Begin(config, request.From is { } from ? ModelSource.Find(from) : null, made?.Notes);
    }

    private static Experiment NewConfiguration(Request request) => Configuration.ReadExperiment(
        request.Config
            ?? throw new MezzotintException(NeedsConfiguration),
        request.Overrides);
}
