using System.CommandLine.Parsing;
using System.CommandLine;
using Mezzotint.Cli.Choices;
using Mezzotint.Cli.Output;
using Mezzotint.Noise;
using Mezzotint.Plots;
using Mezzotint.Sampling;

namespace Mezzotint.Cli.Plots;

/// <summary><c>mezzotint plot error</c>: what an evaluation of the network buys, by each deterministic sampler.</summary>
internal static class ErrorPlot
{
    private const int Paths = 128, FewestSteps = 4;

    public static Command Create(Terminal terminal)
    {
        var sampler = Options.Names(
            "--sampler", "NAME",
            "A deterministic sampler to draw; may be given again. `mezzotint samplers` lists the names. [default: all that draw "
            + "no noise]");
        var levels = Options.Text("--levels", "NAME", "How the levels are spread; `mezzotint samplers` lists the names.");
        levels.DefaultValueFactory = _ => "karras";
        var process = ProcessChoice.Option("edm");
        var steps = Options.Whole("--steps", 256, 8, 1000, "The most steps");
        var output = new PlotOutput();
        var command = new Command(
            "error",
            "Draw how far from the true ends of their paths the samplers end, over network evaluations, on a distribution whose "
            + "denoiser is known exactly. The walks end at the process's least level.")
        { sampler, levels, process, steps };
        foreach (var option in output.All)
            command.Add(option);
        command.SetAction(result =>
            Run(
                terminal, output, result, result.GetValue(sampler) ?? [], result.GetValue(levels)!, result.GetValue(process)!,
                (int)result.GetValue(steps)));
        return command;
    }

    private static int Run(
        Terminal terminal, PlotOutput output, ParseResult result, string[] names, string spread, string process, int steps)
    {
        var noiseProcess = ProcessChoice.Named(process);
        var solvers = names.Length > 0
            ? [.. names.Distinct().Select(Deterministic)] : Solvers.All.Where(solver => !solver.Stochastic).ToList();
        double[] Levels(int n) => NoiseLevels.Named(spread, noiseProcess, n, FinalLevel.Minimum);
        Levels(steps);
        output.Prepare(result);

        using var paths = new MixturePaths(noiseProcess, Paths, FinalLevel.Minimum);
        var curves = ProgressDisplay.Show(terminal, "walking", display => solvers.Select((solver, i) =>
        {
            terminal.Stop.ThrowIfCancellationRequested();
            display.Report((double)i / solvers.Count, solver.Name);
            var ends = Walks(solver, paths, Levels, steps).ToList();
            return new PlotSeries(
                solver.Name, [.. ends.Select(end => (double)end.Evaluations)], [.. ends.Select(end => end.Error)]);
        }).ToList());
        return output.Write(terminal, result, $"error over evaluations, {process}, {spread} levels", new LinePlot
        {
            Title = $"error over evaluations, {process}, {spread} levels",
            XLabel = "network evaluations",
            YLabel = "RMS error",
            LogarithmicX = true,
            LogarithmicY = true,
            Series = EqualCurves.Joined(curves),
            Height = 800,
        });
    }

    private static Solver Deterministic(string name) => Solvers.Named(name, new Edm()) is { Stochastic: false } solver ? solver
        : throw new MezzotintException(
            $"--sampler {name} draws noise: its paths have no end that would be right. Choose among "
            + $"{string.Join(", ", Solvers.All.Where(each => !each.Stochastic).Select(each => each.Name))}.");

    /// <summary>Walks of more and more steps; of one that chooses its own steps, of smaller and smaller tolerances.</summary>
    private static IEnumerable<(int Evaluations, double Error)> Walks(
        Solver solver, MixturePaths paths, Func<int, double[]> levels, int most) => solver.Evaluations is null
        ? Enumerable.Range(1, 9).Select(digits =>
            paths.Measure(
                Solvers.Named(solver.Name, new SolverOptions { Rtol = Math.Pow(10, -digits), Atol = Math.Pow(10, -digits) }),
                levels(1)))
        : StepsUpTo(most).Select(n => paths.Measure(solver, levels(n)));

    /// <summary>4, 6, 8, 11, 16 ...: two to an octave, and the last.</summary>
    private static IEnumerable<int> StepsUpTo(int most) =>
        Enumerable.Range(0, 64).Select(i => (int)Math.Round(FewestSteps * Math.Pow(2, i / 2.0))).TakeWhile(n => n < most).Append(
            most);
}
