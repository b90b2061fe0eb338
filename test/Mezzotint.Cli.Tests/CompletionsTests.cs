using System.Diagnostics;

namespace Mezzotint.Cli.Tests;

public class CompletionsTests
{
    private static string[] After(string line) =>
        Command.Run("complete", line).Out.Split('\n', StringSplitOptions.RemoveEmptyEntries);

    [Theory]
    [InlineData("mezzotint sa", "sample", "samplers")]
    [InlineData("mezzotint completions ", "bash", "zsh", "fish", "pwsh")]
    [InlineData("mezzotint plot ", "schedules", "levels", "trajectories", "error", "figures")]
    [InlineData("mezzotint sample --samp", "--sampler")]
    [InlineData("mezzotint sample --sampler he", "heun")]
    [InlineData("mezzotint sample seed --sampler dpmpp-2", "dpmpp-2s", "dpmpp-2s-alternating", "dpmpp-2m", "dpmpp-2m-sde")]
    [InlineData("mezzotint sample --coordinate f", "flow")]
    [InlineData("mezzotint sample --guidance-kind c", "cfg", "cfg++")]
    [InlineData("mezzotint plot error --process e", "edm")]
    [InlineData("mezzotint sample see", "seed")]
    [InlineData("mezzotint evaluate --guidance-model see", "seed")]
    public void A_line_is_completed_by_the_words_that_may_come_next(string line, params string[] expected) =>
        Assert.Equal(expected.Order(), After(line).Order());

    [Theory]
    [InlineData("")]
    [InlineData("mezzotint sample --out ./pic")]
    [InlineData("mezzotint sample \"unended")]
    [InlineData("mezzotint nothing --like that")]
    [InlineData("mezzotint sample --sampler heun --steps 5 --label 1 --out x.png --count 1")]
    public void A_line_that_goes_nowhere_is_no_error(string line) =>
        Assert.Equal((0, ""), (Command.Run("complete", line) is var outcome ? outcome.ExitCode : -1, outcome.Error));

    [Fact]
    public void The_question_that_scripts_ask_is_not_shown_among_the_commands()
    {
        Assert.DoesNotContain("  complete", Command.Run("--help").Out, StringComparison.Ordinal);
        Assert.DoesNotContain("complete,", Command.Run().Error, StringComparison.Ordinal);
        Assert.DoesNotContain("complete", After("mezzotint comp"));
    }

    [Fact]
    public void A_shell_that_is_not_known_is_refused_with_those_that_are() =>
        Assert.Contains(
            "SHELL takes bash, zsh, fish, pwsh, not 'tcsh'", Command.Run("completions", "tcsh").ErrorLine,
            StringComparison.Ordinal);

    /// <summary>Bash is on every machine that the tests run on; the other shells are tried where they are.</summary>
    [Theory]
    [InlineData(
        "bash",
        """COMP_LINE="mezzotint sample --sampler deis --lev"; COMP_POINT=36; _mezzotint; echo "${COMPREPLY[@]}" """,
        "--levels")]
    [InlineData(
        "bash",
        """COMP_LINE="mezzotint samp --sampler"; COMP_POINT=14; _mezzotint; echo "${COMPREPLY[@]}" """,
        "sample samplers")]
    [InlineData("fish", "complete -C 'mezzotint sample --sampler unip'", "unipc")]
    public void The_script_completes_in_the_shell_itself(string shell, string question, string expected)
    {
        Assert.SkipUnless(OnPath(shell), $"There is no {shell} here.");
        using var folder = new ScratchFolder();
        string program = Path.Combine(folder.Path, "mezzotint");
        File.WriteAllText(
            program, $"#!/bin/sh\nexec dotnet '{Path.Combine(Command.ProgramFolder, "Mezzotint.Cli.dll")}' \"$@\"\n");
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(program, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        var start = new ProcessStartInfo(shell, ["-c", $"{Command.Run("completions", shell).Out}\n{question}"])
            { RedirectStandardOutput = true, RedirectStandardInput = true, RedirectStandardError = true };
        start.Environment["PATH"] = $"{folder.Path}:{Environment.GetEnvironmentVariable("PATH")}";
        using var process = Process.Start(start)!;
        Assert.Equal((0, expected), (Command.Finish(process) is var outcome ? outcome.ExitCode : -1, outcome.Out.Trim()));
    }

    private static bool OnPath(string program) =>
        Environment.GetEnvironmentVariable("PATH")!.Split(':').Any(folder => File.Exists(Path.Combine(folder, program)));
}
