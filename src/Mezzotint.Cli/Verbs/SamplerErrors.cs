using System.CommandLine;
using System.Globalization;
using System.Text;
using Mezzotint.Cli.Choices;
using Mezzotint.Cli.Output;
using Mezzotint.Cli.Plots;
using Mezzotint.Formats;
using Mezzotint.Noise;
using Mezzotint.Sampling;

namespace Mezzotint.Cli.Verbs;

/// <summary><c>mezzotint samplers errors</c>: the errors of all samplers without noise, on a distribution that is known, as one
/// table.</summary>
internal static class SamplerErrors
{
    private const int Paths = 256;
    private static readonly int[] StepCounts = [5, 8, 10, 15, 20, 30, 50];

    /// <summary>Those of the command, and a table that ends without signal.</summary>
    private static IEnumerable<(string Name, NoiseProcess Process)> Processes => ProcessChoice.All.Append(
        ("vp-zero-snr", new VariancePreserving { Schedule = new LinearSchedule().ToTable(1000).WithZeroTerminalSnr() }));

    /// <summary>exponential and polyexponential are log-snr here.</summary>
    private static IEnumerable<string> Spreads => NoiseLevels.Names.Except(["exponential", "polyexponential"]);

    public static Command Create(Terminal terminal)
    {
        var process = Options.Names(
            "--process", "NAME",
            $"A process of the table; may be given again: {string.Join(", ", Processes.Select(entry => entry.Name))}. "
            + "[default: all]");
        var levels = Options.Names(
            "--levels", "NAME",
            "A spread of the levels; may be given again. `mezzotint samplers` lists the names. [default: all]");
        var output = Options.Text("--out", "FILE", "Write the table there, as Markdown. [default: the terminal]");
        var json = Options.Json();
        var command = new Command(
            "errors",
            "Measure how far from the true ends of their paths the samplers without noise end, down to level 0, on a "
            + "distribution whose denoiser is known exactly: each in its own coordinate and with the options that it has by "
            + "default.")
            { process, levels, output, json };
        command.SetAction(result => Run(
            terminal, result.GetValue(process) ?? [], result.GetValue(levels) ?? [], result.GetValue(output),
            result.GetValue(json)));
        return command;
    }

    private sealed record Row(
        string Process, string Levels, string Sampler, string Options, bool Default, IReadOnlyList<double> Errors);

    private static int Run(Terminal terminal, string[] processes, string[] spreads, string? path, bool json)
    {
        foreach (string name in processes)
            if (Processes.All(entry => entry.Name != name))
                throw new MezzotintException(
                    $"--process '{name}' is not known{Spelling.Remedy(name, Processes.Select(entry => entry.Name))}");
        foreach (string name in spreads)
            NoiseLevels.Named(name, new Edm(), 10);
        var chosen = Processes.Where(entry => processes.Length == 0 || processes.Contains(entry.Name)).ToList();
        string[] over = spreads.Length == 0 ? [.. Spreads] : [.. spreads.Distinct()];
        var rows = ProgressDisplay.Show(terminal, "walking", display => chosen.SelectMany((entry, i) =>
        {
            using var paths = new MixturePaths(entry.Process, Paths, FinalLevel.Zero);
            return over.SelectMany((spread, j) =>
            {
                terminal.Stop.ThrowIfCancellationRequested();
                display.Report((i + (double)j / over.Length) / chosen.Count, $"{entry.Name}, {spread}");
                return Contestants(entry.Process).Select(each => new Row(
                    entry.Name, spread, each.Solver.Name, each.Options, each.Default && spread == SamplingRecipe.LevelsOfOthers,
                    [.. StepCounts.Select(steps => Error(paths, each.Solver, spread, entry.Process, steps))])).ToList();
            }).ToList();
        }).ToList());
        string table = Table(rows);
        if (path is not null)
            AtomicFile.WriteText(path, table);
        terminal.Result(
            json, new { Steps = StepCounts, Rows = rows }, path is null ? table.TrimEnd() : $"The table is in {path}.");
        return CommandLine.Done;
    }

    /// <summary>Every sampler without noise as it is, and as it is by default where that is another; of dpmpp-3m both
    /// weights.</summary>
    private static IEnumerable<(Solver Solver, string Options, bool Default)> Contestants(NoiseProcess process)
    {
        foreach (var solver in Solvers.All.Where(solver => solver is { Stochastic: false, Evaluations: not null }))
        {
            var best = Solvers.Recommended(solver.Name);
            bool plain = best == new SolverOptions();
            yield return (solver, "", plain);
            if (solver.Switches.Contains("published_weights"))
            {
                var published = Solvers.Named(solver.Name, new SolverOptions { PublishedWeights = true });
                yield return (published, published.Options.ToString(), false);
            }
            if (!plain)
                yield return (Solvers.Named(solver.Name, process, best), best.ToString(), true);
        }
    }

    private static double Error(MixturePaths paths, Solver solver, string spread, NoiseProcess process, int steps) =>
        paths.Measure(solver, NoiseLevels.Named(spread, process, steps)).Error;

    /// <summary>Two digits that count: 440, not 4.4e+02.</summary>
    private static string TwoDigits(double error)
    {
        string digits = error.ToString("g2", CultureInfo.InvariantCulture);
        return error < 10 ? digits
            : double.Parse(digits, CultureInfo.InvariantCulture).ToString("0", CultureInfo.InvariantCulture);
    }

    private static string Table(IReadOnlyList<Row> rows)
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"""
            # Errors of the samplers

            RMS distance of {Paths} paths from their true ends at level 0, on `GaussianMixtureDenoiser.TwoModes`, over the steps
            of a walk. A step is one evaluation, but of `heun`, `dpm2` and `dpmpp-2s` two, of which the last step needs one.
            Options: those that differ from the sampler's own (flow: `coordinate = flow`; lower end: `lower_order_final`;
            published: `published_weights`); **bold**: what `--sampler NAME` alone does. `exponential` and `polyexponential`
            levels are `log-snr` here. Drawn by `mezzotint samplers errors --out docs/solver-errors.md`.

            | process | levels | sampler | options | {string.Join(" | ", StepCounts)} |
            | --- | --- | --- | --- |{string.Concat(StepCounts.Select(_ => " --- |"))}

            """);
        foreach (var row in rows)
        {
            string mark = row.Default ? "**" : "";
            string options = row.Options.Replace("coordinate = ", "", StringComparison.Ordinal)
                .Replace("lower_order_final = true", "lower end", StringComparison.Ordinal)
                .Replace("published_weights = true", "published", StringComparison.Ordinal);
            text.Append(CultureInfo.InvariantCulture,
                $"| {row.Process} | {row.Levels} | {mark}{row.Sampler}{mark} | {options} | "
                + $"{string.Join(" | ", row.Errors.Select(TwoDigits))} |\n");
        }
        return text.ToString();
    }
}
