using Microsoft.Extensions.Logging;

namespace Mezzotint.Cli.Output;

/// <summary>Warnings and errors of the server, a line each.</summary>
internal sealed class TerminalLog(Terminal terminal) : ILoggerProvider, ILogger
{
    private readonly object _lock = new();

    public ILogger CreateLogger(string categoryName) => this;

    public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Warning;

    public void Log<TState>(
        LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        if (!IsEnabled(logLevel))
            return;
        lock (_lock)
        {
            terminal.Say($"mezzotint: {formatter(state, exception)}");
            if (exception is not null)
                Failure.Report(exception, terminal);
        }
    }

    public void Dispose()
    {
    }
}
