using System.Buffers.Binary;
using System.Text;

namespace Mezzotint.Formats;

/// <summary>
/// Words inside a PNG file: keyword and text in chunks that viewers skip (Portable Network Graphics, third edition, sections 5
/// and 11.3.3). A file is the signature and a row of chunks. A chunk is its length (4 bytes, big-endian), its type (4 letters),
/// its data, and the CRC-32 of type and data. The chunk <c>tEXt</c> holds keyword, 0, text in Latin-1. The chunk <c>iTXt</c>
/// holds keyword, 0, compression flag and method, language, 0, translated keyword, 0, text in UTF-8. The first chunk,
/// <c>IHDR</c>, always has 13 bytes of data.
/// </summary>
internal static class PngText
{
    private const int FirstChunkEnd = 8 + 12 + 13; // signature, and IHDR with its length, type and CRC
    private static ReadOnlySpan<byte> Signature => [0x89, (byte)'P', (byte)'N', (byte)'G', 0x0D, 0x0A, 0x1A, 0x0A];
    private static readonly UTF8Encoding _utf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>Writes a PNG file again with one more chunk per entry right after its IHDR chunk, in the order of the
    /// keywords.</summary>
    /// <param name="png">A whole, valid PNG file.</param>
    /// <param name="text">Keywords (1 to 79 printable Latin-1 characters, no space at an end, no two in a row) and their texts
    /// (no NUL).</param>
    /// <param name="output">Where the file goes.</param>
    /// <exception cref="ArgumentException">A keyword or text cannot be written.</exception>
    public static void Insert(ReadOnlySpan<byte> png, IReadOnlyDictionary<string, string> text, Stream output)
    {
        output.Write(png[..FirstChunkEnd]);
        foreach ((string keyword, string value) in text.OrderBy(entry => entry.Key, StringComparer.Ordinal))
            output.Write(MakeChunk(keyword, value));
        output.Write(png[FirstChunkEnd..]);
    }

    /// <summary>Collects the uncompressed texts of a PNG file; of a keyword that occurs twice, the first.</summary>
    /// <param name="input">The file, from its first byte.</param>
    /// <returns>The texts, or null with the reason why this is not a sound PNG file.</returns>
    public static (Dictionary<string, string>? Texts, string? Problem) Collect(Stream input)
    {
        var texts = new Dictionary<string, string>(StringComparer.Ordinal);
        Span<byte> head = stackalloc byte[8];
        if (input.ReadAtLeast(head, 8, throwOnEndOfStream: false) < 8 || !head.SequenceEqual(Signature))
            return (null, "does not begin with PNG's signature");
        while (true)
        {
            if (input.ReadAtLeast(head, 8, throwOnEndOfStream: false) < 8) return (null, "ends before its IEND chunk");
            long length = BinaryPrimitives.ReadUInt32BigEndian(head);
            string type = Encoding.Latin1.GetString(head[4..]);
            if (length + 4 > input.Length - input.Position) return (null, $"ends inside its chunk {Printable.Quote(type)}");
            if (type == "IEND") return (texts, null);
            if (type is not ("tEXt" or "iTXt"))
            {
                input.Position += length + 4;
                continue;
            }
            if (length > Array.MaxLength - 8) return (null, $"has a chunk {type} of {length} bytes");
            var chunk = new byte[length + 8]; // type, data, CRC: no more than the file has, as was just seen
            head[4..].CopyTo(chunk);
            input.ReadExactly(chunk.AsSpan(4));
            if (Crc32.Of(chunk.AsSpan(0, (int)length + 4)) != BinaryPrimitives.ReadUInt32BigEndian(chunk.AsSpan((int)length + 4)))
                return (null, $"has a chunk {type} whose checksum is wrong");
            if (!TryDecode(type, chunk.AsSpan(4, (int)length), texts))
                return (null, $"has a chunk {type} that breaks the format");
        }
    }

    private static bool TryDecode(string type, ReadOnlySpan<byte> data, Dictionary<string, string> texts)
    {
        int keywordEnd = data.IndexOf((byte)0);
        if (keywordEnd is < 1 or > 79) return false;
        string keyword = Encoding.Latin1.GetString(data[..keywordEnd]);
        ReadOnlySpan<byte> rest = data[(keywordEnd + 1)..];
        if (type == "tEXt")
        {
            texts.TryAdd(keyword, Encoding.Latin1.GetString(rest));
            return true;
        }
        if (rest.Length < 2) return false;
        bool compressed = rest[0] != 0;
        rest = rest[2..];
        for (int skipped = 0; skipped < 2; skipped++) // language, translated keyword
        {
            int end = rest.IndexOf((byte)0);
            if (end < 0) return false;
            rest = rest[(end + 1)..];
        }
        if (compressed) return true;
        try
        {
            texts.TryAdd(keyword, _utf8.GetString(rest));
            return true;
        }
        catch (DecoderFallbackException)
        {
            return false;
        }
    }

    private static byte[] MakeChunk(string keyword, string text)
    {
        if (keyword.Length is < 1 or > 79 || !keyword.All(IsLatin1) || keyword[0] == ' ' || keyword[^1] == ' '
            || keyword.Contains("  ", StringComparison.Ordinal))
            throw new ArgumentException(
                $"\"{keyword}\" is no keyword of PNG: it takes 1 to 79 printable Latin-1 characters, with single spaces inside.",
                nameof(keyword));
        if (text.Contains('\0', StringComparison.Ordinal))
            throw new ArgumentException($"The text of \"{keyword}\" holds a NUL character, which PNG forbids.", nameof(text));
        byte[] name = Encoding.Latin1.GetBytes(keyword);
        bool plain = text.All(character => character == '\n' || IsLatin1(character));
        byte[] data = plain
            ? [.. name, 0, .. Encoding.Latin1.GetBytes(text)]
            : [.. name, 0, 0, 0, 0, 0, .. _utf8.GetBytes(text)];

        var chunk = new byte[data.Length + 12];
        BinaryPrimitives.WriteUInt32BigEndian(chunk, (uint)data.Length);
        (plain ? "tEXt"u8 : "iTXt"u8).CopyTo(chunk.AsSpan(4));
        data.CopyTo(chunk.AsSpan(8));
        BinaryPrimitives.WriteUInt32BigEndian(chunk.AsSpan(data.Length + 8), Crc32.Of(chunk.AsSpan(4, data.Length + 4)));
        return chunk;
    }

    private static bool IsLatin1(char character) => character is (>= ' ' and <= '~') or (>= '\u00A1' and <= '\u00FF');
}
