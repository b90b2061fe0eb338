using Mezzotint.Formats;
using Mezzotint.Models;
using Mezzotint.Runs;

namespace Mezzotint.Cli.Tests;

/// <summary>A training by the program for Windows: killed, stopped in each way of a console, and beside another.</summary>
[Collection(WindowsDefinition.Name), Trait("System", "Windows")]
public sealed class WindowsTrainingTests : IDisposable
{
    private readonly ScratchFolder _scratch = new();
    private readonly WindowsProgram _windows;

    /// <summary>The configuration has the line ends of Windows.</summary>
    public WindowsTrainingTests(WindowsProgram windows)
    {
        _windows = windows;
        _scratch.Write("tiny.toml", TinyTraining.Toml.ReplaceLineEndings("\r\n"));
    }

    public void Dispose() => _scratch.Dispose();

    [Fact]
    public void A_training_that_is_killed_resumes_to_the_bit_and_ends_where_it_does_on_Linux()
    {
        string[] train = ["train", "tiny.toml", "--set", "training.precision=float32", "--out"];
        using (var process = _windows.Start(_scratch.Path, [.. train, @"runs\killed"]))
        {
            UntilThirdStep(process, "runs/killed");
            process.Kill();
            process.WaitForExit();
        }
        _windows.SucceedAll(_scratch.Path, ["train", "--resume", "--out", @"runs\killed"], [.. train, @"runs\whole"]);
        var here = Command.RunIn(_scratch.Path, [.. train, "runs/here"]);
        Assert.True(here.ExitCode == 0, here.Error);

        string file = Path.Combine("model", ModelFolder.WeightsFile);
        var whole = SafetensorsFile.Read(_scratch["runs", "whole", file]).Tensors;
        foreach (var (name, tensor) in SafetensorsFile.Read(_scratch["runs", "killed", file]).Tensors)
            Assert.True(tensor.Bytes.Span.SequenceEqual(whole[name].Bytes.Span), $"{name} differs.");
        double Loss(string run) => RunLog.Read(_scratch["runs", run, "log.jsonl"])[^1].EvalLoss!.Value;
        Assert.Equal(Loss("here"), Loss("whole"), 1e-3 * Loss("here"));
    }

    /// <summary>Windows takes capitals for small letters: <c>RUN</c> is the folder of the first.</summary>
    [Fact]
    public async Task Two_trainings_do_not_share_a_folder_and_Ctrl_C_keeps_a_checkpoint()
    {
        using var process = _windows.StartInTerminal(_scratch.Path, $"{Endless} --out run");
        var shown = process.StandardOutput.ReadToEndAsync();
        UntilThirdStep(process, "run");
        var second = _windows.Run(_scratch.Path, "train", "--resume", "--out", "RUN");
        Assert.Contains("Another process trains in 'RUN'", second.ErrorLine, StringComparison.Ordinal);
        await process.StandardInput.WriteAsync('\x03');
        await process.StandardInput.FlushAsync();
        await process.WaitForExitAsync();
        Assert.True(process.ExitCode == CommandLine.Stopped, await shown);
        AssertStopped("run");
    }

    /// <summary>Windows lets nobody write what a reader has open that does not expect it.</summary>
    [Fact]
    public async Task A_training_whose_log_is_open_elsewhere_waits_until_it_can_be_written()
    {
        using var process = _windows.Start(_scratch.Path, [.. Endless.Split(' '), "--out", "run"], start =>
        {
            ConsoleEvent.Prepare(start, ConsoleEvent.Break, "stop");
            DyingProgram.Prepare(start, WindowsProgram.PathOf(_scratch["steps.txt"]), null, WindowsProgram.Tests);
        });
        var shown = process.StandardError.ReadToEndAsync();
        UntilThirdStep(process, "run");
        using var holder = _windows.Start(
            _scratch.Path, ["--version"], start => HoldingProgram.Prepare(start, @"run\log.jsonl"));
        Assert.Equal(HoldingProgram.Held, await holder.StandardOutput.ReadLineAsync());
        int before = Appended();
        while (Appended() == before)
            Assert.False(process.WaitForExit(5), "it ended by itself");
        holder.StandardInput.Close();
        int then = Appended();
        while (Appended() == then)
            Assert.False(process.WaitForExit(5), "it ended by itself");
        _scratch.Write("stop", "");
        await process.WaitForExitAsync();
        Assert.True(process.ExitCode == CommandLine.Stopped, await shown);

        int Appended() => File.ReadLines(_scratch["steps.txt"]).Count(line => line == "run/log.jsonl: append");
    }

    /// <summary>Windows ends a program whose window is closed as soon as it has said that it knows.</summary>
    [Theory]
    [InlineData(ConsoleEvent.Break)]
    [InlineData(ConsoleEvent.Close)]
    public async Task Ctrl_Break_and_closing_the_window_keep_a_checkpoint(int which)
    {
        using var process = _windows.Start(_scratch.Path, [.. Endless.Split(' '), "--out", "run"],
            start => ConsoleEvent.Prepare(start, which, "stop"));
        var shown = process.StandardError.ReadToEndAsync();
        UntilThirdStep(process, "run");
        _scratch.Write("stop", "");
        await process.WaitForExitAsync();
        Assert.True(process.ExitCode == CommandLine.Stopped, $"exit code {process.ExitCode}: {await shown}");
        AssertStopped("run");
    }

    private const string Endless = "train tiny.toml --set training.epochs=500";

    private void UntilThirdStep(System.Diagnostics.Process process, string run)
    {
        while (!File.Exists(_scratch[run, "checkpoints", "step-000000003.safetensors"]))
            Assert.False(process.WaitForExit(5), "it ended by itself");
    }

    private void AssertStopped(string run)
    {
        Assert.Equal("stopped", File.ReadAllText(_scratch[run, "heartbeat"]).Trim());
        var resumed = Command.RunIn(_scratch.Path, "train", "--resume", "--out", run, "--set", "training.epochs=1");
        Assert.True(resumed.ExitCode == 0, resumed.Error);
    }
}
