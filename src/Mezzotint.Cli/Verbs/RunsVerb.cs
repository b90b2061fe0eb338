using System.CommandLine;
using System.Globalization;
using System.Text;
using Mezzotint.Cli.Choices;
using Mezzotint.Cli.Output;
using Mezzotint.Runs;
using Mezzotint.Training;

namespace Mezzotint.Cli.Verbs;

/// <summary><c>mezzotint runs</c>: what the trainings of a folder do, and how some of them differ.</summary>
internal static class RunsVerb
{
    private const int CurveWidth = 24;

    public static Command Create(Terminal terminal) => new("runs", "List the trainings of a folder, and compare them.")
    {
        List(terminal),
        Compare(terminal),
    };

    private static Command List(Terminal terminal)
    {
        var folder = Options.Optional("FOLDER", "The folder of the runs. [default: runs]");
        var json = Options.Json();
        var command = new Command(
            "list", "List the runs of a folder: whether they train, how far they are, their losses and their rate.")
            { folder, json };
        command.SetAction(result =>
        {
            string path = result.GetValue(folder) ?? "runs";
            if (!Directory.Exists(path))
                throw new MezzotintException($"There is no folder '{path}': `mezzotint train CONFIG` makes runs in ./runs.");
            var runs = new RunsFolder(path);
            var found = runs.List().Select(run => Read(runs, run)).ToList();
            if (found.Count == 0)
                throw new MezzotintException($"'{path}' has no runs: `mezzotint train CONFIG` makes them in ./runs.");
            terminal.Result(result.GetValue(json), new { Folder = path, Runs = found.Select(Values) }, Table(found));
            return CommandLine.Done;
        });
        return command;
    }

    private static Command Compare(Terminal terminal)
    {
        var names = new Argument<string[]>("RUNS")
        {
            Description = "The folders of the runs, or their names in ./runs.", HelpName = "RUNS",
            Arity = new ArgumentArity(2, 100),
        };
        var json = Options.Json();
        var command = new Command(
            "compare",
            "Compare runs: the settings in which they differ, and the test loss of each after each epoch. Losses compare where "
            + "the runs learn the same data with the same loss.")
            { names, json };
        command.SetAction(result =>
        {
            var found = result.GetRequiredValue(names).Select(Find).ToList();
            var settings = Differences(found);
            terminal.Result(result.GetValue(json), new { Runs = found.Select(Values), Settings = settings },
                Table(found) + "\n" + Settings(found, settings) + "\n" + Epochs(found));
            return CommandLine.Done;
        });
        return command;
    }

    /// <summary>A run as it stands.</summary>
    private sealed record Run(string Name, string State, IReadOnlyList<RunLogEntry> Log, string? Configuration)
    {
        public IReadOnlyList<RunLogEntry> Epochs { get; } = [.. Log.Where(entry => entry.EvalLoss is not null)];

        public RunLogEntry? Last => Log.Count > 0 ? Log[^1] : null;

        public RunLogEntry? LastEpoch => Epochs.Count > 0 ? Epochs[^1] : null;

        /// <summary>The epoch of the lowest test loss.</summary>
        public RunLogEntry? Best => Epochs.MinBy(entry => entry.EvalLoss);
    }

    private static Run Find(string name)
    {
        string path = Path.TrimEndingDirectorySeparator(
            Path.GetFullPath(Directory.Exists(name) ? name : Path.Combine("runs", name)));
        var runs = new RunsFolder(Path.GetDirectoryName(path)!);
        return runs.Find(Path.GetFileName(path)) is { } run ? Read(runs, run)
            : throw new MezzotintException($"'{name}' is no run: name a folder with a log.jsonl, or one in ./runs. "
                + "`mezzotint runs list` lists those.");
    }

    private static Run Read(RunsFolder runs, RunFiles run)
    {
        var log = runs.Log(run);
        return new(run.Name, runs.State(run, log), log, RunsFolder.Configuration(run));
    }

    private static object Values(Run run) => new
    {
        run.Name,
        run.State,
        run.Last?.Epoch,
        run.Last?.Step,
        run.Last?.TrainLoss,
        EvalLoss = run.LastEpoch?.EvalLoss,
        BestEvalLoss = run.Best?.EvalLoss,
        BestEpoch = run.Best?.Epoch,
        run.Last?.Seconds,
        run.Last?.ImagesPerSecond,
        EvalLosses = run.Epochs.Select(entry => entry.EvalLoss),
    };

    private static string Table(List<Run> runs)
    {
        int width = Math.Max(4, runs.Max(run => run.Name.Length));
        var text = new StringBuilder();
        text.AppendLine(CultureInfo.InvariantCulture,
            $"{"run".PadRight(width)}  state     {"epochs",7} {"train",10} {"test",10} {"best",10} {"minutes",8} {"images/s",9}  "
            + $"test loss");
        foreach (var run in runs)
            text.AppendLine(CultureInfo.InvariantCulture,
                $"{run.Name.PadRight(width)}  {run.State,-8}  {Number(run.Last?.Epoch, "0.0"),7} "
                + $"{Loss(run.Last?.TrainLoss),10} {Loss(run.LastEpoch?.EvalLoss),10} {Loss(run.Best?.EvalLoss),10} "
                + $"{Number(run.Last?.Seconds / 60, "0"),8} {Number(run.Last?.ImagesPerSecond, "0.0"),9}  {Curve(run)}");
        return text.ToString();
    }

    /// <summary>The test loss by epoch, on the logarithmic scale where it is above 0, from its least to its greatest.</summary>
    private static string Curve(Run run)
    {
        double[] losses = [.. run.Epochs.Select(entry => entry.EvalLoss!.Value)];
        if (losses.Length == 0)
            return "";
        if (losses.All(loss => loss > 0))
            losses = Array.ConvertAll(losses, Math.Log);
        return Sparkline.Of(losses, CurveWidth, losses.Min(), losses.Max());
    }

    /// <summary>The settings that are not the same in all runs, with the value of each.</summary>
    private static Dictionary<string, string[]> Differences(List<Run> runs)
    {
        var settings = runs.Select(run => run.Configuration is { } text
            ? SettingsList.Of(Configuration.ParseExperiment(text, $"{run.Name}/config.toml")) : []).ToList();
        return settings.SelectMany(of => of.Keys).Distinct().Order(StringComparer.Ordinal)
            .Select(key => (Key: key, Values: settings.Select(of => of.GetValueOrDefault(key, SettingsList.Unset)).ToArray()))
            .Where(setting => setting.Values.Distinct().Count() > 1)
            .ToDictionary(setting => setting.Key, setting => setting.Values);
    }

    private static string Settings(List<Run> runs, Dictionary<string, string[]> settings)
    {
        if (settings.Count == 0)
            return "All settings are the same.\n";
        var rows = settings.Select(setting => setting.Value.Prepend(setting.Key).ToArray())
            .Prepend([.. runs.Select(run => run.Name).Prepend("setting")]).ToList();
        int[] widths = [.. Enumerable.Range(0, rows[0].Length).Select(column => rows.Max(row => row[column].Length))];
        return string.Concat(rows.Select(
            row => string.Join("  ", row.Select((cell, column) => cell.PadRight(widths[column]))).TrimEnd() + "\n"));
    }

    private static string Epochs(List<Run> runs)
    {
        int count = runs.Max(run => run.Epochs.Count);
        if (count == 0)
            return "";
        int width = Math.Max(10, runs.Max(run => run.Name.Length));
        var text = new StringBuilder("epoch").AppendLine(string.Concat(runs.Select(run => "  " + run.Name.PadLeft(width))));
        for (int i = 0; i < count; i++)
            text.Append(CultureInfo.InvariantCulture, $"{i + 1,5}").AppendLine(string.Concat(runs.Select(
                run => "  " + (i < run.Epochs.Count ? Loss(run.Epochs[i].EvalLoss) : "").PadLeft(width))));
        return text.ToString();
    }

    private static string Loss(double? loss) => Number(loss, "0.####");

    private static string Number(double? value, string format) => value?.ToString(format, CultureInfo.InvariantCulture) ?? "";
}
