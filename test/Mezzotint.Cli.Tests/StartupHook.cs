using System.Diagnostics;
using System.Text.RegularExpressions;
using Mezzotint.Formats;

namespace Mezzotint.Cli.Tests
{
    /// <summary>Kills the real program before a step of a writer, by name: .NET runs a <see cref="StartupHook"/> before Main of a
    /// program that it is started for (DOTNET_STARTUP_HOOKS). The product knows nothing of it.</summary>
    internal static partial class DyingProgram
    {
        /// <summary>A file that gets the name of each step, or with <see cref="DieVariable"/> of the last alone.</summary>
        private const string LogVariable = "MEZZOTINT_TEST_STEPS";

        /// <summary>A file with the names of steps, one a line: the process kills itself before the first that it comes
        /// to.</summary>
        private const string DieVariable = "MEZZOTINT_TEST_DIE_BEFORE";

        /// <summary>Lets a program that is about to be started die before one of some steps.</summary>
        public static void Prepare(ProcessStartInfo start, string log, string? dieBefore, string? assembly = null)
        {
            start.Environment["DOTNET_STARTUP_HOOKS"] = assembly ?? typeof(DyingProgram).Assembly.Location;
            start.Environment[LogVariable] = log;
            if (dieBefore is not null)
                start.Environment[DieVariable] = dieBefore;
        }

        /// <summary>In the program.</summary>
        public static void Arm()
        {
            if (Environment.GetEnvironmentVariable(LogVariable) is not { } log)
                return;
            string root = Directory.GetCurrentDirectory();
            string? file = Environment.GetEnvironmentVariable(DieVariable);
            HashSet<string>? fatal = file is null ? null : [.. File.ReadAllLines(file)];
            AtomicFile.BeforeStep = (step, path) =>
            {
                string name = Name(step, Path.GetRelativePath(root, path));
                if (fatal?.Contains(name) == false)
                    return;
                File.AppendAllText(log, name + "\n");
                if (fatal is not null)
                    Process.GetCurrentProcess().Kill(); // SIGKILL: nothing is cleaned up
            };
        }

        /// <summary>As <c>run/model/*/config.json: rename</c>: the same for every temporary folder, step and process.</summary>
        private static string Name(string step, string path) =>
            $"{Digits().Replace(Temporary().Replace(path.Replace('\\', '/'), "*"), "#")}: {step}";

        [GeneratedRegex(@"\.mezzotint-[0-9a-f-]+\.tmp")]
        private static partial Regex Temporary();

        [GeneratedRegex("[0-9]+")]
        private static partial Regex Digits();
    }
}

#pragma warning disable CA1050 // .NET looks for it under this name
internal static class StartupHook
#pragma warning restore CA1050
{
    public static void Initialize()
    {
        Mezzotint.Cli.Tests.EngineBits.Arm();
        Mezzotint.Cli.Tests.CommandList.Arm();
        Mezzotint.Cli.Tests.ConsoleEvent.Arm();
        Mezzotint.Cli.Tests.HoldingProgram.Arm();
        Mezzotint.Cli.Tests.DyingProgram.Arm();
    }
}
