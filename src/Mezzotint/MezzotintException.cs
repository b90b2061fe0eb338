namespace Mezzotint;

/// <summary>
/// The one exception that this library raises for what a user can mend: a file, a setting, a machine.
/// Its message is one line that names the thing and says what to do next.
/// Wrong arguments from code are <see cref="ArgumentException"/>s as everywhere in .NET.
/// </summary>
public sealed class MezzotintException : Exception
{
    /// <summary>Makes an exception with a message that names the thing and the remedy.</summary>
    public MezzotintException(string message) : base(message) { }

    /// <summary>Makes an exception with its cause.</summary>
    public MezzotintException(string message, Exception cause) : base(message, cause) { }

    /// <summary>Needed by serialisers and analyzers alone; prefer a message.</summary>
    public MezzotintException() { }
}
