using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Mezzotint.Runtime;

/// <summary>bfloat16, the upper half of a float32: 8 bits of exponent, 8 of precision.</summary>
internal static class Bfloat16
{
    /// <summary>The nearest bfloat16, the even one of two. NaN stays NaN.</summary>
    public static ushort Round(float value)
    {
        uint bits = BitConverter.SingleToUInt32Bits(value);
        return float.IsNaN(value) ? (ushort)((bits >> 16) | 0x40) : (ushort)Rounded(bits);
    }

    /// <summary>The same, faster, of anything but a NaN; of one it is a NaN, an infinity or a zero.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint RoundFinite(float value) => Rounded(BitConverter.SingleToUInt32Bits(value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint Rounded(uint bits) => (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16;

    public static float ToSingle(ushort value) => BitConverter.UInt32BitsToSingle((uint)value << 16);

    /// <summary>
    /// The same of 16 numbers, each in the lower half of its 32 bits. A NaN as <see cref="RoundFinite"/> has it.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<uint> Round(Vector512<float> values)
    {
        var bits = values.AsUInt32();
        return (bits + Vector512.Create(0x7FFFu) + ((bits >> 16) & Vector512<uint>.One)) >> 16;
    }

    /// <summary>16 of them, side by side.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<ushort> Narrow(Vector512<float> values)
    {
        var rounded = Round(values);
        return Avx512F.IsSupported
            ? Avx512F.ConvertToVector256UInt16(rounded)
            : Vector256.Narrow(rounded.GetLower(), rounded.GetUpper());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<uint> Widen(Vector256<ushort> values)
    {
        if (Avx512F.IsSupported)
            return Avx512F.ConvertToVector512UInt32(values);
        var (lower, upper) = Vector256.Widen(values);
        return Vector512.Create(lower, upper);
    }
}
