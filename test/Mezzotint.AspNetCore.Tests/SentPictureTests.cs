using System.Buffers.Binary;
using System.IO.Compression;
using System.Net;
using System.Text;
using Mezzotint.Formats;
using Mezzotint.Settings;

namespace Mezzotint.AspNetCore.Tests;

/// <summary>What a picture that somebody sends may cost: its headers are judged at once, its pixels are decoded in a place of the
/// queue.</summary>
public class SentPictureTests
{
    private static readonly byte[] Small = PngFile.Encode(new ImageBatch(1, 1, 8, 8, new byte[64]), 1, PictureFormat.Png);

    /// <summary>A sound header and half of the pixels.</summary>
    private static readonly byte[] Cut = HalfOf(PngFile.Encode(Noise(64), 1, PictureFormat.Png));

    [Theory]
    [InlineData(0xFFFFFFFF)]
    [InlineData(0x7FFFFFFF)]
    [InlineData(0x40000000)]
    public async Task A_bitmap_whose_pixels_lie_far_behind_its_end_is_refused_and_the_server_lives_on(uint offset)
    {
        await using var studio = await SmallStudio.StartAsync();
        byte[] bitmap = Bitmaps.WithOffset(offset);
        foreach (string field in new[] { "image", "mask" })
        {
            using var response = await EditAsync(studio, field == "image" ? bitmap : Small, field == "mask" ? bitmap : null);
            var error = await SmallStudio.ErrorAsync(response);
            Assert.Equal((400, field), (error.Status, error.Param));
            Assert.Contains("it is a BMP file. Convert it to PNG, JPEG or WebP.", error.Message, StringComparison.Ordinal);
        }
        await studio.DrawAsync(new { prompt = "7" });
    }

    [Fact]
    public async Task A_huge_picture_in_a_small_file_is_refused_from_its_header()
    {
        await using var studio = await SmallStudio.StartAsync();
        byte[] huge = Huge(8190);
        Assert.InRange(huge.Length, 8_000, 10_000);
        // The second has no pixels to decode: the same answer comes of the header.
        foreach (byte[] file in new[] { huge, huge[..60] })
            foreach (string field in new[] { "image", "mask" })
            {
                using var response = await EditAsync(studio, field == "image" ? file : Small, field == "mask" ? file : null);
                var error = await SmallStudio.ErrorAsync(response);
                Assert.Equal((400, field), (error.Status, error.Param));
                Assert.Contains("8190 x 8190 pixels are more than", error.Message, StringComparison.Ordinal);
            }
        Assert.Equal(0, studio.Server.Queue.Requests);
    }

    [Theory]
    [InlineData("image")]
    [InlineData("mask")]
    public async Task Pixels_are_decoded_after_a_place_is_taken(string field)
    {
        await using var studio = await SmallStudio.StartAsync(new() { MaxRequests = 1, MaxSteps = SmallStudio.Endless });
        using var stop = new CancellationTokenSource();
        var endless = studio.PostAsync(new { prompt = "7", steps = SmallStudio.Endless }, stop.Token);
        await SmallStudio.UntilAsync(() => studio.Server.Queue.Requests == 1);
        // Whoever decoded these pixels would find that they end too early, and answer 400.
        Task<HttpResponseMessage> Edit() => EditAsync(studio, field == "image" ? Cut : Small, field == "mask" ? Cut : null);
        using (var full = await Edit())
            Assert.Equal(HttpStatusCode.TooManyRequests, full.StatusCode);
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => endless);
        await SmallStudio.UntilAsync(() => studio.Server.Queue.Requests == 0);
        using (var damaged = await Edit())
        {
            var error = await SmallStudio.ErrorAsync(damaged);
            Assert.Equal((400, field), (error.Status, error.Param));
            Assert.Contains("damaged", error.Message, StringComparison.Ordinal);
        }
        Assert.Equal(0, studio.Server.Queue.Requests); // the place is given back
    }

    private static ImageBatch Noise(int side)
    {
        byte[] pixels = new byte[side * side];
        new Random(1).NextBytes(pixels); // nothing that could be packed small
        return new ImageBatch(1, 1, side, side, pixels);
    }

    private static byte[] HalfOf(byte[] file) => file[..(file.Length / 2)];

    private static async Task<HttpResponseMessage> EditAsync(SmallStudio studio, byte[] image, byte[]? mask)
    {
        using var form = new MultipartFormDataContent
            { { new StringContent("1"), "prompt" }, { new ByteArrayContent(image), "image", "x.png" } };
        if (mask is not null)
            form.Add(new ByteArrayContent(mask), "mask", "y.png");
        return await studio.Client.PostAsync("/v1/images/edits", form);
    }

    /// <summary>A sound PNG file of so many rows and columns, black, of one bit a pixel.</summary>
    private static byte[] Huge(int side)
    {
        byte[] header = [.. new byte[8], 1, 0, 0, 0, 0];
        BinaryPrimitives.WriteInt32BigEndian(header, side);
        BinaryPrimitives.WriteInt32BigEndian(header.AsSpan(4), side);
        using var pixels = new MemoryStream();
        using (var deflate = new ZLibStream(pixels, CompressionLevel.SmallestSize, leaveOpen: true))
        {
            byte[] row = new byte[1 + (side + 7) / 8];
            for (int y = 0; y < side; y++)
                deflate.Write(row);
        }
        byte[] signature = [0x89, .. "PNG\r\n"u8, 0x1A, (byte)'\n'];
        return [.. signature, .. Chunk("IHDR", header), .. Chunk("IDAT", pixels.ToArray()), .. Chunk("IEND", [])];
    }

    private static byte[] Chunk(string type, byte[] data)
    {
        byte[] named = [.. Encoding.ASCII.GetBytes(type), .. data];
        uint sum = uint.MaxValue; // CRC-32, bit by bit
        foreach (byte value in named)
        {
            sum ^= value;
            for (int bit = 0; bit < 8; bit++)
                sum = (sum >> 1) ^ ((sum & 1) * 0xEDB88320);
        }
        byte[] chunk = [.. new byte[4], .. named, .. new byte[4]];
        BinaryPrimitives.WriteInt32BigEndian(chunk, data.Length);
        BinaryPrimitives.WriteUInt32BigEndian(chunk.AsSpan(chunk.Length - 4), ~sum);
        return chunk;
    }
}
