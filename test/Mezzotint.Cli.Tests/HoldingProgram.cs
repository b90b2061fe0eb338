using System.Diagnostics;
using Mezzotint.Formats;

namespace Mezzotint.Cli.Tests;

/// <summary>A program that has a file open and in memory, as a reader of weights has, until its input ends: by the
/// <see cref="StartupHook"/>.</summary>
internal static class HoldingProgram
{
    /// <summary>What it says once it has it open.</summary>
    public const string Held = "held";

    private const string Variable = "MEZZOTINT_TEST_HOLD";

    /// <summary>Lets a program that is about to be started do nothing else.</summary>
    public static void Prepare(ProcessStartInfo start, string file) => WindowsProgram.Hook(start, Variable, file);

    /// <summary>In the program.</summary>
    public static void Arm()
    {
        if (Environment.GetEnvironmentVariable(Variable) is not { } file)
            return;
        using (MappedFile.Open(file))
        {
            Console.WriteLine(Held);
            Console.In.ReadToEnd();
        }
        Environment.Exit(0);
    }
}
