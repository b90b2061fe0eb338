using System.CommandLine.Parsing;
using System.CommandLine;
using Mezzotint.Cli.Choices;
using Mezzotint.Cli.Output;
using Mezzotint.Noise;
using Mezzotint.Plots;
using Mezzotint.Sampling;
using static TorchSharp.torch;

namespace Mezzotint.Cli.Plots;

/// <summary><c>mezzotint plot trajectories</c>: the ways that a sampler takes from noise to the two modes of a known
/// distribution.</summary>
/// <remarks>
/// A level of 80 would leave nothing to see of modes that are 2 apart, so x is shown over sqrt(variance of the images + level^2),
/// its own standard deviation at each level.
/// </remarks>
internal static class TrajectoriesPlot
{
    private static readonly GaussianMixtureDenoiser Mixture = GaussianMixtureDenoiser.TwoModes;

    public static Command Create(Terminal terminal)
    {
        var sampler = Options.Text("--sampler", "NAME", "How the noise is removed; `mezzotint samplers` lists the names.");
        sampler.DefaultValueFactory = _ => "heun";
        var levels = Options.Text("--levels", "NAME", "How the levels are spread; `mezzotint samplers` lists the names.");
        levels.DefaultValueFactory = _ => "karras";
        var process = ProcessChoice.Option("ve");
        var steps = Options.Whole("--steps", 20, 2, 1000, "Steps");
        var count = Options.Whole("--count", 40, 1, 200, "Paths");
        var seed = Options.Seed("Path i is drawn from seed + i");
        var output = new PlotOutput();
        var command = new Command(
            "trajectories",
            "Draw the paths of a sampler from noise to the images of a known distribution: numbers around -1 and 1.2, a mixture "
            + "of two Gaussians.")
        { sampler, levels, process, steps, count, seed };
        foreach (var option in output.All)
            command.Add(option);
        command.SetAction(result =>
            Run(terminal, output, result, result.GetValue(sampler)!, result.GetValue(levels)!, result.GetValue(process)!,
            (int)result.GetValue(steps), (int)result.GetValue(count), result.GetValue(seed)));
        return command;
    }

    private static int Run(
        Terminal terminal, PlotOutput output, ParseResult result, string sampler, string spread, string process, int steps,
        int count, long seed)
    {
        var noiseProcess = ProcessChoice.Named(process);
        var solver = Solvers.Named(sampler, noiseProcess);
        // The norm of a single number may be anything, and a Langevin step any length.
        if (solver.Name == Solvers.PredictorCorrector().Name)
            throw new MezzotintException(
                $"--sampler {sampler} sizes its steps by the norms of whole images, and here an image is one number: choose "
                + $"another.");
        double[] levels = NoiseLevels.Named(spread, noiseProcess, steps, FinalLevel.Minimum);
        if (seed + count - 1 > Options.LargestSeed)
            throw new MezzotintException(
                $"--seed {seed} leaves too few seeds for {count} paths: the last is {Options.LargestSeed}. Choose a smaller "
                + $"one.");
        output.Prepare(result);

        double[][] states = Walk(solver, levels, count, seed);
        double[] stds = [.. levels.Select(level => Math.Sqrt(Mixture.Variance + level * level))];
        var paths = Enumerable.Range(0, count).Select(i => states.Select((x, step) => x[i] / stds[step]).ToArray()).ToList();
        // Half a standard deviation beyond the outermost path; both panels have the same.
        double reach = 0.5 + Math.Max(2, paths.Max(path => path.Max(Math.Abs)));
        string title = $"{count} paths of {sampler}, {steps} steps, {process}";
        return output.Write(terminal, result, title,
            new LinePlot
            {
                Title = title,
                XLabel = "noise level",
                YLabel = "x / its standard deviation",
                LogarithmicX = true,
                ReversedX = true,
                YRange = (-reach, reach),
                Series =
                [
                    .. paths.Select(path =>
                        new PlotSeries("", levels, path) { Pen = Mode(path[^1] * stds[^1]), LineWidth = 1.5, Markers = false }),
                ],
                Width = 900,
                Height = 600,
            },
            new LinePlot
            {
                Title = "where x is",
                XLabel = "density",
                YLabel = "",
                YRange = (-reach, reach),
                Series =
                [
                    Density("images", levels[^1], reach) with { Pen = 2 }, Density("noise", levels[0], reach) with { Pen = 5 },
                ],
                Width = 420,
                Height = 600,
            });
    }

    /// <summary>x at each of the levels: [n + 1][count].</summary>
    private static double[][] Walk(Solver solver, double[] levels, int count, long seed)
    {
        using var scope = NewDisposeScope();
        long[] seeds = [.. Enumerable.Range(0, count).Select(i => seed + i)];
        using var noise = new ImageNoise(seeds, 1, 1, 1, CPU);
        using var path = solver is { Stochastic: true, FollowsPath: true }
            ? new BrownianTree(seeds, 1, 1, 1, levels[^1], levels[0], type: ScalarType.Float64) : null;
        var input = new SolverInput
        {
            Denoiser = Mixture,
            Levels = levels,
            X = LinearCombination.Sum((levels[0], noise.Next().to(float64))),
            Noise = path is null ? (_, _) => noise.Next().to(float64) : path.Noise,
        };
        return [Numbers(input.X), .. solver.Walk(input).Select(step => Numbers(step.X))];
    }

    private static double[] Numbers(Tensor x) => x.data<double>().ToArray();

    /// <summary>The pen of the mode that a number belongs to: the nearer one.</summary>
    private static int Mode(double x) => x < 0.1 ? 0 : 1;

    /// <summary>p at a level lying on its side, in the units of the paths.</summary>
    private static PlotSeries Density(string name, double level, double reach)
    {
        double std = Math.Sqrt(Mixture.Variance + level * level);
        double[] heights = [.. Enumerable.Range(0, 401).Select(i => reach * (i / 200.0 - 1))];
        return new(name, [.. heights.Select(height => std * Mixture.Density(height * std, level))], heights);
    }
}
