using System.Buffers.Binary;
using Mezzotint.Data;
using Mezzotint.Formats;
using Mezzotint.Models;
using Mezzotint.Networks;
using Mezzotint.Serving;
using Mezzotint.Settings;
using Mezzotint.Tests.Data;
using SkiaSharp;

namespace Mezzotint.Tests.Formats;

public sealed class PictureFileTests
{
    // The smallest GIF file: one pixel, whose two colours are white and black, and whose code is colour 0.
    internal static readonly byte[] Gif =
    [
        .. "GIF89a"u8, 1, 0, 1, 0, 0x80, 0, 0, 255, 255, 255, 0, 0, 0, 0x2C, 0, 0, 0, 0, 1, 0, 1, 0, 0, 2, 2, 0x44, 1, 0, 0x3B,
    ];

    /// <summary>A PNG file whose header claims another size, with the right checksum.</summary>
    private static byte[] Claiming(byte[] png, int width, int height)
    {
        byte[] lie = [.. png];
        BinaryPrimitives.WriteInt32BigEndian(lie.AsSpan(16), width);
        BinaryPrimitives.WriteInt32BigEndian(lie.AsSpan(20), height);
        BinaryPrimitives.WriteUInt32BigEndian(lie.AsSpan(29), Crc32.Of(lie.AsSpan(12, 17)));
        return lie;
    }

    private static byte[] Png(int side = 8) =>
        PngFile.Encode(new ImageBatch(1, 1, side, side, new byte[side * side]), 1, PictureFormat.Png);

    private static ModelInfo Model(int side = 8) =>
        new() { Name = "x", Model = new UNetConfig { CorpusLength = 1 }, Height = side, Width = side, ClassNames = ["0"] };

    private static string Refusal(byte[] file) => Assert.Throws<MezzotintException>(() => PngFile.Decode(file, "x")).Message;

    [Theory]
    [InlineData(0xFFFFFFFF)]
    [InlineData(0x7FFFFFFF)]
    [InlineData(0x40000000)]
    [InlineData(1863)]
    public void A_bitmap_whose_pixels_lie_behind_its_end_is_refused_by_every_reader(uint offset)
    {
        using var folder = new ScratchFolder();
        string path = folder.Write(Bitmaps.WithOffset(offset), "a", "x.bmp");
        Assert.Contains("behind its end", Refusal(Bitmaps.WithOffset(offset)), StringComparison.Ordinal);
        Assert.Throws<MezzotintException>(() => { PngFile.Read(path); });
        Assert.Throws<MezzotintException>(() => { PngFile.ReadMask(path); });
        Assert.Throws<MezzotintException>(() => { ImageFolder.Load(folder.Path, 1); });
        var sound = PngFile.Decode(Bitmaps.Sound, "x").Image;
        Assert.Equal((28, 28), (sound.Height, sound.Width));
    }

    [Fact]
    public void The_first_frame_of_a_gif_is_read()
    {
        Assert.All(PngFile.Decode(Gif, "x").Image.Pixels, value => Assert.Equal(255, value));
        byte[] two = [.. Gif[..^1], 0x2C, 0, 0, 0, 0, 1, 0, 1, 0, 0, 2, 2, 0x4C, 1, 0, 0x3B]; // the second frame is black
        Assert.All(PngFile.Decode(two, "x").Image.Pixels, value => Assert.Equal(255, value));
    }

    [Fact]
    public void What_cannot_be_read_is_named_with_the_formats_that_can()
    {
        Assert.Contains("it is a TIFF file. Convert it to PNG", Refusal([.. "II*\0"u8, 8, 0, 0, 0]), StringComparison.Ordinal);
        Assert.Contains("it is no picture", Refusal([1, 2, 3]), StringComparison.Ordinal);
        Assert.Contains("it is no picture", Refusal([]), StringComparison.Ordinal);
    }

    [Fact]
    public void What_is_sent_is_decoded_as_png_jpeg_or_webp_alone()
    {
        foreach (byte[] file in new[] { Bitmaps.Sound, Gif, [.. "II*\0"u8, 8, 0, 0, 0], [0, 0, 1, 0, 1, 0] })
        {
            var refused = Assert.Throws<InvalidRequestException>(() => GivenPicture.Read(file, null, null, Model()));
            Assert.Contains("Convert it to PNG, JPEG or WebP.", refused.Message, StringComparison.Ordinal);
            Assert.Equal("image", refused.Key);
            Assert.Equal("mask", Assert.Throws<InvalidRequestException>(() => GivenPicture.Read(Png(), file, null, Model())).Key);
        }
    }

    [Fact]
    public void The_header_decides_before_a_pixel_is_decoded()
    {
        // Their pixels are cut off, so that decoding would end in another message.
        Assert.Contains("8190 x 8190 pixels are more than", Read(Claiming(Png(), 8190, 8190)), StringComparison.Ordinal);
        Assert.Contains("1500 x 1500 pixels in", Read(Claiming(Png(), 1500, 1500)), StringComparison.Ordinal);
        Assert.Contains("it is 9 x 8; this model takes 8 x 8", Read(Claiming(Png(), 9, 8)), StringComparison.Ordinal);
        byte[] cut = Png(64)[..60];
        var given = GivenPicture.Read(cut, null, null, Model());
        Assert.Equal("image", Assert.Throws<InvalidRequestException>(() => { given.Decode(); }).Key);

        static string Read(byte[] file) =>
            Assert.Throws<InvalidRequestException>(() => GivenPicture.Read(file, null, null, Model())).Message;
    }

    [Fact]
    public void The_strength_that_a_picture_may_have_is_known_from_its_header()
    {
        byte[] clear = Transparent();
        Assert.Equal(0.6, GivenPicture.Read(Png(), null, null, Model()).MostStrength);
        Assert.Equal(1, GivenPicture.Read(Png(), Png(), null, Model()).MostStrength);
        Assert.Equal(1, GivenPicture.Read(clear, null, null, Model()).MostStrength);
        Assert.Equal(0.3, GivenPicture.Read(clear, null, 0.3, Model()).MostStrength);
        Assert.Equal(1, GivenPicture.Read(clear, null, null, Model()).Decode().Strength);
        Assert.Equal("strength", Assert.Throws<InvalidRequestException>(() => GivenPicture.Read(clear, null, 2, Model())).Key);

        static byte[] Transparent()
        {
            using var bitmap = new SKBitmap(new SKImageInfo(8, 8, SKColorType.Rgba8888, SKAlphaType.Unpremul));
            bitmap.Erase(new SKColor(255, 255, 255, 100));
            using var data = bitmap.Encode(SKEncodedImageFormat.Png, 100);
            return data.ToArray();
        }
    }
}
