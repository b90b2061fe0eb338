using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Mezzotint.Cli.Tests;

/// <summary>
/// What a console of Windows tells its programs: in the program, by the <see cref="StartupHook"/>, as the system does it. Its
/// handlers are called on a thread of their own, and once they have returned from the closing of the window, the process ends.
/// </summary>
internal static class ConsoleEvent
{
    public const int Break = 1, Close = 2;      // CTRL_BREAK_EVENT, CTRL_CLOSE_EVENT

    private const string Variable = "MEZZOTINT_TEST_CONSOLE_EVENT";

    /// <summary>Lets a program that is about to be started get an event as soon as a file is there.</summary>
    public static void Prepare(ProcessStartInfo start, int which, string file) =>
        WindowsProgram.Hook(start, Variable, FormattableString.Invariant($"{which} {file}"));

    /// <summary>In the program.</summary>
    public static void Arm()
    {
        if (Environment.GetEnvironmentVariable(Variable)?.Split(' ', 2) is not [var which, var file])
            return;
        new Thread(() =>
        {
            while (!File.Exists(file))
                Thread.Sleep(5);
            _ = CtrlRoutine(which[0] - '0');
            if (which[0] - '0' == Close)
                Process.GetCurrentProcess().Kill();
        }) { IsBackground = true }.Start();
    }

    // What Windows begins that thread with.
    [DllImport("kernelbase"), DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    private static extern int CtrlRoutine(nint which);
}
