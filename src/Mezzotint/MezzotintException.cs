namespace Mezzotint;

/// <summary>
/// The one exception that this library raises for what a user can mend: a file, a setting, a machine.
/// Its message is one line that names the thing and says what to do next: line breaks and whatever else moves a cursor become
/// spaces in it, for it may quote a damaged file, and what a file says must not speak to a terminal or forge lines of a log.
/// Wrong arguments from code are <see cref="ArgumentException"/>s as everywhere in .NET.
/// </summary>
public class MezzotintException : Exception
{
    /// <summary>Makes an exception with a message that names the thing and the remedy.</summary>
    public MezzotintException(string message) : base(OneLine(message)) { }

    /// <summary>Makes an exception with its cause.</summary>
    public MezzotintException(string message, Exception cause) : base(OneLine(message), cause) { }

    /// <summary>Needed by serialisers and analyzers alone; prefer a message.</summary>
    public MezzotintException() { }

    /// <summary>
    /// The setting, option, field or parameter that the error is about, as it is spelled where it is given:
    /// <c>training.learning_rate</c>, <c>label</c>, <c>image</c>; null where the error is about none.
    /// </summary>
    public string? Key { get; init; }

    /// <summary>The text trimmed, with a space for each control character.</summary>
    public static string OneLine(string message) =>
        string.Create(message.Trim().Length, message.Trim(), (line, text) =>
        {
            for (int i = 0; i < line.Length; i++)
                line[i] = char.IsControl(text[i]) ? ' ' : text[i];
        });
}
