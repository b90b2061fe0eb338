using System.CommandLine;
using Mezzotint.Noise;
using Mezzotint.Sampling;

namespace Mezzotint.Cli;

/// <summary><c>mezzotint samplers</c>: the names that <c>--sampler</c> and <c>--levels</c> take.</summary>
internal static class SamplersVerb
{
    private const int Steps = 20;

    public static Command Create(Terminal terminal)
    {
        var json = Options.Json();
        var command = new Command("samplers", "List the samplers: their names, orders, network evaluations, options and sources; and the ways to spread the levels.") { json };
        command.SetAction(result => Run(terminal, result.GetValue(json)));
        return command;
    }

    private static int Run(Terminal terminal, bool json)
    {
        var rows = Solvers.All.Prepend(EulerMaruyama.For(new VarianceExploding())).Select(solver => new
        {
            solver.Name,
            solver.Order,
            solver.Stochastic,
            Evaluations = solver.Evaluations?.Invoke(Steps),
            Options = solver.Options.ToString(),
            solver.Source,
        }).ToList();
        int width = rows.Max(row => row.Name.Length);
        var lines = rows.Select(row =>
            $"{row.Name.PadRight(width)}  {row.Order,5}  {(row.Stochastic ? "yes" : "no"),5}  {row.Evaluations?.ToString(System.Globalization.CultureInfo.InvariantCulture) ?? "its own",11}  {row.Options}".TrimEnd());
        terminal.Result(json, new { Samplers = rows, Levels = NoiseLevels.Names }, string.Join('\n',
            [$"{"sampler".PadRight(width)}  order  noise  evaluations  options and their defaults", .. lines, "",
             $"Evaluations: of the network, an image, for {Steps} steps down to level 0.", $"Levels: {string.Join(", ", NoiseLevels.Names)}."]));
        return CommandLine.Done;
    }
}
