using System.Text;

namespace Mezzotint.Formats;

/// <summary>Takes a pickle apart from its first byte on: numbers, names and texts.</summary>
internal ref struct PickleReader(ReadOnlySpan<byte> pickle)
{
    private static readonly UTF8Encoding StrictUtf8 = new(false, throwOnInvalidBytes: true);

    private readonly ReadOnlySpan<byte> _pickle = pickle;

    /// <summary>The next byte's index.</summary>
    public int Position { get; private set; }

    /// <summary>How many bytes are left.</summary>
    public readonly int Left => _pickle.Length - Position;

    /// <summary>Takes one byte.</summary>
    /// <exception cref="InvalidDataException">There is none.</exception>
    public byte TakeByte() => Take(1)[0];

    /// <summary>Takes bytes.</summary>
    /// <exception cref="InvalidDataException">There are not as many.</exception>
    public ReadOnlySpan<byte> Take(ulong count)
    {
        if (count > (ulong)Left)
            throw new InvalidDataException("the pickle is cut off");
        Position += (int)count;
        return _pickle.Slice(Position - (int)count, (int)count);
    }

    /// <summary>Takes a text of that many bytes.</summary>
    /// <exception cref="InvalidDataException">There are not as many, or they are not UTF-8.</exception>
    public string TakeText(ulong count) => Text(Take(count));

    /// <summary>Takes a text that ends with a line feed, which it leaves out.</summary>
    /// <exception cref="InvalidDataException">There is no line feed, or the text is not UTF-8.</exception>
    public string TakeLine()
    {
        int length = _pickle[Position..].IndexOf((byte)'\n');
        return Text(Take(length < 0 ? ulong.MaxValue : (ulong)length + 1)[..length]);
    }

    /// <summary>Takes an integer of that many bytes, little-endian two's complement; no bytes are 0.</summary>
    /// <exception cref="InvalidDataException">There are not as many, or more than eight.</exception>
    public long TakeInteger(ulong count)
    {
        var bytes = Take(count);
        if (bytes.Length > 8)
            throw new InvalidDataException("an integer has more than 64 bits");
        long value = 0;
        for (int i = 0; i < bytes.Length; i++)
            value |= (long)bytes[i] << (8 * i);
        int unused = 64 - 8 * bytes.Length;
        return bytes.IsEmpty ? 0 : value << unused >> unused;
    }

    private static string Text(ReadOnlySpan<byte> utf8)
    {
        try
        {
            return StrictUtf8.GetString(utf8);
        }
        catch (DecoderFallbackException)
        {
            throw new InvalidDataException("a string is not UTF-8");
        }
    }
}
