using System.Buffers.Binary;

namespace Mezzotint.Tests;

/// <summary>Bitmap files as a bug report had them.</summary>
internal static class Bitmaps
{
    /// <summary>A sound bitmap of 28 x 28 greys: its pixels begin behind both headers and the palette.</summary>
    public static byte[] Sound => WithOffset(54 + 256 * 4);

    /// <summary>A bitmap of 28 x 28 greys, whose header says that its pixels begin at <paramref name="offset"/>.</summary>
    public static byte[] WithOffset(uint offset)
    {
        byte[] file = new byte[54 + 1808];
        "BM"u8.CopyTo(file);
        (int Place, uint Value)[] numbers =
            [(2, 1862), (10, offset), (14, 40), (18, 28), (22, 28), (26, 1 | 8 << 16), (34, 784), (46, 256)];
        foreach (var (place, value) in numbers)
            BinaryPrimitives.WriteUInt32LittleEndian(file.AsSpan(place), value);
        return file;
    }
}
