using Mezzotint.Cli.Output;
using Mezzotint.Runtime;

namespace Mezzotint.Cli;

internal static class Program
{
    private static int Main(string[] args)
    {
        // mpirun gives its processes a terminal of their own, and copies what they write there: it is none.
        if (Exchange.IsStartedByMpirun)
            Environment.SetEnvironmentVariable("TERM", "dumb");
        using var console = new WindowsConsole();
        using var signals = new StopSignals();
        return Processes.Run(args, Terminal.OfProcess(signals.Token));
    }
}
