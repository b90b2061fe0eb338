using System.Diagnostics;
using System.Globalization;
using Mezzotint.Cli.Output;
using Mezzotint.Formats;
using Mezzotint.Models;
using Mezzotint.Runs;
using Mezzotint.Training;

namespace Mezzotint.Cli.Tests;

/// <summary>A training that is stopped, politely or not, goes on to the bit as if it never had been.</summary>
public sealed class StopTests : IDisposable
{
    /// <summary>With this variable set to 1, the training is killed 50 times instead of 5.</summary>
    private const string SlowVariable = "MEZZOTINT_SLOW";

    private readonly ScratchFolder _scratch = new();

    public StopTests() => _scratch.Write("tiny.toml", TinyTraining.Toml);

    public void Dispose() => _scratch.Dispose();

    [Theory]
    [InlineData("TERM")]
    [InlineData("INT")]
    [InlineData("HUP")]
    public void A_signal_leaves_a_checkpoint_and_exit_code_130(string signal)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Signals of POSIX.");
        Assert.SkipWhen(IsIgnored(signal), "This process was started with the signal ignored, and so would the program be.");
        using var process =
            Command.Start(_scratch.Path, ["train", "tiny.toml", "--out", "run", "--set", "training.epochs=100000", "--json"]);
        while (Checkpoints("run").Length == 0 && !process.HasExited)
            Thread.Sleep(20);
        using (var kill = Process.Start("kill", ["-" + signal, process.Id.ToString(CultureInfo.InvariantCulture)]))
            kill.WaitForExit();
        var outcome = Command.Finish(process);

        Assert.Equal(130, outcome.ExitCode);
        long step = Checkpoint.Read(Checkpoints("run")[^1]).Step;
        Assert.Contains(
            $"mezzotint: stopped at step {step}; a checkpoint is kept. Go on with: mezzotint train tiny.toml --out run --resume",
            outcome.Error, StringComparison.Ordinal);
        Assert.Contains("\"finished\":false", outcome.Out, StringComparison.Ordinal);

        long epochs = step / TinyTraining.StepsPerEpoch + 1;
        var resumed =
            Command.RunProgram(
                _scratch.Path, "train", "tiny.toml", "--out", "run", "--resume", "--set", $"training.epochs={epochs}");
        Assert.Equal(0, resumed.ExitCode);
        var undisturbed =
            Command.RunProgram(_scratch.Path, "train", "tiny.toml", "--out", "undisturbed", "--set", $"training.epochs={epochs}");
        Assert.Equal(0, undisturbed.ExitCode);
        AssertSameResult("undisturbed", "run");
    }

    [Fact]
    public void A_classifier_that_is_stopped_goes_on_by_the_same_command_to_the_same_weights()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Signals of POSIX.");
        Assert.SkipWhen(IsIgnored("TERM"), "This process was started with the signal ignored, and so would the program be.");
        TinyMnist.Write(_scratch["digits", "mnist"], train: 256, test: 10);
        static string[] Train(string folder) =>
            ["train-classifier", "--data", "digits", "--architecture", "plain", "--epochs", "12", "--out", folder];
        using var process = Command.Start(_scratch.Path, Train("stopped"));
        while (Checkpoints("stopped/run").Length == 0 && !process.HasExited)
            Thread.Sleep(20);
        using (var kill = Process.Start("kill", ["-TERM", process.Id.ToString(CultureInfo.InvariantCulture)]))
            kill.WaitForExit();
        var stopped = Command.Finish(process);
        Assert.Equal(130, stopped.ExitCode);
        Assert.Contains("a checkpoint is kept. The same command goes on from it.", stopped.Error, StringComparison.Ordinal);
        Assert.False(ClassifierFolder.Exists(_scratch["stopped"]));

        var resumed = Command.RunProgram(_scratch.Path, Train("stopped"));
        Assert.Equal(0, resumed.ExitCode);
        Assert.Contains("Going on with the training that was stopped", resumed.Error, StringComparison.Ordinal);
        Assert.Equal(0, Command.RunProgram(_scratch.Path, Train("undisturbed")).ExitCode);
        var (expected, actual) = (Weights("undisturbed"), Weights("stopped"));
        foreach (var (name, tensor) in expected)
            Assert.True(tensor.Bytes.Span.SequenceEqual(actual[name].Bytes.Span), name);

        IReadOnlyDictionary<string, TensorData> Weights(string folder) =>
            SafetensorsFile.Read(_scratch[folder, ModelFolder.WeightsFile]).Tensors;
    }

    [Fact]
    public void A_training_under_nohup_outlives_its_terminal()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "The mask of ignored signals is read from /proc.");
        using var process = Command.StartShell(
            _scratch.Path, "trap '' HUP; exec ", "", "train", "tiny.toml", "--out", "run", "--set", "training.epochs=4");
        while (Checkpoints("run").Length == 0 && !process.HasExited)
            Thread.Sleep(20);
        using (var kill = Process.Start("kill", ["-HUP", process.Id.ToString(CultureInfo.InvariantCulture)]))
            kill.WaitForExit();
        Assert.Equal(0, Command.Finish(process).ExitCode);
    }

    [Theory]
    [InlineData("2>/dev/full")]
    [InlineData("2>&-")]
    public void A_training_goes_on_where_its_messages_cannot_be_written(string redirection)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "There is no /dev/full.");
        using var process = Command.StartShell(_scratch.Path, "exec ", redirection, "train", "tiny.toml", "--out", "run");
        var outcome = Command.Finish(process);
        Assert.Equal(0, outcome.ExitCode);
        Assert.Contains("model  ", outcome.Out, StringComparison.Ordinal);
        Assert.True(ModelFolder.Exists(_scratch["run", "model"]));
    }

    [Theory]
    [InlineData("train", "missing.toml", "2>/dev/full")]
    [InlineData("train", "missing.toml", "2>&-")]
    [InlineData("samplers", "", ">/dev/full")]
    [InlineData("--help", "", ">/dev/full")]
    [InlineData("inspect", "tiny.toml", ">/dev/full 2>/dev/full")]
    public void A_failure_that_cannot_be_told_is_still_exit_code_1(string verb, string argument, string redirection)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "There is no /dev/full.");
        using var process = Command.StartShell(
            _scratch.Path, "exec ", redirection, argument.Length > 0 ? [verb, argument] : [verb]);
        Assert.Equal(1, Command.Finish(process).ExitCode);
    }

    [Fact]
    public void A_sampling_that_is_stopped_says_so_and_writes_nothing()
    {
        using var stop = new CancellationTokenSource();
        stop.Cancel();
        using var error = new StringWriter();
        string model = TinyTraining.WriteModel(_scratch["model"]);
        int exitCode =
            CommandLine.Run(
                ["sample", model, "--out", _scratch["x.png"]],
                new Terminal(TextReader.Null, TextWriter.Null, error) { Stop = stop.Token });
        Assert.Equal(130, exitCode);
        Assert.EndsWith("\nmezzotint: stopped.\n", error.ToString(), StringComparison.Ordinal); // after what computes
        Assert.False(File.Exists(_scratch["x.png"]));
    }

    [Fact]
    public void Killed_at_random_moments_it_loses_no_checkpoint_and_ends_with_the_same_weights() => KillAndResume(5);

    [Fact]
    public void Killed_fifty_times_it_loses_no_checkpoint_and_ends_with_the_same_weights()
    {
        Assert.SkipUnless(
            Environment.GetEnvironmentVariable(SlowVariable) == "1",
            $"It takes minutes: set {SlowVariable}=1 to run it. Five kills are tried in any case.");
        KillAndResume(50);
    }

    /// <summary>Runs, each killed again and again until it is through, until there were so many kills in all.</summary>
    private void KillAndResume(int kills)
    {
        var clock = Stopwatch.StartNew();
        var undisturbed = Command.RunProgram(_scratch.Path, "train", "tiny.toml", "--out", "undisturbed");
        Assert.True(undisturbed.ExitCode == 0, $"Exit code {undisturbed.ExitCode}: {undisturbed.Error}");
        double whole = clock.Elapsed.TotalSeconds;

        int killed = 0, killedInTraining = 0;
        for (int run = 0; killed < kills; run++)
        {
            string name = $"run{run}";
            long lastStep = 0;
            while (true)
            {
                using var process = Command.Start(_scratch.Path, Train(name));
                var output = process.StandardError.ReadToEndAsync();
                bool finished = killed < kills
                    ? process.WaitForExit(TimeSpan.FromSeconds(whole * Random.Shared.NextDouble()))
                    : process.WaitForExit(Timeout.InfiniteTimeSpan);
                if (!finished)
                {
                    process.Kill();
                    process.WaitForExit();
                    killed++;
                }
                else
                    Assert.True(process.ExitCode == 0, $"Exit code {process.ExitCode}: {output.Result}");

                long step = 0;
                foreach (string checkpoint in Checkpoints(name))
                    step = Math.Max(step, Checkpoint.Read(checkpoint).Step); // each of them reads, its hash included
                Assert.True(step >= lastStep, $"The checkpoint of step {lastStep} is lost.");
                if (!finished && step > 0)
                    killedInTraining++;
                lastStep = step;
                if (finished)
                    break;
            }
            AssertSameResult("undisturbed", name);
        }
        TestContext.Current.SendDiagnosticMessage("{0} kills, {1} of them after the first checkpoint.", killed, killedInTraining);
    }

    private string[] Train(string name) =>
        ["train", "tiny.toml", "--out", name, .. RunFolder.Exists(_scratch[name]) ? ["--resume"] : Array.Empty<string>()];

    private string[] Checkpoints(string run) => RunComparison.Checkpoints(_scratch, run);

    private void AssertSameResult(string expected, string actual) =>
        RunComparison.AssertSameResult(_scratch, expected, actual);

    private static bool IsIgnored(string signal)
    {
        string? ignored = OperatingSystem.IsLinux()
            ? File.ReadLines("/proc/self/status").FirstOrDefault(line => line.StartsWith("SigIgn:", StringComparison.Ordinal))
                : null;
        return ignored is not null
            && (Convert.ToUInt64(ignored[7..].Trim(), 16) & (signal switch { "HUP" => 1ul, "INT" => 2ul, _ => 0ul })) != 0;
    }
}
