using System.Text.Encodings.Web;
using System.Text.Json;

namespace Mezzotint.Cli;

/// <summary>
/// What a command talks to: results go to <see cref="Out"/>, all else to <see cref="Error"/>; a signal stops it through <see cref="Stop"/>.
/// Tests put writers of their own in the places.
/// </summary>
internal sealed record Terminal(TextReader In, TextWriter Out, TextWriter Error)
{
    private static readonly JsonSerializerOptions JsonOptions = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, // it goes to no web page
    };

    /// <summary>Whether pictures may be drawn in colour: the output is a terminal, and its user does not object.</summary>
    public bool OutShowsColor { get; init; }

    /// <summary>Whether somebody watches the messages: only then a progress bar moves.</summary>
    public bool ErrorIsWatched { get; init; }

    /// <summary>Characters in a line.</summary>
    public int Width { get; init; } = 80;

    public CancellationToken Stop { get; init; }

    public static Terminal OfProcess(CancellationToken stop)
    {
        bool capable = Environment.GetEnvironmentVariable("TERM") != "dumb";
        bool color = string.IsNullOrEmpty(Environment.GetEnvironmentVariable("NO_COLOR")); // no-color.org
        return new Terminal(Console.In, Console.Out, Console.Error)
        {
            OutShowsColor = capable && color && !Console.IsOutputRedirected,
            ErrorIsWatched = capable && !Console.IsErrorRedirected,
            Width = WindowWidth(),
            Stop = stop,
        };
    }

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
