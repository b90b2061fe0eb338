using System.CommandLine;
using System.Text.Json;
using System.Text.RegularExpressions;
using Mezzotint.Cli.Choices;
using Mezzotint.Cli.Output;
using Mezzotint.Formats;
using Mezzotint.Plots;

namespace Mezzotint.Cli.Plots;

/// <summary><c>mezzotint plot figures</c>: how a figure of trainings goes with the epochs, from what <c>evaluate</c> has said of
/// their models.</summary>
internal static partial class FiguresPlot
{
    public static Command Create(Terminal terminal)
    {
        var files = new Argument<string[]>("FILES")
        {
            Description = "Files that `mezzotint evaluate MODEL --json` has written, one for each model.", HelpName = "FILES",
            Arity = ArgumentArity.OneOrMore,
        };
        var figure = Options.Text("--figure", "KEY", "The figure's key in these files, such as frechet_test_residual.");
        figure.Required = true;
        var output = new PlotOutput();
        var command = new Command(
            "figures",
            "Draw how a figure goes with the epochs of a training: a curve for each run, a point for each evaluated model of it.")
        { files, figure };
        foreach (var option in output.All)
            command.Add(option);
        command.SetAction(result =>
        {
            string key = result.GetRequiredValue(figure)!;
            var points = result.GetRequiredValue(files).Select(file => Read(file, key)).ToList();
            output.Prepare(result);
            double[] real = [.. points.Select(point => point.Real).OfType<double>()];
            return output.Write(terminal, result, $"{key} over epochs", new LinePlot
            {
                Title = key,
                XLabel = "epochs",
                YLabel = key,
                LogarithmicY = points.All(point => point.Value > 0),
                Series =
                [
                    .. points.GroupBy(point => point.Run).Select(run => new PlotSeries(run.Key,
                        [.. run.OrderBy(point => point.Epochs).Select(point => point.Epochs)],
                        [.. run.OrderBy(point => point.Epochs).Select(point => point.Value)])),
                    .. real.Length == 0 ? Array.Empty<PlotSeries>() :
                    [
                        new("real images", [points.Min(point => point.Epochs), points.Max(point => point.Epochs)],
                            [real.Average(), real.Average()]) { LineWidth = 1, Markers = false },
                    ],
                ],
            });
        });
        return command;
    }

    private sealed record Point(string Run, double Epochs, double Value, double? Real);

    private static Point Read(string file, string key)
    {
        try
        {
            using var stream = InputFile.Open(file);
            using var document = JsonDocument.Parse(stream);
            var root = document.RootElement;
            var figures = root.GetProperty("figures");
            if (!figures.TryGetProperty(key, out var found) || Number(found, "value") is not { } value)
                throw new MezzotintException(
                    $"--figure {key}: '{file}' has no such figure. It has "
                    + $"{string.Join(", ", figures.EnumerateObject().Select(each => each.Name))}.") { Key = "--figure" };
            return new(AfterEpochs().Replace(root.GetProperty("model_name").GetString()!, ""),
                root.GetProperty("epochs").GetDouble(), value, Number(found, "real"));
        }
        catch (Exception cause) when (cause is JsonException or KeyNotFoundException or InvalidOperationException)
        {
            throw new MezzotintException(
                $"'{file}' is no report of a trained model: `mezzotint evaluate MODEL --json` writes such files.", cause);
        }
    }

    private static double? Number(JsonElement of, string name) =>
        of.TryGetProperty(name, out var number) && number.ValueKind == JsonValueKind.Number ? number.GetDouble() : null;

    [GeneratedRegex(@" after [\d.]+ epochs?$")]
    private static partial Regex AfterEpochs();
}
