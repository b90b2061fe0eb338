using System.Text.Json;
using Mezzotint.Cli.Output;
using Mezzotint.Runs;

namespace Mezzotint.Cli.Tests;

/// <summary><c>mezzotint runs</c> on trainings that were done.</summary>
public sealed class RunsTests : IDisposable
{
    private readonly ScratchFolder _scratch = new();

    public RunsTests() => _scratch.Write("tiny.toml", TinyTraining.Toml);

    public void Dispose() => _scratch.Dispose();

    [Fact]
    public void Runs_are_listed_as_their_logs_say_and_compared_by_settings_and_epochs()
    {
        Done("train", "tiny.toml", "--out", "runs/first");
        Done("train", "tiny.toml", "--out", "runs/second", "--set", "training.learning_rate=0.02", "--set", "training.epochs=1");
        File.WriteAllText(_scratch["runs", "second", "heartbeat"], RunHeartbeat.Stopped);

        var listed = JsonDocument.Parse(Done("runs", "list", "--json")).RootElement.GetProperty("runs");
        Assert.Equal(["first", "second"], listed.EnumerateArray().Select(run => run.GetProperty("name").GetString()));
        Assert.Equal(["finished", "stopped"], listed.EnumerateArray().Select(run => run.GetProperty("state").GetString()));
        var epochs = RunLog.Read(_scratch["runs", "first", "log.jsonl"]).Where(entry => entry.EvalLoss is not null).ToList();
        Assert.Equal(epochs.Select(entry => entry.EvalLoss!.Value),
            listed[0].GetProperty("eval_losses").EnumerateArray().Select(loss => loss.GetDouble()));
        Assert.Equal(epochs.Min(entry => entry.EvalLoss), listed[0].GetProperty("best_eval_loss").GetDouble());
        Assert.Equal(TinyTraining.Epochs, listed[0].GetProperty("epoch").GetDouble());
        Assert.Contains("█", Done("runs", "list"), StringComparison.Ordinal);

        var compared = JsonDocument.Parse(Done("runs", "compare", "first", "runs/second", "--json")).RootElement;
        var settings = compared.GetProperty("settings").EnumerateObject().ToDictionary(
            setting => setting.Name, setting => setting.Value.EnumerateArray().Select(value => value.GetString()!).ToArray());
        Assert.Equal(["training.epochs", "training.learning_rate"], settings.Keys.Order(StringComparer.Ordinal));
        Assert.Equal([$"{TinyTraining.Epochs}", "1"], settings["training.epochs"]);
        Assert.Equal("0.02", settings["training.learning_rate"][1]);
        string text = Done("runs", "compare", "first", "second");
        Assert.Contains("training.learning_rate", text, StringComparison.Ordinal);
        Assert.Equal(1 + TinyTraining.Epochs, text.TrimEnd().Split("\nepoch")[1].Split('\n').Length);
        Assert.Contains("All settings are the same.", Done("runs", "compare", "first", "first"), StringComparison.Ordinal);
    }

    [Fact]
    public void What_is_no_run_is_named_in_one_line()
    {
        Refused("There is no folder 'runs'", "runs", "list");
        Directory.CreateDirectory(_scratch["runs"]);
        Refused("'runs' has no runs", "runs", "list");
        Refused("'nothing' is no run", "runs", "compare", "nothing", "more");
        _scratch.Write("runs/bad/log.jsonl", "{\"step\": 1}\n");
        Refused("log.jsonl", "runs", "list");
    }

    [Theory]
    [InlineData("▁▄▇█", new double[] { 0, 3, 6, 8 }, 10)]
    [InlineData("▂█", new double[] { 0, 3, 6, 8 }, 2)]
    [InlineData("▁", new double[] { 0 }, 5)]
    [InlineData("", new double[0], 5)]
    public void A_sparkline_has_the_mean_of_each_place(string expected, double[] values, int width) =>
        Assert.Equal(expected, Sparkline.Of(values, width, 0, 8));

    private string Done(params string[] arguments)
    {
        var outcome = Command.RunIn(_scratch.Path, arguments);
        Assert.True(outcome.ExitCode == 0, outcome.Error);
        return outcome.Out;
    }

    private void Refused(string message, params string[] arguments)
    {
        var outcome = Command.RunIn(_scratch.Path, arguments);
        Assert.Equal((1, ""), (outcome.ExitCode, outcome.Out));
        Assert.Contains(message, outcome.ErrorLine, StringComparison.Ordinal);
    }
}
