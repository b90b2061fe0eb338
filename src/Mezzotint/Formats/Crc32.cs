namespace Mezzotint.Formats;

/// <summary>The cyclic redundancy check of zip archives and PNG images.</summary>
/// <remarks>
/// The remainder of the bit-reversed message modulo x^32 + x^26 + x^23 + x^22 + x^16 + x^12 + x^11 + x^10 + x^8 + x^7 + x^5 + x^4
/// + x^2 + x + 1 (0xEDB88320 with its bits reversed), begun and ended with all bits inverted. Source: ISO 3309, ITU-T V.42.
/// </remarks>
internal static class Crc32
{
    private static readonly uint[] Remainders = [.. Enumerable.Range(0, 256).Select(Remainder)];

    /// <summary>The check of these bytes.</summary>
    public static uint Of(ReadOnlySpan<byte> bytes)
    {
        uint check = uint.MaxValue;
        foreach (byte b in bytes)
            check = Remainders[(byte)check ^ b] ^ (check >> 8);
        return ~check;
    }

    private static uint Remainder(int b)
    {
        uint remainder = (uint)b;
        for (int bit = 0; bit < 8; bit++)
            remainder = (remainder & 1) != 0 ? 0xEDB88320 ^ (remainder >> 1) : remainder >> 1;
        return remainder;
    }
}
