using System.CommandLine.Parsing;
using System.CommandLine;
using Mezzotint.Cli.Choices;
using Mezzotint.Cli.Output;
using Mezzotint.Noise;
using Mezzotint.Plots;
using Mezzotint.Sampling;
using static TorchSharp.torch;

namespace Mezzotint.Cli.Plots;

/// <summary><c>mezzotint plot error</c>: what an evaluation of the network buys, by each deterministic sampler.</summary>
internal static class ErrorPlot
{
    private const int Paths = 128, FewestSteps = 4;
    private const long Seed = 42;
    private static readonly GaussianMixtureDenoiser Mixture = GaussianMixtureDenoiser.TwoModes;

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

        using var scope = NewDisposeScope();
        var start = Mixture.Draw(noiseProcess.MaximumLevel, Paths, 1, Seed); // [B, 1, 1, 1]
        // Where the paths end, to about 1e-11: by the one solver that watches its own error.
        var truth = Walk(Solvers.Dopri5(1e-12, 1e-12), start, NoiseLevels.Karras(noiseProcess, 20, FinalLevel.Minimum)).X;
        var curves = ProgressDisplay.Show(terminal, "walking", display => solvers.Select((solver, i) =>
        {
            terminal.Stop.ThrowIfCancellationRequested();
            display.Report((double)i / solvers.Count, solver.Name);
            var ends = Walks(solver, start, Levels, steps).Select(walk => (walk.Evaluations, Error: Rms(walk.X, truth))).ToList();
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
    private static IEnumerable<(Tensor X, int Evaluations)> Walks(
        Solver solver, Tensor start, Func<int, double[]> levels, int most) => solver.Evaluations is null
        ? Enumerable.Range(1, 9).Select(digits =>
            Walk(
                Solvers.Named(solver.Name, new SolverOptions { Rtol = Math.Pow(10, -digits), Atol = Math.Pow(10, -digits) }),
                start, levels(1)))
        : StepsUpTo(most).Select(n => Walk(solver, start, levels(n)));

    /// <summary>4, 6, 8, 11, 16 ...: two to an octave, and the last.</summary>
    private static IEnumerable<int> StepsUpTo(int most) =>
        Enumerable.Range(0, 64).Select(i => (int)Math.Round(FewestSteps * Math.Pow(2, i / 2.0))).TakeWhile(n => n < most).Append(
            most);

    private static (Tensor X, int Evaluations) Walk(Solver solver, Tensor start, double[] levels)
    {
        int evaluations = 0;
        Tensor? end = null;
        foreach (var step in solver.Walk(new() { Denoiser = Mixture, Levels = levels, X = start }))
        {
            evaluations = step.Evaluations;
            if (step.Index == levels.Length - 2)
                end = step.X.clone();
        }
        return (end!, evaluations);
    }

    private static double Rms(Tensor x, Tensor truth)
    {
        using var scope = NewDisposeScope();
        var off = x - truth;
        return (off * off).mean().sqrt().item<double>();
    }
}
