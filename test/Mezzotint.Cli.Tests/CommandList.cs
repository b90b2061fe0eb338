using System.Diagnostics;
using System.Text.Json;

namespace Mezzotint.Cli.Tests;

/// <summary>Several commands in one program, by the <see cref="StartupHook"/>: under wine most of a command's time is its
/// start.</summary>
internal static class CommandList
{
    private const string Variable = "MEZZOTINT_TEST_COMMANDS";

    /// <summary>Lets a program that is about to be started run commands, one after the other, and end.</summary>
    /// <param name="start">How it is started.</param>
    /// <param name="file">A file with the commands as JSON, which gets their outcomes.</param>
    public static void Prepare(ProcessStartInfo start, string file) => WindowsProgram.Hook(start, Variable, file);

    /// <summary>In the program.</summary>
    public static void Arm()
    {
        if (Environment.GetEnvironmentVariable(Variable) is not { } file)
            return;
        string[][] commands = JsonSerializer.Deserialize<string[][]>(File.ReadAllText(file))!;
        File.WriteAllText(file, JsonSerializer.Serialize(commands.Select(Command.Run)));
        Environment.Exit(0);
    }
}
