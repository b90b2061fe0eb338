using System.Diagnostics;
using System.Text.Json.Serialization;
using Mezzotint.Cli.Output;

namespace Mezzotint.Cli.Tests;

/// <summary>What a command said and how it ended.</summary>
internal sealed record Outcome(int ExitCode, string Out, string Error)
{
    /// <summary>The only line of the error output that is an error.</summary>
    [JsonIgnore]
    public string ErrorLine => Assert.Single(Error.Split('\n'), line => line.StartsWith("mezzotint", StringComparison.Ordinal));
}

/// <summary>Runs the command: in this process where that is enough, or as the real program.</summary>
internal static class Command
{
    /// <summary>Where tests on MNIST have it; the command under test gets data by its options alone.</summary>
    private const string DataVariable = "MEZZOTINT_DATA";

    /// <summary>The built program, which lies beside the tests.</summary>
    public static string ProgramFolder => AppContext.BaseDirectory;

    public static Outcome Run(params string[] args) => RunWithInput("", args);

    public static Outcome RunWithInput(string input, params string[] args)
    {
        using var output = new StringWriter();
        using var error = new StringWriter();
        string? data = Environment.GetEnvironmentVariable(DataVariable);
        Environment.SetEnvironmentVariable(DataVariable, null);
        try
        {
            int exitCode = CommandLine.Run(args, new Terminal(new StringReader(input), output, error));
            return new Outcome(exitCode, output.ToString(), error.ToString());
        }
        finally
        {
            Environment.SetEnvironmentVariable(DataVariable, data);
        }
    }

    /// <summary>Runs it in this process, in another folder; tests run one after the other.</summary>
    public static Outcome RunIn(string workingFolder, params string[] args) => RunIn(workingFolder, "", args);

    public static Outcome RunIn(string workingFolder, string input, string[] args)
    {
        Directory.SetCurrentDirectory(workingFolder);
        try
        {
            return RunWithInput(input, args);
        }
        finally
        {
            Directory.SetCurrentDirectory(AppContext.BaseDirectory);
        }
    }

    /// <summary>Starts the real program, with its output redirected.</summary>
    /// <param name="workingFolder">Where.</param>
    /// <param name="args">Its arguments.</param>
    /// <param name="programFolder">Where the program is; null for beside the tests.</param>
    /// <param name="prepare">Changes how it is started.</param>
    public static Process Start(
        string workingFolder, string[] args, string? programFolder = null, Action<ProcessStartInfo>? prepare = null)
    {
        var start = new ProcessStartInfo("dotnet", [Path.Combine(programFolder ?? ProgramFolder, "Mezzotint.Cli.dll"), .. args])
        {
            WorkingDirectory = workingFolder,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        prepare?.Invoke(start);
        return StartQuietly(start);
    }

    /// <summary>Starts the real program through a shell, with <paramref name="before"/> and <paramref name="redirection"/> as
    /// they are written there.</summary>
    public static Process StartShell(string workingFolder, string before, string redirection, params string[] args) =>
        StartQuietly(new ProcessStartInfo(
        "sh", ["-c", $"{before}dotnet \"$@\" {redirection}", "sh", Path.Combine(ProgramFolder, "Mezzotint.Cli.dll"), .. args])
    {
        WorkingDirectory = workingFolder,
        RedirectStandardInput = true,
        RedirectStandardOutput = true,
        RedirectStandardError = true,
    });

    /// <summary>Starts a program without the variables that the machine has for the command.</summary>
    public static Process StartQuietly(ProcessStartInfo start)
    {
        start.Environment.Remove(DataVariable);
        start.Environment.Remove("MEZZOTINT_TRACE");
        return Process.Start(start)!;
    }

    public static Outcome Finish(Process process)
    {
        var output = process.StandardOutput.ReadToEndAsync();
        var error = process.StandardError.ReadToEndAsync();
        process.StandardInput.Close();
        process.WaitForExit();
        return new Outcome(process.ExitCode, output.Result, error.Result);
    }

    public static Outcome RunProgram(string workingFolder, params string[] args)
    {
        using var process = Start(workingFolder, args);
        return Finish(process);
    }
}
