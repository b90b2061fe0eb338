using System.CommandLine;
using System.Globalization;
using Mezzotint.Cli.Choices;
using Mezzotint.Cli.Output;
using Mezzotint.Models;
using Mezzotint.Runs;

namespace Mezzotint.Cli.Verbs;

/// <summary><c>mezzotint average RUN</c>: a model whose weights are an average of another width over the training.</summary>
internal static class AverageVerb
{
    public static Command Create(Terminal terminal)
    {
        var run =
            Options.Required("RUN", "A run folder whose configuration keeps averages: [training.average] kind = \"power\".");
        var width = Options.Real(
            "--width",
            "The average's width, as a part of the training: more than 0.001, at most 0.28. [default: the first of the "
            + "configuration's]");
        var step = Options.WholeOrNone(
            "--step", 1, int.MaxValue, "The step that the average ends at, one that has a snapshot. [default: the last]");
        var output = Options.Text("--out", "MODEL", "The model folder to make.");
        output.Required = true;
        var set = Options.Overrides(
            "Override how the model is sampled, such as sampling.guidance=1.5 or sampling.classifier.folder=FOLDER. May be given "
            + "several times.");
        var json = Options.Json();
        var command = new Command("average", "Make a model of the averages that a run has kept: any width, after the training.")
            { run, width, step, output, set, json };
        command.SetAction(result =>
            Run(
                terminal, result.GetRequiredValue(run), result.GetValue(width), result.GetValue(step),
                result.GetRequiredValue(output)!, result.GetValue(set) ?? [], result.GetValue(json)));
        return command;
    }

    private static int Run(Terminal terminal, string run, double? width, long? step, string output, string[] overrides, bool json)
    {
        if (!RunFolder.Exists(run))
            throw new MezzotintException($"'{run}' is not a run folder.");
        var (model, wished, end) = RunModels.Average(run, step, width, overrides);
        using var _ = model;
        ModelFolder.Write(output, model.Network, model.Info);
        terminal.Result(json, new { Model = output, Width = wished, Step = end, Sha256 = ModelFolder.Hash(output) },
            string.Create(CultureInfo.InvariantCulture, $"{output}: the average of width {wished} at step {end}"));
        return CommandLine.Done;
    }
}
