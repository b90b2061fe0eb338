using System.Runtime.InteropServices;

namespace Mezzotint.Cli;

/// <summary>Ctrl-C and SIGTERM as a cancellation: the first asks the command to end in good order, the second ends it at once.</summary>
internal sealed class StopSignals : IDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private readonly PosixSignalRegistration[] _registrations;

    public StopSignals() =>
        _registrations = [.. new[] { PosixSignal.SIGINT, PosixSignal.SIGTERM }.Select(signal => PosixSignalRegistration.Create(signal, Handle))];

    public CancellationToken Token => _stop.Token;

    private void Handle(PosixSignalContext context)
    {
        if (_stop.IsCancellationRequested)
        {
            if (!Console.IsErrorRedirected)
                Console.Error.Write("\e[?25h"); // a progress bar had hidden the cursor
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
