namespace Mezzotint;

/// <summary>
/// A request that is wrong in itself: an unknown class, a prompt that is not understood, an option out of its range, a picture
/// that cannot be decoded. A program that passes on what others ask for answers it as their mistake (HTTP 400); every other
/// <see cref="MezzotintException"/> is about the model, the machine or the program's own settings.
/// </summary>
public sealed class InvalidRequestException : MezzotintException
{
    /// <summary>Makes an exception with a message that names what is wrong and what would be right.</summary>
    public InvalidRequestException(string message) : base(message) { }

    /// <summary>Makes an exception with its cause.</summary>
    public InvalidRequestException(string message, Exception cause) : base(message, cause) { }

    /// <summary>Needed by serialisers and analyzers alone; prefer a message.</summary>
    public InvalidRequestException() { }
}
