using System.CommandLine;
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
            "List the samplers: their names, orders, network evaluations, options and sources; and the ways to spread the "
            + "levels.") { steps, json };
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
            solver.Source,
        }).ToList();
        int width = rows.Max(row => row.Name.Length);
        var lines = rows.Select(row =>
            $"{row.Name.PadRight(width)}  {row.Order,5}  {(row.Stochastic ? "yes" : "no"),5}  "
            + $"{row.Evaluations?.ToString(System.Globalization.CultureInfo.InvariantCulture) ?? "its own",11}  "
            + $"{row.Options}".TrimEnd());
        terminal.Result(json, new { Steps = steps, Samplers = rows, Levels = NoiseLevels.Names }, string.Join('\n',
            [$"{"sampler".PadRight(width)}  order  noise  evaluations  options and their defaults", .. lines, "",
             $"Evaluations: of the network, an image, for {Quantity.Of(steps, "step")} down to level 0.",
             $"Levels: {string.Join(", ", NoiseLevels.Names)}."]));
        return CommandLine.Done;
    }
}
