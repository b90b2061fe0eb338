using System.Buffers.Binary;
using System.Numerics;

namespace Mezzotint.Formats;

/// <summary>The cyclic redundancy check of event logs and of decoded sets: Castagnoli's polynomial 0x1EDC6F41, reflected, begun
/// and ended with all bits inverted (RFC 3720, appendix B.4).</summary>
internal static class Crc32C
{
    /// <summary>The check of these bytes; the machine has an instruction for it.</summary>
    public static uint Of(ReadOnlySpan<byte> bytes)
    {
        uint remainder = uint.MaxValue;
        for (; bytes.Length >= sizeof(ulong); bytes = bytes[sizeof(ulong)..])
            remainder = BitOperations.Crc32C(remainder, BinaryPrimitives.ReadUInt64LittleEndian(bytes));
        foreach (byte value in bytes)
            remainder = BitOperations.Crc32C(remainder, value);
        return ~remainder;
    }
}
