using System.Text.Encodings.Web;
using System.Text.Json;
using Mezzotint.Plots;
using Mezzotint.Runtime;

namespace Mezzotint.Cli.Output;

/// <summary>
/// What a command talks to: results go to <see cref="Out"/>, all else to <see cref="Error"/>; a signal stops it through
/// <see cref="Stop"/>. Tests put writers of their own in the places.
/// </summary>
internal sealed record Terminal(TextReader In, TextWriter Out, TextWriter Error)
{
    /// <summary>What cannot be written here is dropped.</summary>
    public TextWriter Error { get; } = new MessageWriter(Error);

    private static readonly JsonSerializerOptions JsonOptions = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, // it goes to no web page
    };

    /// <summary>In what colours pictures may be drawn: none where the output is no terminal, or its user objects.</summary>
    public TerminalColors OutColors { get; init; }

    /// <summary>Whether somebody watches the messages: only then a progress bar moves.</summary>
    public bool ErrorIsWatched { get; init; }

    /// <summary>Characters in a line.</summary>
    public int Width { get; init; } = 80;

    public CancellationToken Stop { get; init; }

    /// <summary>The processes that do the command together; this one alone unless mpirun has started several.</summary>
    public Exchange Exchange { get; init; } = Exchange.Alone;

    /// <summary>Where errors go, if not to <see cref="Error"/>.</summary>
    private TextWriter? Faults { get; init; }

    /// <summary>That of a process that helps process 0: nothing but its own errors is seen.</summary>
    public Terminal OfHelper(Exchange exchange) =>
        new(TextReader.Null, TextWriter.Null, TextWriter.Null) { Stop = Stop, Exchange = exchange, Faults = Error };

    /// <summary>Wants the other processes to do their part of the command from here on; to be called in all of them.</summary>
    /// <param name="order">One of <see cref="Processes"/>.</param>
    public void ShareOut(int order)
    {
        if (Exchange.IsFirst)
            Exchange.Order(order);
    }

    public static Terminal OfProcess(CancellationToken stop)
    {
        bool capable = Environment.GetEnvironmentVariable("TERM") != "dumb";
        return new Terminal(Console.In, Console.Out, Console.Error)
        {
            OutColors = Console.IsOutputRedirected ? TerminalColors.None
                : Colors(Environment.GetEnvironmentVariable, OperatingSystem.IsWindows()),
            ErrorIsWatched = capable && !Console.IsErrorRedirected,
            Width = WindowWidth(),
            Stop = stop,
        };
    }

    /// <summary>
    /// What colours the environment promises. There is no query for 24 bits that every terminal answers: they are sent to those
    /// that say so in COLORTERM, and to those that are known to show them. A plain xterm may be any terminal, and gets
    /// characters.
    /// </summary>
    /// <param name="variable">Reads a variable of the environment; null where it is not set.</param>
    /// <param name="windows">Whether it is Windows, whose console shows 24 bits and sets no variable.</param>
    internal static TerminalColors Colors(Func<string, string?> variable, bool windows = false)
    {
        string term = variable("TERM") ?? "";
        if (!string.IsNullOrEmpty(variable("NO_COLOR")) || term == "dumb") // no-color.org
            return TerminalColors.None;
        if (variable("COLORTERM") is "truecolor" or "24bit" || variable("WT_SESSION") is { Length: > 0 }
            || windows && term.Length == 0)
            return TerminalColors.TrueColor;
        if (term.EndsWith("-direct", StringComparison.Ordinal)
            || term is "xterm-kitty" or "xterm-ghostty" or "alacritty" or "wezterm" or "foot" or "foot-extra" or "contour")
            return TerminalColors.TrueColor;
        return term.Contains("256color", StringComparison.Ordinal) ? TerminalColors.Palette : TerminalColors.None;
    }

    /// <summary>An error.</summary>
    public void SayFault(string line) => (Faults ?? Error).WriteLine(
        "mezzotint: " + (Exchange.IsFirst ? "" : $"process {Exchange.Rank} of {Exchange.Size}: ") + line);

    /// <summary>Something for the person, not for the result.</summary>
    public void Say(string line) => Error.WriteLine(line);

    /// <summary>The result, as text for people or as one JSON object in snake_case for programs.</summary>
    public void Result(bool json, object values, string text)
    {
        if (json)
            Out.WriteLine(JsonSerializer.Serialize(values, JsonOptions));
        else
            Out.WriteLine(text.TrimEnd('\n'));
    }

    private static int WindowWidth()
    {
        try
        {
            return !Console.IsOutputRedirected && Console.WindowWidth is > 20 and var width ? width : 80;
        }
        catch (IOException)
        {
            return 80;
        }
    }
}
