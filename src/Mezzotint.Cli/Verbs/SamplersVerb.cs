using System.CommandLine;
using System.Globalization;
using Mezzotint.Cli.Choices;
using Mezzotint.Cli.Output;
using Mezzotint.Noise;
using Mezzotint.Sampling;

namespace Mezzotint.Cli.Verbs;

/// <summary><c>mezzotint samplers</c>: the names that <c>--sampler</c> and <c>--levels</c> take.</summary>
internal static class SamplersVerb
{
    public static Command Create(Terminal terminal)
    {
        var steps = Options.Whole("--steps", 20, 1, 100_000, "The steps whose evaluations are told");
        var json = Options.Json();
        var command = new Command(
            "samplers",
            "List the samplers: their names, orders, network evaluations, options, coordinates and sources; and the ways to "
            + "spread the levels.") { steps, json };
        command.Add(SamplerErrors.Create(terminal));
        command.SetAction(result => Run(terminal, (int)result.GetValue(steps), result.GetValue(json)));
        return command;
    }

    private static int Run(Terminal terminal, int steps, bool json)
    {
        var rows = Solvers.All.Prepend(EulerMaruyama.For(new VarianceExploding())).Select(solver => new
        {
            solver.Name,
            solver.Order,
            solver.Stochastic,
            Evaluations = solver.Evaluations?.Invoke(steps),
            Options = solver.Options.ToString(),
            solver.Switches,
            Coordinates = solver.Coordinates.Count == 1 ? []
                : solver.Coordinates.Select(coordinate => coordinate.ToString().ToLowerInvariant()).ToList(),
            Chosen = Solvers.Recommended(solver.Name).ToString(),
            solver.Source,
        }).ToList();
        int width = rows.Max(row => row.Name.Length);
        string Row(string name, string order, string noise, string evaluations, string coordinates, string options) =>
            $"{name.PadRight(width)}  {order,5}  {noise,5}  {evaluations,11}  {coordinates,-26}  {options}".TrimEnd();
        var lines = rows.Select(row => Row(
            row.Name, $"{row.Order}", row.Stochastic ? "yes" : "no",
            row.Evaluations?.ToString(CultureInfo.InvariantCulture) ?? "its own", string.Join(", ", row.Coordinates),
            string.Join(", ", row.Switches.Prepend(row.Options).Where(text => text.Length > 0))));
        var chosen = rows.Where(row => row.Chosen.Length > 0).GroupBy(row => row.Chosen)
            .Select(group => $"  {string.Join(", ", group.Select(row => row.Name))}: {group.Key}");
        terminal.Result(json, new { Steps = steps, Samplers = rows, Levels = NoiseLevels.Names }, string.Join('\n',
            [Row("sampler", "order", "noise", "evaluations", "coordinates", "options and their defaults"), .. lines, "",
             $"Evaluations: of the network, an image, for {Quantity.Of(steps, "step")} down to level 0.",
             "Coordinates: the variable that a sampler steps in, own where nothing is said. own is that of its paper; time is",
             "the process's, and flow is level / (1 + level), which has a bound where levels have none.",
             $"With another --sampler than the model's own, and no --levels, the levels are {SamplingRecipe.LevelsOfOthers} "
             + $"({SamplingRecipe.LevelsOfTheSeed} for {EulerMaruyama.Name}), and",
             .. chosen,
             "These have the least error (`mezzotint samplers errors`). Over other levels they are the same for processes that",
             "end without signal (flow, cosine, sigmoid, zero terminal SNR); for others all is the sampler's own.",
             $"Levels: {string.Join(", ", NoiseLevels.Names)}."]));
        return CommandLine.Done;
    }
}
