using System.Buffers.Binary;
using System.IO.Compression;
using Mezzotint.Formats;

namespace Mezzotint.AspNetCore.Tests;

/// <summary>Pictures of pages as small PNG files: of few colours, chosen by median cut (Heckbert 1982).</summary>
internal static class SmallPng
{
    /// <summary>Encodes a picture in red, green and blue.</summary>
    /// <param name="picture">The picture: [1, 3, H, W].</param>
    /// <param name="colours">The most colours, up to 256.</param>
    public static byte[] Encode(ImageBatch picture, int colours)
    {
        int places = picture.Height * picture.Width;
        int At(int i) =>
            picture.Pixels[i] << 16 | picture.Pixels[places + i] << 8 | picture.Pixels[2 * places + i];
        int[] shown = [.. Enumerable.Range(0, places).Select(At)];
        var (palette, nearest) = Reduced(shown, colours);
        byte[] rows = new byte[picture.Height * (picture.Width + 1)]; // each begins with its filter: none
        for (int i = 0; i < places; i++)
            rows[i / picture.Width * (picture.Width + 1) + 1 + i % picture.Width] = (byte)nearest[shown[i]];
        using var file = new MemoryStream();
        file.Write([137, 80, 78, 71, 13, 10, 26, 10]);
        byte[] head = new byte[13];
        BinaryPrimitives.WriteInt32BigEndian(head, picture.Width);
        BinaryPrimitives.WriteInt32BigEndian(head.AsSpan(4), picture.Height);
        (head[8], head[9]) = (8, 3); // bits of an index, and that it is one
        Chunk(file, "IHDR"u8, head);
        Chunk(file, "PLTE"u8,
            [.. palette.SelectMany(colour => new[] { (byte)(colour >> 16), (byte)(colour >> 8), (byte)colour })]);
        using var packed = new MemoryStream();
        using (var zlib = new ZLibStream(packed, CompressionLevel.SmallestSize, leaveOpen: true))
            zlib.Write(rows);
        Chunk(file, "IDAT"u8, packed.ToArray());
        Chunk(file, "IEND"u8, []);
        return file.ToArray();
    }

    private static void Chunk(MemoryStream file, ReadOnlySpan<byte> name, byte[] bytes)
    {
        byte[] number = new byte[4];
        BinaryPrimitives.WriteInt32BigEndian(number, bytes.Length);
        file.Write(number);
        byte[] content = [.. name, .. bytes];
        file.Write(content);
        BinaryPrimitives.WriteUInt32BigEndian(number, Check(content));
        file.Write(number);
    }

    /// <summary>The cyclic redundancy check of ISO 3309.</summary>
    private static uint Check(byte[] bytes)
    {
        uint check = uint.MaxValue;
        foreach (byte b in bytes)
        {
            check ^= b;
            for (int bit = 0; bit < 8; bit++)
                check = (check & 1) != 0 ? 0xEDB88320 ^ (check >> 1) : check >> 1;
        }
        return ~check;
    }

    /// <summary>The palette, and the place in it of each colour.</summary>
    private static (int[] Palette, Dictionary<int, int> Nearest) Reduced(int[] shown, int colours)
    {
        var counts = shown.CountBy(colour => colour).ToDictionary();
        List<List<int>> boxes = [[.. counts.Keys]];
        while (boxes.Count < colours && boxes.Max(Spread) > 0)
        {
            var widest = boxes.MaxBy(box => Spread(box) * Math.Sqrt(box.Sum(colour => (double)counts[colour])))!;
            int shift = Shifts.MaxBy(by => Range(widest, by));
            boxes.Remove(widest);
            int middle = (widest.Min(colour => colour >> shift & 255) + widest.Max(colour => colour >> shift & 255)) / 2;
            boxes.Add([.. widest.Where(colour => (colour >> shift & 255) <= middle)]);
            boxes.Add([.. widest.Where(colour => (colour >> shift & 255) > middle)]);
        }
        // A box is shown as its most frequent colour, so that paper and ink stay what they are.
        int[] palette = [.. boxes.Select(box => box.MaxBy(colour => counts[colour]))];
        var nearest = new Dictionary<int, int>();
        foreach (var (i, box) in boxes.Index())
            foreach (int colour in box)
                nearest[colour] = i;
        return (palette, nearest);
    }

    private static readonly int[] Shifts = [16, 8, 0];

    private static int Range(List<int> box, int shift) =>
        box.Max(colour => colour >> shift & 255) - box.Min(colour => colour >> shift & 255);

    private static int Spread(List<int> box) => Shifts.Max(shift => Range(box, shift));
}
