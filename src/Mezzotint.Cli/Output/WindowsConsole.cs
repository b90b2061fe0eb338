using System.Runtime.InteropServices;
using System.Text;

namespace Mezzotint.Cli.Output;

/// <summary>
/// Makes output on Windows what it is elsewhere, and puts the console back at the end: text is UTF-8, on the screen and in a
/// pipe, and the console obeys the codes for colours and for the cursor.
/// </summary>
internal sealed class WindowsConsole : IDisposable
{
    private const int StandardOutput = -11, StandardError = -12;    // STD_*_HANDLE
    private const uint VirtualTerminal = 4;                         // ENABLE_VIRTUAL_TERMINAL_PROCESSING

    private readonly Encoding? _before;
    private readonly List<(nint Handle, uint Mode)> _modes = [];

    public WindowsConsole()
    {
        if (!OperatingSystem.IsWindows())
            return;
        try
        {
            _before = Console.OutputEncoding;
            Console.OutputEncoding = new UTF8Encoding(encoderShouldEmitUTF8Identifier: false);
        }
        catch (IOException)
        {
            // There is no console, and no pipe either.
        }
        foreach (int which in new[] { StandardOutput, StandardError })
            if (GetStdHandle(which) is var handle && GetConsoleMode(handle, out uint mode)
                && SetConsoleMode(handle, mode | VirtualTerminal))
                _modes.Add((handle, mode));
    }

    public void Dispose()
    {
        foreach (var (handle, mode) in _modes)
            SetConsoleMode(handle, mode);
        try
        {
            if (_before is not null)
                Console.OutputEncoding = _before;
        }
        catch (IOException)
        {
            // It was closed meanwhile.
        }
    }

    [DllImport("kernel32"), DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    private static extern nint GetStdHandle(int which);

    [DllImport("kernel32"), DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    private static extern bool GetConsoleMode(nint handle, out uint mode);

    [DllImport("kernel32"), DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    private static extern bool SetConsoleMode(nint handle, uint mode);
}
