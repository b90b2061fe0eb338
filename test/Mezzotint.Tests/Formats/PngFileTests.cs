using System.Buffers.Binary;
using System.Text;
using CsCheck;
using Mezzotint.Formats;
using Mezzotint.Settings;
using SkiaSharp;

namespace Mezzotint.Tests.Formats;

public sealed class PngFileTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private static Gen<ImageBatch> Images { get; } =
        from channels in Gen.Bool.Select(color => color ? 3 : 1)
        from height in Gen.Int[1, 9]
        from width in Gen.Int[1, 9]
        from pixels in Gen.Byte.Array[channels * height * width]
        select new ImageBatch(1, channels, height, width, pixels);

    [Fact]
    public void Written_images_come_back_value_for_value()
    {
        string path = _folder.File("image.png");
        Images.Sample(image =>
        {
            PngFile.Write(path, image);
            ImageBatch read = PngFile.Read(path);
            Assert.Equal((1, image.Channels, image.Height, image.Width), (read.Count, read.Channels, read.Height, read.Width));
            Assert.Equal(image.Pixels, read.Pixels);
        }, iter: 200, threads: 1);
    }

    [Fact]
    public void Scale_repeats_each_value()
    {
        string path = _folder.File("image.png");
        PngFile.Write(path, new ImageBatch(1, 1, 2, 2, [10, 20, 30, 40]), scale: 2);
        ImageBatch read = PngFile.Read(path);
        Assert.Equal((4, 4), (read.Height, read.Width));
        Assert.Equal([10, 10, 20, 20, 10, 10, 20, 20, 30, 30, 40, 40, 30, 30, 40, 40], read.Pixels);
    }

    [Fact]
    public void Text_comes_back_in_either_encoding()
    {
        string path = _folder.File("image.png");
        var text = new Dictionary<string, string>
            { ["Seed"] = "42", ["Café"] = "na\u00EFve\n2 lines", ["Formula"] = "σ\u00B2 → 𝜎", ["Empty"] = "", ["Tab"] = "a\tb" };
        PngFile.Write(path, new ImageBatch(1, 3, 1, 1, [1, 2, 3]), text: text);
        Assert.Equal(text, PngFile.ReadText(path).ToDictionary());
        Assert.Equal([1, 2, 3], PngFile.Read(path).Pixels);
    }

    [Fact]
    public void Any_text_comes_back()
    {
        string path = _folder.File("image.png");
        var image = new ImageBatch(1, 1, 1, 1, [7]);
        Gen.String.Where(text => !text.Contains('\0', StringComparison.Ordinal) && !HasLoneSurrogate(text)).Sample(text =>
        {
            PngFile.Write(path, image, text: new Dictionary<string, string> { ["Key"] = text });
            Assert.Equal(text, PngFile.ReadText(path)["Key"]);
        }, iter: 200, threads: 1);
    }

    // Spelled out from the PNG specification: the chunk that follows IHDR, which ends at byte 33.
    [Fact]
    public void Latin1_text_is_a_tEXt_chunk_after_the_header()
    {
        string path = _folder.File("image.png");
        PngFile.Write(path, new ImageBatch(1, 1, 1, 1, [0]), text: new Dictionary<string, string> { ["Seed"] = "4\u00E9" });
        byte[] expected = [0, 0, 0, 7, .. "tEXtSeed\0"u8, (byte)'4', 0xE9];
        byte[] file = File.ReadAllBytes(path);
        Assert.Equal(expected, file[33..48]);
        Assert.Equal(Crc32.Of(expected.AsSpan(4)), BinaryPrimitives.ReadUInt32BigEndian(file.AsSpan(48)));
    }

    [Theory]
    [InlineData("")]
    [InlineData(" leading")]
    [InlineData("trailing ")]
    [InlineData("two  spaces")]
    [InlineData("σ")]
    [InlineData("new\nline")]
    [InlineData("12345678901234567890123456789012345678901234567890123456789012345678901234567890")]
    public void Keywords_that_PNG_cannot_hold_are_refused_and_no_file_is_left(string keyword)
    {
        string path = _folder.File("image.png");
        Assert.Throws<ArgumentException>(nameof(keyword), () =>
            PngFile.Write(path, new ImageBatch(1, 1, 1, 1, [0]), text: new Dictionary<string, string> { [keyword] = "text" }));
        Assert.Empty(Directory.GetFiles(_folder.Name));
    }

    [Fact]
    public void Text_with_NUL_or_half_a_character_is_refused()
    {
        var image = new ImageBatch(1, 1, 1, 1, [0]);
        foreach (string text in new[] { "a\0b", "\uD800" })
            Assert.ThrowsAny<ArgumentException>(() =>
                PngFile.Write(_folder.File("image.png"), image, text: new Dictionary<string, string> { ["Key"] = text }));
    }

    [Fact]
    public void Equal_images_make_equal_files()
    {
        var image = new ImageBatch(1, 1, 2, 2, [1, 2, 3, 4]);
        PngFile.Write(_folder.File("a.png"), image, text: new Dictionary<string, string> { ["A"] = "1", ["B"] = "2" });
        PngFile.Write(_folder.File("b.png"), image, text: new Dictionary<string, string> { ["B"] = "2", ["A"] = "1" });
        Assert.Equal(File.ReadAllBytes(_folder.File("a.png")), File.ReadAllBytes(_folder.File("b.png")));
    }

    [Theory]
    [InlineData(SKEncodedImageFormat.Jpeg)]
    [InlineData(SKEncodedImageFormat.Webp)]
    [InlineData(SKEncodedImageFormat.Png)]
    public void Other_formats_are_read(SKEncodedImageFormat format)
    {
        using var bitmap = new SKBitmap(new SKImageInfo(16, 8, SKColorType.Rgba8888, SKAlphaType.Opaque));
        bitmap.Erase(new SKColor(200, 100, 50));
        using (SKData data = bitmap.Encode(format, 100)) File.WriteAllBytes(_folder.File("image"), data.ToArray());
        ImageBatch read = PngFile.Read(_folder.File("image"));
        Assert.Equal((3, 8, 16), (read.Channels, read.Height, read.Width));
        byte[] colour = [200, 100, 50];
        for (int channel = 0; channel < 3; channel++)
            Assert.All(
                read.Image(0).Slice(channel * 128, 128).ToArray(),
                value => Assert.InRange(value, colour[channel] - 4, colour[channel] + 4));
    }

    // A bitmap file of 2 x 1 pixels, spelled out: 14 bytes of file header, 40 of picture header, one bottom-up row of BGR padded
    // to 4 bytes.
    [Fact]
    public void Bitmaps_are_read()
    {
        byte[] file = new byte[62];
        "BM"u8.CopyTo(file);
        (int Place, int Value)[] numbers = [(2, 62), (10, 54), (14, 40), (18, 2), (22, 1), (26, 1 | 24 << 16), (34, 8)];
        foreach ((int place, int value) in numbers) BinaryPrimitives.WriteInt32LittleEndian(file.AsSpan(place), value);
        byte[] row = [3, 2, 1, 6, 5, 4];
        row.CopyTo(file, 54);
        File.WriteAllBytes(_folder.File("image.bmp"), file);
        Assert.Equal([1, 4, 2, 5, 3, 6], PngFile.Read(_folder.File("image.bmp")).Pixels);
    }

    [Fact]
    public void Transparent_parts_show_the_background_black_unless_told_otherwise()
    {
        using var bitmap = new SKBitmap(new SKImageInfo(2, 1, SKColorType.Rgba8888, SKAlphaType.Unpremul));
        bitmap.SetPixel(0, 0, new SKColor(10, 20, 30, 0));
        bitmap.SetPixel(1, 0, new SKColor(0, 0, 0, 128));
        using (SKData data = bitmap.Encode(SKEncodedImageFormat.Png, 100))
            File.WriteAllBytes(_folder.File("image.png"), data.ToArray());
        Assert.Equal([0, 0, 0, 0, 0, 0], PngFile.Read(_folder.File("image.png")).Pixels);
        var white = PngFile.Read(_folder.File("image.png"), background: Background.White);
        Assert.Equal([255, 127, 255, 127, 255, 127], white.Pixels);
        Assert.Equal([255, 127], PngFile.ReadMask(_folder.File("image.png")).Pixels);
    }

    // Exif's orientation, tag 0x0112, for a picture whose upper left quarter is bright when it stands upright.
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    [InlineData(6)]
    [InlineData(7)]
    [InlineData(8)]
    public void Photographs_stand_upright(int orientation)
    {
        const int Height = 32, Width = 64;
        bool onItsSide = orientation >= 5;
        using var bitmap = new SKBitmap(
            new SKImageInfo(onItsSide ? Height : Width, onItsSide ? Width : Height, SKColorType.Rgba8888, SKAlphaType.Opaque));
        bitmap.Erase(SKColors.Black);
        // Exif 2.3, table 6: which sides of the upright picture the file's first row and first column are.
        bool firstRowIsFar = orientation is 3 or 4 or 6 or 7, firstColumnIsFar = orientation is 2 or 3 or 7 or 8;
        for (int row = 0; row < bitmap.Height / 2; row++)
            for (int column = 0; column < bitmap.Width / 2; column++)
                bitmap.SetPixel(
                    firstColumnIsFar ? bitmap.Width - 1 - column : column, firstRowIsFar ? bitmap.Height - 1 - row : row,
                    SKColors.White);
        using SKData data = bitmap.Encode(SKEncodedImageFormat.Jpeg, 100);
        byte[] jpeg = data.ToArray();
        byte[] exif =
        [
            0xFF, 0xE1, 0, 34, .. "Exif\0\0"u8, .. "MM"u8, 0, 42, 0, 0, 0, 8, 0, 1, 0x01, 0x12, 0, 3, 0, 0, 0, 1, 0,
            (byte)orientation, 0, 0, 0, 0, 0, 0,
        ];
        File.WriteAllBytes(_folder.File("image.jpg"), [.. jpeg[..2], .. exif, .. jpeg[2..]]);

        ImageBatch read = PngFile.Read(_folder.File("image.jpg"));
        Assert.Equal((Height, Width), (read.Height, read.Width));
        Assert.InRange(read.Pixels[8 * Width + 16], 250, 255);
        Assert.InRange(read.Pixels[8 * Width + 48], 0, 5);
        Assert.InRange(read.Pixels[24 * Width + 16], 0, 5);
    }

    [Fact]
    public void Too_many_pixels_are_refused_by_the_header_alone()
    {
        string path = _folder.File("image.png");
        PngFile.Write(path, new ImageBatch(1, 1, 10, 10, new byte[100]));
        Assert.Equal(100, PngFile.Read(path, maxPixels: 100).Pixels.Length);
        Assert.Contains(
            "99", Assert.Throws<MezzotintException>(() => PngFile.Read(path, maxPixels: 99)).Message, StringComparison.Ordinal);

        byte[] lie = File.ReadAllBytes(path); // 2^30 x 2^30 pixels in a file of 80 bytes
        BinaryPrimitives.WriteInt32BigEndian(lie.AsSpan(16), 1 << 30);
        BinaryPrimitives.WriteInt32BigEndian(lie.AsSpan(20), 1 << 30);
        BinaryPrimitives.WriteUInt32BigEndian(lie.AsSpan(29), Crc32.Of(lie.AsSpan(12, 17)));
        File.WriteAllBytes(path, lie);
        Assert.Throws<MezzotintException>(() => PngFile.Read(path, maxPixels: long.MaxValue));
    }

    [Fact]
    public void Missing_files_and_other_files_are_named()
    {
        Assert.Contains(
            "none.png", Assert.Throws<MezzotintException>(() => PngFile.Read(_folder.File("none.png"))).Message,
            StringComparison.Ordinal);
        Assert.Contains(
            "none.png", Assert.Throws<MezzotintException>(() => PngFile.ReadText(_folder.File("none.png"))).Message,
            StringComparison.Ordinal);
        File.WriteAllText(_folder.File("note.png"), "no picture");
        Assert.Contains(
            "note.png", Assert.Throws<MezzotintException>(() => PngFile.Read(_folder.File("note.png"))).Message,
            StringComparison.Ordinal);
        Assert.Contains(
            "note.png", Assert.Throws<MezzotintException>(() => PngFile.ReadText(_folder.File("note.png"))).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_cut_short_anywhere_is_refused()
    {
        string path = _folder.File("image.png");
        PngFile.Write(
            path, new ImageBatch(1, 1, 8, 8, [.. Enumerable.Range(0, 64).Select(value => (byte)(value * 37))]),
            text: new Dictionary<string, string> { ["Seed"] = "42" });
        byte[] whole = File.ReadAllBytes(path);
        for (int length = 0; length < whole.Length; length++)
        {
            File.WriteAllBytes(path, whole[..length]);
            Assert.Throws<MezzotintException>(() => PngFile.ReadText(path));
            // After the pixels: end of block, checksums, IEND.
            if (length < whole.Length - 24) Assert.Throws<MezzotintException>(() => PngFile.Read(path));
        }
    }

    [Fact]
    public void Damaged_files_are_read_or_refused_and_nothing_else()
    {
        string path = _folder.File("image.png");
        PngFile.Write(path, new ImageBatch(1, 3, 8, 8, [.. Enumerable.Range(0, 192).Select(value => (byte)(value * 37))]),
            text: new Dictionary<string, string> { ["Seed"] = "42", ["Formula"] = "σ" });
        byte[] whole = File.ReadAllBytes(path);
        (from place in Gen.Int[0, whole.Length - 1] from value in Gen.Byte select (place, value)).Array[1, 4].Sample(changes =>
        {
            byte[] damaged = [.. whole];
            foreach ((int place, byte value) in changes) damaged[place] = value;
            File.WriteAllBytes(path, damaged);
            Attempt(() => PngFile.Read(path, 1 << 20));
            Attempt(() => PngFile.ReadText(path));
        }, iter: 3000, threads: 1);
    }

    private static void Attempt(Action read)
    {
        try
        {
            read();
        }
        catch (MezzotintException exception)
        {
            Assert.DoesNotContain('\n', exception.Message);
        }
    }

    private static bool HasLoneSurrogate(string text) => Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(text)) != text;
}
