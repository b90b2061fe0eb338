using Mezzotint.Data;
using Mezzotint.Evaluation;
using Mezzotint.Formats;
using Mezzotint.Training;
using SkiaSharp;

namespace Mezzotint.Tests.Data;

/// <summary>The same file has the same pixels whoever reads it: in a flat folder, in a class folder, as a picture.</summary>
public sealed class OneDecoderTests : IDisposable
{
    private const int Side = 8;

    private readonly ScratchFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private static byte[] Encode(Func<int, int, SKColor> colour, SKEncodedImageFormat format = SKEncodedImageFormat.Png)
    {
        using var bitmap = new SKBitmap(new SKImageInfo(Side, Side, SKColorType.Rgba8888, SKAlphaType.Unpremul));
        for (int y = 0; y < Side; y++)
            for (int x = 0; x < Side; x++)
                bitmap.SetPixel(x, y, colour(x, y));
        using var data = bitmap.Encode(format, 100);
        return data.ToArray();
    }

    /// <summary>A JPEG file with a bright upper left corner as it lies in the file, and how the camera was held.</summary>
    private static byte[] Turned(byte orientation)
    {
        byte[] jpeg = Encode((x, y) => x < 4 && y < 4 ? SKColors.White : SKColors.Black, SKEncodedImageFormat.Jpeg);
        byte[] exif =
        [
            0xFF, 0xE1, 0, 34, .. "Exif\0\0"u8, .. "MM"u8, 0, 42, 0, 0, 0, 8, 0, 1,
            0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, orientation, 0, 0, 0, 0, 0, 0,
        ];
        return [.. jpeg[..2], .. exif, .. jpeg[2..]];
    }

    [Theory]
    [InlineData("black", 1)]
    [InlineData("white", 1)]
    [InlineData("#10A0FF", 1)]
    [InlineData("black", 3)]
    [InlineData("white", 3)]
    [InlineData("#10A0FF", 3)]
    public void Flat_and_class_folders_and_single_pictures_have_the_same_pixels(string colour, int channels)
    {
        var background = Background.Parse(colour);
        byte[][] files =
        [
            Encode((x, y) => new(255, 255, 255, (byte)(32 * (x + y) % 256))), // a cut-out, white ink of the opacity of the ink
            Encode((x, y) => new((byte)(x * 30), (byte)(y * 30), 77)),
            Turned(6),
        ];
        for (int i = 0; i < files.Length; i++)
        {
            _folder.Write(files[i], "flat", $"{i}.png");
            _folder.Write(files[i], "labelled", "0", $"{i}.png");
        }
        var reference = new ImageSet("reference", new byte[channels * Side * Side], new byte[1], channels, Side, Side, ["0"]);
        var flat = EvaluatedImages.Read(_folder["flat"], reference, background: background);
        var labelled = EvaluatedImages.Read(_folder["labelled"], reference, background: background);
        Assert.Equal((false, true), (flat.Labelled, labelled.Labelled));
        Assert.Equal(flat.Images.Pixels, labelled.Images.Pixels);
        Assert.Equal(flat.Images.Pixels, ImageFolder.Load(_folder["labelled"], channels, background: background).Pixels);
        for (int i = 0; i < files.Length; i++)
        {
            var alone = PngFile.Read(_folder["flat", $"{i}.png"], channels: channels, background: background);
            Assert.Equal(alone.Pixels, flat.Images.Image(i).ToArray());
        }
        Assert.Equal(background, flat.Images.Reading!.Background);
    }

    [Fact]
    public void What_is_clear_is_the_background()
    {
        _folder.Write(Encode((_, _) => new(255, 255, 255, 0)), "a", "1.png");
        byte[] First(int channels, Background background)
        {
            var set = ImageFolder.Load(_folder.Path, channels, background: background);
            return [.. Enumerable.Range(0, channels).Select(channel => set.Pixels[channel * Side * Side])];
        }
        Assert.Equal([0, 0, 0], First(3, default));
        Assert.Equal([255, 255, 255], First(3, Background.White));
        Assert.Equal([0x10, 0xA0, 0xFF], First(3, Background.Parse("#10A0FF")));
        Assert.Equal([Grey.Of(0x10, 0xA0, 0xFF)], First(1, Background.Parse("#10a0ff")));
    }

    [Fact]
    public void Pictures_in_class_folders_stand_upright()
    {
        for (byte orientation = 1; orientation <= 8; orientation++)
        {
            _folder.Write(Turned(orientation), "a", "1.jpg");
            var image = ImageFolder.Load(_folder.Path, 1).Image(0);
            int[] bright = [image[0], image[Side - 1], image[^1], image[^Side]];
            // Clockwise from the upper left; Exif 2.3, table 6.
            int expected = orientation switch { 1 or 5 => 0, 2 or 6 => 1, 3 or 7 => 2, _ => 3 };
            Assert.Equal(expected, bright.Index().MaxBy(corner => corner.Item).Index);
        }
    }

    [Theory]
    [InlineData("")]
    [InlineData("Black")]
    [InlineData("red")]
    [InlineData("#12345")]
    [InlineData("#1234567")]
    [InlineData("#12345G")]
    [InlineData("# 12345")]
    [InlineData("#-12345")]
    public void A_background_that_is_no_colour_is_refused_with_those_that_are(string text)
    {
        string message = Assert.Throws<MezzotintException>(() => Background.Parse(text)).Message;
        Assert.Contains("black, white or a colour as #RRGGBB", message, StringComparison.Ordinal);
        string refused = Assert.Throws<MezzotintException>(
            () => Configuration.Parse($"[data]\nbackground = \"{text}\"", "x.toml")).Message;
        Assert.Contains("data.background", refused, StringComparison.Ordinal);
        Assert.Contains("black, white or a colour as #RRGGBB", refused, StringComparison.Ordinal);
    }

    [Fact]
    public void A_background_is_written_as_it_is_read()
    {
        foreach (string text in new[] { "black", "white", "#10A0FF" })
            Assert.Equal(text, Background.Parse(text).ToString());
    }
}
