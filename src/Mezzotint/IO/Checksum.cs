using System.Numerics;

namespace Mezzotint.IO;

/// <summary>
/// The two 32-bit cyclic redundancy checks that files here carry. Both are reflected, start from all ones and end inverted:
/// CRC-32 with the polynomial 0x04C11DB7 (PNG, zip) and CRC-32C, Castagnoli's, with 0x1EDC6F41 (event logs; RFC 3720, appendix B.4).
/// </summary>
internal static class Checksum
{
    private static readonly uint[] _table = MakeTable(0xEDB88320); // 0x04C11DB7 with its bits reversed

    /// <summary>CRC-32 as PNG and zip define it, of <paramref name="bytes"/> after others whose CRC-32 is <paramref name="before"/>.</summary>
    public static uint Crc32(ReadOnlySpan<byte> bytes, uint before = 0)
    {
        uint remainder = ~before;
        foreach (byte value in bytes)
            remainder = (remainder >> 8) ^ _table[(byte)(remainder ^ value)];
        return ~remainder;
    }

    /// <summary>CRC-32C as iSCSI defines it; the machine has an instruction for it.</summary>
    public static uint Crc32C(ReadOnlySpan<byte> bytes)
    {
        uint remainder = uint.MaxValue;
        foreach (byte value in bytes)
            remainder = BitOperations.Crc32C(remainder, value);
        return ~remainder;
    }

    private static uint[] MakeTable(uint reversedPolynomial)
    {
        var table = new uint[256];
        for (uint index = 0; index < table.Length; index++)
        {
            uint remainder = index;
            for (int bit = 0; bit < 8; bit++)
                remainder = (remainder & 1) == 0 ? remainder >> 1 : (remainder >> 1) ^ reversedPolynomial;
            table[index] = remainder;
        }
        return table;
    }
}
