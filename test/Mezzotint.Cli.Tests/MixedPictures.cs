using System.Buffers.Binary;
using System.IO.Compression;

namespace Mezzotint.Cli.Tests;

/// <summary>Pictures as people have them: of mixed sizes and modes, one damaged. Written without the library.</summary>
internal static class MixedPictures
{
    private static readonly (int Width, int Height)[] Sizes = [(20, 20), (32, 24), (50, 40), (17, 29)];

    /// <summary>A colour type and the depth of PNG: grey, colour, palette, grey with alpha, colour with alpha; 8 or 16
    /// bit.</summary>
    private static readonly (byte Type, byte Depth)[] Modes = [(0, 8), (2, 8), (3, 8), (4, 8), (6, 8), (2, 16), (0, 16)];

    /// <summary>Writes coloured disks and squares, half of each, into two folders or into one, and a picture that is cut
    /// off.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="count">How many, without the damaged one.</param>
    /// <param name="classes">Whether disks and squares have folders of their own.</param>
    public static void Write(string folder, int count, bool classes)
    {
        for (int i = 0; i < count; i++)
        {
            string shape = i % 2 == 0 ? "disk" : "square";
            string place = classes ? Path.Combine(folder, shape) : folder;
            Directory.CreateDirectory(place);
            byte[] png = Png(Sizes[i % Sizes.Length], Modes[i % Modes.Length], i % 2 == 0, (byte)(40 + 5 * i));
            File.WriteAllBytes(Path.Combine(place, $"{shape}-{i}.png"), png);
            if (i == 1)
                File.WriteAllBytes(Path.Combine(place, "cut-off.png"), png[..(png.Length - 30)]);
        }
    }

    private static byte[] Png((int Width, int Height) size, (byte Type, byte Depth) mode, bool disk, byte shade)
    {
        var (width, height) = size;
        using var rows = new MemoryStream();
        for (int y = 0; y < height; y++)
        {
            rows.WriteByte(0); // no filter
            for (int x = 0; x < width; x++)
            {
                double across = x - width / 2.0, down = y - height / 2.0, radius = Math.Min(width, height) / 3.0;
                bool inside = disk ? across * across + down * down < radius * radius
                    : Math.Max(Math.Abs(across), Math.Abs(down)) < radius;
                byte[] colour = inside ? [shade, (byte)(255 - shade), 90] : [250, 250, 250];
                byte alpha = inside ? (byte)255 : (byte)0;
                byte[] samples = mode.Type switch
                {
                    0 => [colour[0]],
                    2 => colour,
                    3 => [inside ? (byte)1 : (byte)0],
                    4 => [colour[0], alpha],
                    _ => [.. colour, alpha],
                };
                foreach (byte sample in samples)
                    for (int part = 0; part < mode.Depth / 8; part++)
                        rows.WriteByte(sample);
            }
        }
        using var png = new MemoryStream();
        png.Write([0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]);
        byte[] header = new byte[13];
        BinaryPrimitives.WriteInt32BigEndian(header, width);
        BinaryPrimitives.WriteInt32BigEndian(header.AsSpan(4), height);
        (header[8], header[9]) = (mode.Depth, mode.Type);
        Chunk(png, "IHDR"u8, header);
        if (mode.Type == 3)
            Chunk(png, "PLTE"u8, [250, 250, 250, shade, (byte)(255 - shade), 90]);
        using var packed = new MemoryStream();
        using (var zlib = new ZLibStream(packed, CompressionLevel.Fastest, leaveOpen: true))
            zlib.Write(rows.ToArray());
        Chunk(png, "IDAT"u8, packed.ToArray());
        Chunk(png, "IEND"u8, []);
        return png.ToArray();
    }

    private static void Chunk(Stream to, ReadOnlySpan<byte> type, byte[] data)
    {
        Span<byte> number = stackalloc byte[4];
        BinaryPrimitives.WriteInt32BigEndian(number, data.Length);
        to.Write(number);
        byte[] all = [.. type, .. data];
        to.Write(all);
        BinaryPrimitives.WriteUInt32BigEndian(number, Crc(all));
        to.Write(number);
    }

    private static uint Crc(byte[] bytes)
    {
        uint crc = uint.MaxValue;
        foreach (byte value in bytes)
        {
            crc ^= value;
            for (int bit = 0; bit < 8; bit++)
                crc = (crc & 1) != 0 ? (crc >> 1) ^ 0xEDB88320 : crc >> 1;
        }
        return ~crc;
    }
}
