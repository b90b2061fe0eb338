using Mezzotint.Cli.Output;
using Mezzotint.Cli.Verbs;
using Mezzotint.Runtime;

namespace Mezzotint.Cli;

/// <summary>
/// The command under <c>mpirun</c>: process 0 does and tells what one process would. The others wait until it wants them, and say
/// nothing but their errors; commands that have no work for them never do.
/// </summary>
internal static class Processes
{
    /// <summary>The order to the other processes to run the same command, as far as it draws images.</summary>
    public const int Draw = 1;

    /// <summary>The order to train what process 0 sends.</summary>
    public const int Train = 2;

    public static int Run(string[] args, Terminal terminal)
    {
        Exchange exchange;
        try
        {
            exchange = Exchange.OfProcess();
        }
        catch (MezzotintException error)
        {
            return Failure.Report(error, terminal);
        }
        if (exchange.IsAlone)
            return CommandLine.Run(args, terminal);
        using (exchange)
        {
            int code = exchange.IsFirst
                ? CommandLine.Run(args, terminal with { Exchange = exchange }) : Help(args, terminal.OfHelper(exchange));
            if (code != CommandLine.Done)
                exchange.Abort(code); // the others may wait for this one
            return code;
        }
    }

    private static int Help(string[] args, Terminal terminal)
    {
        try
        {
            int code = CommandLine.Done;
            while (code == CommandLine.Done && terminal.Exchange.Await() is var order and not 0)
                code = order == Train ? TrainingSession.Follow(terminal) : CommandLine.Run(args, terminal);
            return code;
        }
#pragma warning disable CA1031 // the last place where an exception can become a line that a person can use
        catch (Exception error)
#pragma warning restore CA1031
        {
            return Failure.Report(error, terminal);
        }
    }
}
