using System.Buffers.Binary;
using CsCheck;

namespace Mezzotint.Tests.Formats;

/// <summary>Damaged copies of a file, and what must hold when one is read.</summary>
internal static class Damage
{
    /// <summary>Runs <paramref name="read"/> on many damaged copies of <paramref name="good"/>. It succeeds or throws a
    /// MezzotintException of one line, and allocates no more than the file justifies.</summary>
    public static void Check(byte[] good, Action<byte[]> read, int cases = 4000, long allowance = 300_000)
    {
        var change = Gen.Select(Gen.Int[0, 7], Gen.Int[0, good.Length - 1], Gen.Int[0, good.Length - 1], Gen.Byte);
        change.Array[1, 4].Sample(
            changes =>
            {
                byte[] bytes = [.. good];
                foreach (var (kind, at, other, value) in changes)
                    bytes = Apply(bytes, kind, at, other, value);
                MustSurvive(bytes, read, allowance);
            },
            iter: cases);
    }

    /// <summary>Every truncation of the file must be refused.</summary>
    public static void CheckTruncations(byte[] good, Action<byte[]> read)
    {
        for (int length = 0; length < good.Length; length++)
            Assert.False(
                MustSurvive(good[..length], read), $"The first {length} of {good.Length} bytes were read without an error.");
    }

    /// <summary>True where the file was read; false where it was refused as it should be.</summary>
    /// <param name="bytes">The file.</param>
    /// <param name="read">Reads it.</param>
    /// <param name="allowance">The bytes that may be allocated beyond 16 times the file.</param>
    public static bool MustSurvive(byte[] bytes, Action<byte[]> read, long allowance = 300_000)
    {
        long before = GC.GetAllocatedBytesForCurrentThread();
        string? message = null;
        try
        {
            read(bytes);
        }
        catch (MezzotintException e)
        {
            message = e.Message;
        }
        long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        Assert.True(
            allocated <= 16L * bytes.Length + allowance, $"{allocated} bytes were allocated for a file of {bytes.Length}.");
        Assert.DoesNotContain('\n', message ?? "");
        return message is null;
    }

    public static byte[] Apply(byte[] bytes, int kind, int at, int other, byte value)
    {
        if (bytes.Length == 0)
            return bytes;
        at %= bytes.Length;
        other %= bytes.Length;
        int span = Math.Min(other % 16, bytes.Length - at);
        switch (kind)
        {
            case 0:
                bytes[at] ^= (byte)(1 << (value & 7));
                return bytes;
            case 1:
                bytes[at] = value;
                return bytes;
            case 2:
                return bytes[..at];
            case 3:
                return [.. bytes[..at], value, .. bytes[at..]];
            case 4:
                return [.. bytes[..at], .. bytes[(at + span)..]];
            case 5:
                return [.. bytes[..at], .. bytes.AsSpan(other, Math.Min(32, bytes.Length - other)), .. bytes[at..]];
            case 6:
                // A length that lies.
                int width = Math.Min((value & 1) == 0 ? 4 : 8, bytes.Length - at);
                Span<byte> number = stackalloc byte[8];
                BinaryPrimitives.WriteInt64LittleEndian(
                    number, (value & 6) switch { 0 => -1, 2 => long.MaxValue, 4 => int.MaxValue, _ => (long)value << 20 });
                number[..width].CopyTo(bytes.AsSpan(at));
                return bytes;
            default:
                (bytes[at], bytes[other]) = (bytes[other], bytes[at]);
                return bytes;
        }
    }
}
