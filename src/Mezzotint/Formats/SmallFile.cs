using System.Text;

namespace Mezzotint.Formats;

/// <summary>Text files that have no reason to be large: configurations, and the descriptions of models.</summary>
internal static class SmallFile
{
    private static readonly UTF8Encoding StrictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>The bytes of a file, without the byte order mark that some editors put in front.</summary>
    /// <exception cref="MezzotintException">The file cannot be read or has more than <paramref name="limit"/> bytes.</exception>
    public static byte[] Read(string path, int limit) => InputFile.Read(path, stream =>
    {
        if (stream.Length > limit)
            throw new MezzotintException(
                $"'{path}' has {stream.Length} bytes, where at most {limit} are expected; is it the right file?");
        byte[] bytes = new byte[stream.Length];
        stream.ReadExactly(bytes);
        return bytes.AsSpan().StartsWith(Encoding.UTF8.Preamble) ? bytes[Encoding.UTF8.Preamble.Length..] : bytes;
    });

    /// <summary>The text of bytes in UTF-8.</summary>
    /// <exception cref="MezzotintException">They are something else.</exception>
    public static string Text(ReadOnlySpan<byte> bytes, string name)
    {
        try
        {
            return StrictUtf8.GetString(bytes);
        }
        catch (DecoderFallbackException cause)
        {
            throw new MezzotintException($"'{name}' is not text in UTF-8; save it in that encoding.", cause);
        }
    }
}
