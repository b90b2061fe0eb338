using Mezzotint.Runs;

namespace Mezzotint.Cli.Tests;

/// <summary>A training whose learning rate is too high says so, and goes on with a lower one.</summary>
public sealed class DivergedTests : IDisposable
{
    private readonly ScratchFolder _scratch = new();

    public DivergedTests() => _scratch.Write("tiny.toml", TinyTraining.Toml);

    public void Dispose() => _scratch.Dispose();

    [Theory]
    [InlineData(1)]
    [InlineData(1000)]
    public void It_fails_with_one_line_and_finishes_when_resumed_with_a_lower_rate(int checkpointEvery)
    {
        string every = $"training.checkpoint_every={checkpointEvery}";
        var failed = Command.Run(
            "train", _scratch["tiny.toml"], "--out", _scratch["run"], "--set", "training.learning_rate=30", "--set", every,
            "--set", "training.log_every=1");
        Assert.Equal(1, failed.ExitCode);
        Assert.Contains(
            "the training has diverged, because training.learning_rate = 30 is too high", failed.ErrorLine,
            StringComparison.Ordinal);
        Assert.Contains("--resume --set training.learning_rate=3.", failed.ErrorLine, StringComparison.Ordinal);

        var resumed = Command.Run(
            "train", _scratch["tiny.toml"], "--out", _scratch["run"], "--resume", "--set", "training.learning_rate=1e-3");
        Assert.True(resumed.ExitCode == 0, resumed.Error);
        Assert.Contains("The learning rate is 0.001 from here on; it was 30.", resumed.Error, StringComparison.Ordinal);
        Assert.Contains("learning_rate = 0.001", File.ReadAllText(_scratch["run", "config.toml"]), StringComparison.Ordinal);
        Assert.Equal(0.001, RunLog.Read(_scratch["run", "log.jsonl"])[^1].LearningRate);
    }

    [Theory]
    [InlineData("training.learning_rate=0.5", "can only become lower")]
    [InlineData("training.beta1=0.5", "cannot change on the way")]
    public void What_would_change_the_past_is_refused_with_the_reason(string set, string reason)
    {
        Assert.Equal(
            0, Command.Run("train", _scratch["tiny.toml"], "--out", _scratch["run"], "--set", "training.epochs=1").ExitCode);
        string before = File.ReadAllText(_scratch["run", "config.toml"]);
        var refused = Command.Run("train", _scratch["tiny.toml"], "--out", _scratch["run"], "--resume", "--set", set);
        Assert.Equal(1, refused.ExitCode);
        Assert.Contains(reason, refused.ErrorLine, StringComparison.Ordinal);
        Assert.Equal(before, File.ReadAllText(_scratch["run", "config.toml"]));
    }
}
