using CsCheck;
using Mezzotint.Data;
using SkiaSharp;

namespace Mezzotint.Tests.Data;

public class ImageFolderTests
{
    /// <summary>An encoded image of one colour, or of what <paramref name="colour"/> gives for a column and a row.</summary>
    private static byte[] Encode(
        int width, int height, Func<int, int, SKColor> colour, SKEncodedImageFormat format = SKEncodedImageFormat.Png)
    {
        using var bitmap = new SKBitmap(new SKImageInfo(width, height, SKColorType.Rgba8888, SKAlphaType.Unpremul));
        for (int y = 0; y < height; y++)
            for (int x = 0; x < width; x++)
                bitmap.SetPixel(x, y, colour(x, y));
        using var data = bitmap.Encode(format, 100);
        return data.ToArray();
    }

    private static byte[] Grey(
        byte value, int width = 4, int height = 3, SKEncodedImageFormat format = SKEncodedImageFormat.Png) =>
        Encode(width, height, (_, _) => new(value, value, value), format);

    private static string Refusal(string root, int channels = 1, int? size = null, ImageSplit split = ImageSplit.All)
    {
        string message = Assert.Throws<MezzotintException>(() => ImageFolder.Load(root, channels, size, split)).Message;
        Assert.DoesNotContain('\n', message);
        return message;
    }

    [Fact]
    public void Images_come_with_the_class_of_their_folder()
    {
        using var folder = new ScratchFolder();
        folder.Write(Grey(10), "cat", "b.png");
        folder.Write(Grey(20), "cat", "a.PNG");
        folder.Write(Grey(30), "ant", "a.png");
        folder.Write([1, 2, 3], "ant", "notes.txt");
        folder.Write([1, 2, 3], "ant", ".hidden.png");
        folder.Write([1, 2, 3], ".cache", "x.png");
        var set = ImageFolder.Load(folder.Path, 1);
        Assert.Equal(["ant", "cat"], set.ClassNames);
        Assert.Equal([0, 1, 1], set.Labels);
        Assert.Equal((1, 3, 4), (set.Channels, set.Height, set.Width));
        Assert.Equal([30, 20, 10], Enumerable.Range(0, 3).Select(i => (int)set.Image(i)[5]));
    }

    [Fact]
    public void Classes_that_are_all_numbers_are_sorted_as_numbers()
    {
        using var folder = new ScratchFolder();
        foreach (string name in new[] { "10", "9", "2" })
            folder.Write(Grey(1), name, "a.png");
        Assert.Equal(["2", "9", "10"], ImageFolder.Load(folder.Path, 1).ClassNames);
        folder.Write(Grey(1), "x", "a.png");
        Assert.Equal(["10", "2", "9", "x"], ImageFolder.Load(folder.Path, 1).ClassNames);
    }

    [Fact]
    public void Channels_are_planes_of_colour_or_luma()
    {
        using var folder = new ScratchFolder();
        folder.Write(Encode(2, 1, (x, _) => x == 0 ? new(255, 0, 0) : new(10, 200, 30)), "a", "1.png");
        Assert.Equal([255, 10, 0, 200, 0, 30], ImageFolder.Load(folder.Path, 3).Pixels);
        Assert.Equal([76, 124], ImageFolder.Load(folder.Path, 1).Pixels); // 0.299 * 255 = 76.2; 2.99 + 117.4 + 3.42 = 123.8
    }

    [Fact]
    public void Without_channels_a_folder_has_colour_where_any_of_its_pictures_has()
    {
        using var folder = new ScratchFolder();
        folder.Write(Grey(7, 1, 1), "a", "1.png");
        folder.Write(Encode(1, 1, (_, _) => new(255, 0, 0, 0)), "a", "2.png"); // of which nothing is seen
        Assert.Equal([7, 0], ImageFolder.Load(folder.Path).Pixels);
        folder.Write(Encode(1, 1, (_, _) => new(8, 9, 10)), "a", "3.png");
        Assert.Equal([7, 7, 7, 0, 0, 0, 8, 9, 10], ImageFolder.Load(folder.Path).Pixels);
    }

    [Fact]
    public void Grey_values_survive_exactly()
    {
        using var folder = new ScratchFolder();
        folder.Write(Encode(16, 16, (x, y) => new((byte)(16 * y + x), (byte)(16 * y + x), (byte)(16 * y + x))), "a", "1.png");
        Assert.Equal(Enumerable.Range(0, 256).Select(i => (byte)i), ImageFolder.Load(folder.Path, 1).Pixels);
    }

    [Fact]
    public void Transparent_parts_are_black()
    {
        using var folder = new ScratchFolder();
        folder.Write(Encode(1, 1, (_, _) => new(255, 255, 255, 0)), "a", "1.png");
        Assert.Equal([0], ImageFolder.Load(folder.Path, 1).Pixels);
    }

    [Theory]
    [InlineData("x.jpg", SKEncodedImageFormat.Jpeg)]
    [InlineData("x.jpeg", SKEncodedImageFormat.Jpeg)]
    [InlineData("x.webp", SKEncodedImageFormat.Webp)]
    [InlineData("x.png", SKEncodedImageFormat.Png)]
    public void Each_format_is_read(string name, SKEncodedImageFormat format)
    {
        using var folder = new ScratchFolder();
        folder.Write(Grey(100, 8, 8, format), "a", name);
        Assert.All(ImageFolder.Load(folder.Path, 1).Pixels, value => Assert.InRange(value, 99, 101));
    }

    [Fact]
    public void Bmp_is_read()
    {
        // 1 x 1, 24 bits, blue 30, green 20, red 10; from the description of BITMAPINFOHEADER.
        byte[] bmp =
        [
            0x42, 0x4d, 58, 0, 0, 0, 0, 0, 0, 0, 54, 0, 0, 0, 40, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 24, 0, .. new byte[24],
            30, 20, 10, 0,
        ];
        using var folder = new ScratchFolder();
        folder.Write(bmp, "a", "x.bmp");
        Assert.Equal([10, 20, 30], ImageFolder.Load(folder.Path, 3).Pixels);
    }

    [Fact]
    public void The_first_image_of_another_size_is_named()
    {
        using var folder = new ScratchFolder();
        folder.Write(Grey(1), "a", "1.png");
        string odd = folder.Write(Grey(1, 5, 3), "a", "2.png");
        string message = Refusal(folder.Path);
        Assert.Contains($"{odd} is 5 x 3", message, StringComparison.Ordinal);
        Assert.Contains("is 4 x 3", message, StringComparison.Ordinal);
        Assert.Contains("data.size = 3 in a training, with --size 3 in other commands.", message, StringComparison.Ordinal);
    }

    [Fact]
    public void With_a_size_the_central_square_is_resized()
    {
        using var folder = new ScratchFolder();
        // White in the middle third, black beside it: of the central square nothing but white is left.
        folder.Write(Encode(96, 32, (x, _) => x is >= 32 and < 64 ? SKColors.White : SKColors.Black), "a", "1.png");
        folder.Write(Grey(200, 4, 4), "a", "2.png");
        folder.Write(Grey(50, 7, 7), "a", "3.png");
        var set = ImageFolder.Load(folder.Path, 1, 7);
        Assert.Equal((7, 7, 3), (set.Height, set.Width, set.Count));
        Assert.All(set.Image(0).ToArray(), value => Assert.Equal(255, value));
        Assert.All(set.Image(1).ToArray(), value => Assert.Equal(200, value));
        Assert.All(set.Image(2).ToArray(), value => Assert.Equal(50, value));
    }

    [Fact]
    public void Making_smaller_averages_every_pixel()
    {
        using var folder = new ScratchFolder();
        folder.Write(Encode(64, 64, (x, y) => (x + y) % 2 == 0 ? SKColors.White : SKColors.Black), "a", "1.png");
        Assert.All(ImageFolder.Load(folder.Path, 1, 8).Pixels, value => Assert.InRange(value, 126, 129));
    }

    [Fact]
    public void Train_and_test_folders_are_the_two_sets()
    {
        using var folder = new ScratchFolder();
        folder.Write(Grey(1), "train", "a", "1.png");
        folder.Write(Grey(2), "train", "b", "1.png");
        folder.Write(Grey(3), "test", "b", "1.png");
        var train = ImageFolder.Load(folder.Path, 1, split: ImageSplit.Train);
        var test = ImageFolder.Load(folder.Path, 1, split: ImageSplit.Test);
        Assert.Equal([0, 1], train.Labels);
        Assert.Equal([1], test.Labels);
        Assert.Equal(train.ClassNames, test.ClassNames);
        Assert.Equal(3, ImageFolder.Load(folder.Path, 1).Count);
        folder.Write(Grey(3), "test", "c", "1.png");
        Assert.Contains("is a class that", Refusal(folder.Path, split: ImageSplit.Test), StringComparison.Ordinal);
    }

    [Fact]
    public void Without_them_a_tenth_is_held_back_by_name_for_good()
    {
        using var folder = new ScratchFolder();
        byte[] image = Grey(1, 1, 1);
        for (int i = 0; i < 200; i++)
            folder.Write(image, i % 2 == 0 ? "a" : "b", $"{i}.png");
        int train = ImageFolder.Load(folder.Path, 1, split: ImageSplit.Train).Count;
        int test = ImageFolder.Load(folder.Path, 1, split: ImageSplit.Test).Count;
        Assert.Equal(200, train + test);
        Assert.Equal(13, test); // counted with Python's hashlib: a split that moves would mix the two sets
    }

    [Fact]
    public void What_is_no_data_set_is_refused_in_words()
    {
        using var folder = new ScratchFolder();
        Assert.Contains("is no folder", Refusal(Path.Combine(folder.Path, "none")), StringComparison.Ordinal);
        Assert.Contains("no class folders", Refusal(folder.Path), StringComparison.Ordinal);
        Directory.CreateDirectory(folder["a"]);
        Assert.Contains("(1 folder without pictures of its own is no class: a/)", Refusal(folder.Path), StringComparison.Ordinal);
        folder.Write(Grey(1), "a", "2.png");
        Assert.Contains("test set", Refusal(folder.Path, split: ImageSplit.Test), StringComparison.Ordinal);
        for (int i = 0; i < 256; i++)
            folder.Write(Grey(1), $"{i}", "1.png");
        Assert.Contains("257 class folders", Refusal(folder.Path), StringComparison.Ordinal);
        Assert.Throws<ArgumentOutOfRangeException>(() => ImageFolder.Load(folder.Path, 2));
    }

    [Fact]
    public void Damaged_images_are_named_and_never_cost_more_than_they_justify()
    {
        using var folder = new ScratchFolder();
        byte[] good = Encode(20, 20, (x, y) => new((byte)(x * 12), (byte)(y * 12), 7));
        string path = folder.Write(good, "a", "1.png");
        Gen.Select(Gen.Int[0, good.Length - 1], Gen.Int[0, good.Length], Gen.Byte).Sample((at, length, value) =>
        {
            byte[] bytes = [.. good];
            bytes[at] = value;
            File.WriteAllBytes(path, bytes[..length]);
            try
            {
                Assert.Equal(1, ImageFolder.Load(folder.Path, 1).Count);
            }
            catch (MezzotintException refused)
            {
                Assert.Contains(path, refused.Message, StringComparison.Ordinal);
            }
        }, iter: 2_000, threads: 1);
    }

    [Fact]
    public void Every_truncation_of_an_image_is_refused()
    {
        using var folder = new ScratchFolder();
        byte[] good = Encode(20, 20, (x, y) => new((byte)(x * 12), (byte)(y * 12), 7));
        for (int length = 0; length < good.Length - 20; length += 5) // the last 20 bytes are a checksum and the empty end chunk
        {
            folder.Write(good[..length], "a", "1.png");
            Refusal(folder.Path);
        }
    }

    [Fact]
    public void A_header_that_claims_too_many_pixels_is_refused()
    {
        using var folder = new ScratchFolder();
        byte[] png = Grey(1);
        (png[16], png[17], png[18], png[19]) = (0, 0, 0x40, 0); // 16384 columns
        (png[20], png[21], png[22], png[23]) = (0, 0, 0x10, 0); // 4096 rows
        uint crc = Crc32(png.AsSpan(12, 17));
        System.Buffers.Binary.BinaryPrimitives.WriteUInt32BigEndian(png.AsSpan(29), crc);
        folder.Write(png, "a", "1.png");
        Assert.Contains("claims 16384 x 4096 pixels", Refusal(folder.Path), StringComparison.Ordinal);
    }

    private static uint Crc32(ReadOnlySpan<byte> bytes)
    {
        uint crc = uint.MaxValue;
        foreach (byte value in bytes)
        {
            crc ^= value;
            for (int bit = 0; bit < 8; bit++)
                crc = (crc & 1) == 1 ? (crc >> 1) ^ 0xEDB88320 : crc >> 1;
        }
        return ~crc;
    }
}
