using Mezzotint.Runtime;

namespace Mezzotint.Cli.Output;

/// <summary>Errors as one line each: <c>mezzotint: </c>, the thing that is wrong, the remedy.</summary>
internal static class Failure
{
    /// <summary>With this variable set to 1, unexpected errors come with their stack trace.</summary>
    private const string TraceVariable = "MEZZOTINT_TRACE";

    /// <summary>Tells the error and gives the exit code that belongs to it.</summary>
    public static int Report(Exception error, Terminal terminal)
    {
        if (error is OperationCanceledException && terminal.Stop.IsCancellationRequested)
        {
            terminal.Say("mezzotint: stopped.");
            return CommandLine.Stopped;
        }
        bool trace = Environment.GetEnvironmentVariable(TraceVariable) == "1";
        terminal.SayFault(error switch
        {
            MezzotintException or IOException or UnauthorizedAccessException => MezzotintException.OneLine(error.Message),
            _ when Libtorch.Problem is { } problem => problem, // what fails then, fails for want of it
            _ when OutOfMemory.Is(error) => OutOfMemory.Message,
            _ =>
                $"{error.GetType().Name}: {FirstLine(error.Message)} This is unexpected, an error of the program; "
                + $"{TraceVariable}=1 shows where it arose.",
        });
        if (trace)
            terminal.Say(error.ToString());
        return CommandLine.Failed;
    }

    /// <summary>libtorch's errors carry a native stack trace below their first line.</summary>
    private static string FirstLine(string message) => MezzotintException.OneLine(message.Trim().Split('\n')[0]);
}
