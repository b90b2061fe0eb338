using Mezzotint.Cli.Output;

namespace Mezzotint.Cli;

internal static class Program
{
    private static int Main(string[] args)
    {
        using var signals = new StopSignals();
        return CommandLine.Run(args, Terminal.OfProcess(signals.Token));
    }
}
