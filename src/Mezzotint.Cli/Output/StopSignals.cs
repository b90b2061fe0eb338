using System.Globalization;
using System.Runtime.InteropServices;

namespace Mezzotint.Cli.Output;

/// <summary>Ctrl-C, SIGTERM and SIGHUP (the terminal is closed) as a cancellation: the first asks the command to end in good
/// order, the second ends it at once.</summary>
internal sealed class StopSignals : IDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private readonly PosixSignalRegistration[] _registrations;

    public StopSignals() =>
        _registrations = [.. Signals().Select(signal => PosixSignalRegistration.Create(signal, Handle))];

    public CancellationToken Token => _stop.Token;

    /// <summary>nohup starts a program with SIGHUP ignored: it is to outlive its terminal.</summary>
    private static IEnumerable<PosixSignal> Signals() =>
        HangUpIsIgnored() ? [PosixSignal.SIGINT, PosixSignal.SIGTERM]
            : [PosixSignal.SIGINT, PosixSignal.SIGTERM, PosixSignal.SIGHUP];

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
        _stop.Cancel();
    }

    public void Dispose()
    {
        foreach (var registration in _registrations)
            registration.Dispose();
        _stop.Dispose();
    }
}
