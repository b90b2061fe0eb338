using System.Text.Json;

namespace Mezzotint.Cli.Tests;

public sealed class DoctorTests : IDisposable
{
    private readonly ScratchFolder _scratch = new();

    public void Dispose() => _scratch.Dispose();

    [Fact]
    public void Doctor_reports_what_works()
    {
        var outcome = Command.Run("doctor", "--json");
        Assert.Equal((0, ""), (outcome.ExitCode, outcome.Error));
        var facts = JsonDocument.Parse(outcome.Out).RootElement;
        Assert.Equal(CommandLine.Version, facts.GetProperty("mezzotint").GetString());
        Assert.StartsWith("2.", facts.GetProperty("libtorch").GetString(), StringComparison.Ordinal);
        Assert.Equal(JsonValueKind.Null, facts.GetProperty("libtorch_problem").ValueKind);
        Assert.Equal(Environment.ProcessorCount, facts.GetProperty("cores").GetInt32());
        Assert.NotEmpty(facts.GetProperty("mnist_searched").EnumerateArray());
        string text = Command.Run("doctor").Out;
        foreach (
            string name in new[]
            {
                "mezzotint", ".NET", "TorchSharp", "libtorch", "system", "processor", "cores", "memory", "CUDA", "MNIST",
                "models", "cache",
            })
            Assert.Contains("\n" + name + " ", "\n" + text, StringComparison.Ordinal);
    }

    [Fact]
    public void Doctor_tells_why_libtorch_is_missing_and_what_to_do()
    {
        CopyProgram(withTorchSharp: true);
        var outcome = RunCopy("doctor");
        Assert.Equal((1, ""), (outcome.ExitCode, outcome.Error));
        Assert.Contains("libtorch    does not load\n            -> ", outcome.Out, StringComparison.Ordinal);
        if (OperatingSystem.IsLinux())
            Assert.Contains("add the package libtorch-cpu-linux-x64", outcome.Out, StringComparison.Ordinal);
        Assert.Contains("models      none in ", outcome.Out, StringComparison.Ordinal);
    }

    [Fact]
    public void What_draws_nothing_needs_no_TorchSharp()
    {
        CopyProgram(withTorchSharp: false);
        Assert.Equal(0, RunCopy("--help").ExitCode);
        Assert.Equal(0, RunCopy("train", "--help").ExitCode);
        Assert.Equal(0, RunCopy("--version").ExitCode);
        Assert.Contains("did you mean 'sample'?", RunCopy("smaple").ErrorLine, StringComparison.Ordinal);
        Assert.Equal(0, RunCopy("data", "list").ExitCode);
        Assert.Contains("There is no model yet", RunCopy("sample").ErrorLine, StringComparison.Ordinal);
        var doctor = RunCopy("doctor");
        Assert.Equal((1, ""), (doctor.ExitCode, doctor.Error));
        Assert.Contains("TorchSharp  not found", doctor.Out, StringComparison.Ordinal);
    }

    /// <summary>The program without its native libraries, in a folder that has no repository above it.</summary>
    private void CopyProgram(bool withTorchSharp)
    {
        Directory.CreateDirectory(_scratch["program"]);
        foreach (string file in Directory.GetFiles(Command.ProgramFolder))
        {
            string name = Path.GetFileName(file);
            bool managed = name.EndsWith(".dll", StringComparison.Ordinal) && new FileInfo(file).Length < 20_000_000;
            bool settings = name.StartsWith("Mezzotint.Cli.", StringComparison.Ordinal)
                && name.EndsWith(".runtimeconfig.json", StringComparison.Ordinal);
            if ((managed || settings) && (withTorchSharp || name != "TorchSharp.dll"))
                File.Copy(file, _scratch["program", name]);
        }
    }

    private Outcome RunCopy(params string[] args)
    {
        using var process = Command.Start(_scratch.Path, args, _scratch["program"]);
        return Command.Finish(process);
    }
}
