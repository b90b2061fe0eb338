using System.CommandLine;
using Mezzotint.Cli.Choices;
using Mezzotint.Cli.Output;
using Mezzotint.Training;

namespace Mezzotint.Cli.Verbs;

/// <summary><c>mezzotint train CONFIG</c>: trains the model that a configuration describes, in a run folder.</summary>
internal static class TrainVerb
{
    private sealed record Request(
        string? Config, string? Out, bool Resume, string? From, string? Data, string[] Overrides, string Device, bool Json);

    public static Command Create(Terminal terminal)
    {
        var config = Options.Optional(
            "CONFIG",
            "The configuration, a TOML file (see configs/). With --resume it only names the run folder, whose own config.toml "
            + "counts.");
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
            "--from", "MODEL", "Begin with the weights of this model, of the same shape of network, instead of random ones.");
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
            config, output, resume, from, data, set, device, json,
        };
        command.SetAction(result => Run(terminal, new Request(
            result.GetValue(config), result.GetValue(output), result.GetValue(resume), result.GetValue(from),
            result.GetValue(data), result.GetValue(set) ?? [], result.GetValue(device)!, result.GetValue(json))));
        return command;
    }

    private static int Run(Terminal terminal, Request request)
    {
        string path = request.Out ?? Path.Combine("runs", Path.GetFileNameWithoutExtension(request.Config
            ?? throw new MezzotintException(request.Resume
                ? "train --resume needs the CONFIG that the run was begun with, or its folder after --out."
                : "train needs a configuration, for instance `mezzotint train configs/seed.toml`.")));
        if (request is { Resume: true, From: not null })
            throw new MezzotintException(
                "--from is for the beginning of a run: one that goes on has its weights. Leave --from out, or --resume.");
        var config = request.Resume
            ? ResumedConfiguration.Read(terminal, path, request.Config, request.Overrides) : NewConfiguration(request);
        var session = new TrainingSession(terminal, path, request.Config, request.Data, request.Device, request.Json);
        return request.Resume
            ? session.Resume(config)
            : session.Begin(config, request.From is { } from ? ModelSource.Find(from) : null);
    }

    private static Experiment NewConfiguration(Request request) => Configuration.ReadExperiment(
        request.Config
            ?? throw new MezzotintException("train needs a configuration, for instance `mezzotint train configs/seed.toml`."),
        request.Overrides);
}
