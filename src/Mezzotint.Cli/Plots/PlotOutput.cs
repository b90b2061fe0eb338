using System.CommandLine.Parsing;
using System.CommandLine;
using Mezzotint.Cli.Choices;
using Mezzotint.Cli.Output;
using Mezzotint.Cli.Verbs;
using Mezzotint.Plots;

namespace Mezzotint.Cli.Plots;

/// <summary>Where a plot goes, <c>--out FILE.png</c>, and its numbers as JSON.</summary>
internal sealed class PlotOutput
{
    private readonly Option<string?> _output = Options.Text("--out", "FILE", "The .png file to write.");
    private readonly Option<bool> _json = new("--json")
        { Description = "Give the curves' points as one JSON object, beside the file." };

    public PlotOutput() => _output.Required = true;

    public IEnumerable<Option> All => [_output, _json];

    /// <summary>Finds out before the work whether the file can be written.</summary>
    /// <exception cref="MezzotintException">It cannot, or it is no .png file.</exception>
    public void Prepare(ParseResult result)
    {
        string path = result.GetRequiredValue(_output)!;
        if (!path.EndsWith(".png", StringComparison.OrdinalIgnoreCase))
            throw new MezzotintException($"--out '{path}': a plot is written to a .png file.");
        SampleOutput.For(path).Prepare();
    }

    /// <summary>Writes the panels side by side, and says so.</summary>
    public int Write(Terminal terminal, ParseResult result, string what, params LinePlot[] panels)
    {
        string path = result.GetRequiredValue(_output)!;
        LinePlot.Write(
            path, panels, new Dictionary<string, string> { ["Software"] = $"mezzotint {CommandLine.Version}", ["Title"] = what });
        terminal.Result(result.GetValue(_json), new
        {
            Out = path,
            Panels = panels.Select(panel => new
            {
                panel.Title,
                panel.XLabel,
                panel.YLabel,
                Curves = panel.Series.Select(curve => new { curve.Name, X = curve.X.Select(Number), Y = curve.Y.Select(Number) }),
            }),
        }, $"{path}: {what}");
        return CommandLine.Done;
    }

    /// <summary>JSON has no word for what is not finite.</summary>
    private static double? Number(double value) => double.IsFinite(value) ? value : null;
}
