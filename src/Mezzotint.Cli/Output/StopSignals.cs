using System.Globalization;
using System.Runtime.InteropServices;

namespace Mezzotint.Cli.Output;

/// <summary>Ctrl-C, SIGTERM and SIGHUP (the terminal is closed), and on Windows Ctrl-Break, as a cancellation: the first asks the
/// command to end in good order, the second ends it at once.</summary>
/// <remarks>
/// Windows says with SIGHUP that the window is closed, and with SIGTERM that it shuts down. It ends the process as soon as the
/// handler returns, and some seconds later in any case: Microsoft, "HandlerRoutine callback function".
/// </remarks>
internal sealed class StopSignals : IDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private readonly PosixSignalRegistration[] _registrations;
    private volatile bool _isEnding;

    public StopSignals() =>
        _registrations = [.. Signals().Select(signal => PosixSignalRegistration.Create(signal, Handle))];

    public CancellationToken Token => _stop.Token;

    /// <summary>nohup starts a program with SIGHUP ignored: it is to outlive its terminal. SIGQUIT is Ctrl-Break on Windows;
    /// elsewhere it asks for a core dump.</summary>
    private static IEnumerable<PosixSignal> Signals() =>
    [
        PosixSignal.SIGINT, PosixSignal.SIGTERM,
        .. HangUpIsIgnored() ? Array.Empty<PosixSignal>() : [PosixSignal.SIGHUP],
        .. OperatingSystem.IsWindows() ? [PosixSignal.SIGQUIT] : Array.Empty<PosixSignal>(),
    ];

    private static bool HangUpIsIgnored()
    {
        const string Ignored = "SigIgn:", Status = "/proc/self/status"; // a mask of the ignored signals, SIGHUP the lowest bit
        if (!File.Exists(Status))
            return false; // other systems: .NET itself leaves an ignored signal alone
        string? line = File.ReadLines(Status).FirstOrDefault(line => line.StartsWith(Ignored, StringComparison.Ordinal));
        var digits = line.AsSpan(line is null ? 0 : Ignored.Length).Trim();
        return ulong.TryParse(digits, NumberStyles.HexNumber, CultureInfo.InvariantCulture, out ulong mask) && (mask & 1) != 0;
    }

    private void Handle(PosixSignalContext context)
    {
        if (_stop.IsCancellationRequested)
        {
            if (!Console.IsErrorRedirected)
                new MessageWriter(Console.Error).Write("\e[?25h"); // a progress bar had hidden the cursor
            Environment.Exit(CommandLine.Stopped);
        }
        context.Cancel = true;
        _isEnding = OperatingSystem.IsWindows() && context.Signal is (PosixSignal.SIGHUP or PosixSignal.SIGTERM);
        _stop.Cancel();
        if (_isEnding)
            Thread.Sleep(Timeout.Infinite); // until the command has ended, and with it the process
    }

    public void Dispose()
    {
        if (_isEnding)
            return; // a handler that waits keeps the system from taking others away
        foreach (var registration in _registrations)
            registration.Dispose();
        _stop.Dispose();
    }
}
