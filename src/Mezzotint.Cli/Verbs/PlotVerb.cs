using System.CommandLine;
using Mezzotint.Cli.Output;
using Mezzotint.Cli.Plots;

namespace Mezzotint.Cli.Verbs;

/// <summary><c>mezzotint plot</c>: pictures of what this is made of, which need neither a model nor data; and of
/// figures that were found.</summary>
internal static class PlotVerb
{
    public static Command Create(Terminal terminal) =>
        new(
            "plot",
            "Draw the noise processes, the spreads of the levels, what the samplers do to a distribution that is known "
            + "exactly, and how evaluated figures go with the epochs. Needs no model.")
    {
        SchedulesPlot.Create(terminal),
        LevelsPlot.Create(terminal),
        TrajectoriesPlot.Create(terminal),
        ErrorPlot.Create(terminal),
        FiguresPlot.Create(terminal),
    };
}
