using System.CommandLine.Parsing;
using System.CommandLine;
using Mezzotint.Cli.Choices;
using Mezzotint.Cli.Output;
using Mezzotint.Noise;
using Mezzotint.Plots;

namespace Mezzotint.Cli.Plots;

/// <summary><c>mezzotint plot levels</c>: where the steps of a walk go, by each way to spread them.</summary>
internal static class LevelsPlot
{
    public static Command Create(Terminal terminal)
    {
        var levels = Options.Names(
            "--levels", "NAME", "A spread to draw; may be given again. `mezzotint samplers` lists the names. [default: all]");
        var process = ProcessChoice.Option("edm");
        var steps = Options.Whole("--steps", 20, 2, 1000, "Steps");
        var output = new PlotOutput();
        var command = new Command(
            "levels",
            "Draw the levels of noise that a sampler walks over, by every way to spread them. The last, 0, is below any "
            + "logarithmic axis.") { levels, process, steps };
        foreach (var option in output.All)
            command.Add(option);
        command.SetAction(result =>
            Run(terminal, output, result, result.GetValue(levels) ?? [], result.GetValue(process)!, (int)result.GetValue(steps)));
        return command;
    }

    private static int Run(Terminal terminal, PlotOutput output, ParseResult result, string[] names, string process, int steps)
    {
        var spread = ProcessChoice.Named(process);
        double[] indices = [.. Enumerable.Range(0, steps + 1).Select(i => (double)i)];
        var curves = (names.Length > 0 ? names.Distinct() : NoiseLevels.Names)
            .Select(name => new PlotSeries(name, indices, NoiseLevels.Named(name, spread, steps))).ToList();
        output.Prepare(result);
        return output.Write(terminal, result, $"levels of {steps} steps, {process}", new LinePlot
        {
            Title = $"levels of {steps} steps, {process}",
            XLabel = "step",
            YLabel = "noise level",
            LogarithmicY = true,
            Series = EqualCurves.Joined(curves),
        });
    }
}
