namespace Mezzotint.IO;

/// <summary>Opening a file for reading, with the system's refusals as messages for the user.</summary>
internal static class InputFile
{
    /// <summary>Opens <paramref name="path"/>, gives its seekable stream to <paramref name="read"/>, closes it.</summary>
    /// <exception cref="MezzotintException">The file is missing, cannot be read, or is no regular file.</exception>
    public static T Read<T>(string path, Func<Stream, T> read)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        try
        {
            using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read);
            if (!stream.CanSeek)
                throw new MezzotintException($"Cannot read '{path}': it is a pipe or a device; give a regular file.");
            return read(stream);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new MezzotintException($"Cannot read '{path}': {Printable.Line(e.Message)}", e);
        }
    }
}
