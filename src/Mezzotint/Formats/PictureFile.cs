using System.Buffers.Binary;
using System.Runtime.InteropServices;
using SkiaSharp;

namespace Mezzotint.Formats;

/// <summary>
/// A picture in a file, whose header was read and judged: the one decoder of the library, for training data, pictures to begin
/// from, masks and what is evaluated.
/// </summary>
/// <remarks>
/// PNG, JPEG, WebP, BMP and GIF, of an animation the first frame. The first bytes of a file give its format. Only bytes of a
/// known format reach the native decoder, from memory: no stream calls back out of it. The rules are the same for every reader. A
/// picture stands upright, whatever way the camera was held. What is transparent shows the background, which is black by default.
/// Values come as they are, without gamma or colour profile. Colour becomes grey by Rec. 601 luma.
/// </remarks>
internal sealed class PictureFile : IDisposable
{
    /// <summary>The most pixels that are decoded, unless a reader wants fewer.</summary>
    public const long MostPixels = 1 << 26;

    /// <summary>The most bytes of a file: BMP with 64 bits a pixel.</summary>
    public const int MostBytes = 1 << 29;

    private const long AlwaysAllowed = 1 << 20; // pixels
    private const long PixelsPerByte = 8 * 1032; // the densest PNG: one bit a pixel, and deflate makes at most 1032 bytes of one
    private const string Formats = "PNG, JPEG, WebP, BMP or GIF";

    private readonly SKCodec _codec;
    private readonly string _name;

    private PictureFile(SKCodec codec, string name) => (_codec, _name) = (codec, name);

    /// <summary>Rows of the upright picture.</summary>
    public int Height => OnItsSide ? _codec.Info.Width : _codec.Info.Height;

    /// <summary>Columns of the upright picture.</summary>
    public int Width => OnItsSide ? _codec.Info.Height : _codec.Info.Width;

    /// <summary>Whether the header says that every pixel is opaque.</summary>
    public bool Opaque => _codec.Info.AlphaType == SKAlphaType.Opaque;

    /// <summary>How many pictures the file has: more than 1 for an animation.</summary>
    public int Frames => Math.Max(1, _codec.FrameCount);

    private bool OnItsSide => _codec.EncodedOrigin
        is SKEncodedOrigin.LeftTop or SKEncodedOrigin.RightTop or SKEncodedOrigin.RightBottom or SKEncodedOrigin.LeftBottom;

    /// <summary>Reads a file and judges its header; decodes no pixel.</summary>
    /// <param name="path">The file.</param>
    /// <param name="maxPixels">The most pixels to accept.</param>
    /// <exception cref="MezzotintException">It is not there, no picture, or claims more pixels than are accepted or than its
    /// bytes can hold.</exception>
    public static PictureFile Read(string path, long maxPixels = MostPixels) => Open(BytesOf(path), path, maxPixels);

    /// <summary>The bytes of a file, not yet judged.</summary>
    /// <exception cref="MezzotintException">It cannot be opened, is no regular file, or is larger than any picture.</exception>
    public static byte[] BytesOf(string path) => InputFile.Read(path, stream =>
    {
        if (stream.Length > MostBytes)
            throw new MezzotintException(
                $"Cannot read '{path}': {stream.Length} bytes are more than the {MostBytes} that a picture may have. Make the "
                + $"picture smaller.");
        byte[] bytes = new byte[stream.Length];
        stream.ReadExactly(bytes);
        return bytes;
    });

    /// <summary>Judges the header of a file in memory; decodes no pixel.</summary>
    /// <param name="file">The bytes of the file.</param>
    /// <param name="name">What an error calls it.</param>
    /// <param name="maxPixels">The most pixels to accept.</param>
    /// <param name="webOnly">Whether to accept nothing but what browsers send: PNG, JPEG and WebP.</param>
    /// <exception cref="MezzotintException">It is no picture, or claims more pixels than are accepted or than its bytes can
    /// hold.</exception>
    public static PictureFile Open(byte[] file, string name, long maxPixels = MostPixels, bool webOnly = false)
    {
        string formats = webOnly ? "PNG, JPEG or WebP" : Formats;
        string? format = FormatOf(file);
        if (format is null or "TIFF" || webOnly && format is "BMP" or "GIF")
            throw new MezzotintException(
                $"Cannot read '{name}': it is {(format is null ? "no picture, or of an unknown format" : $"a {format} file")}. "
                + $"Convert it to {formats}.");
        if (format == "BMP" && (file.Length < 26 || BinaryPrimitives.ReadUInt32LittleEndian(file.AsSpan(10)) > file.Length))
            throw Damaged(name, "its pixels are said to lie behind its end");

        using var data = SKData.CreateCopy(file);
        var codec = SKCodec.Create(data) ?? throw Damaged(name, $"its {format} header cannot be read");
        var picture = new PictureFile(codec, name);
        try
        {
            picture.Judge(file, format, maxPixels);
            return picture;
        }
        catch
        {
            picture.Dispose();
            throw;
        }
    }

    /// <summary>Whether a file begins as one of a format that is decoded.</summary>
    public static bool IsReadable(ReadOnlySpan<byte> start) => FormatOf(start) is not (null or "TIFF");

    /// <summary>Decodes the picture.</summary>
    /// <exception cref="MezzotintException">The file is truncated or damaged.</exception>
    public DecodedPicture Decode()
    {
        var (rows, columns) = (_codec.Info.Height, _codec.Info.Width);
        var info = new SKImageInfo(columns, rows, SKColorType.Rgba8888, Opaque ? SKAlphaType.Opaque : SKAlphaType.Unpremul, null);
        byte[] decoded = new byte[info.BytesSize];
        var pin = GCHandle.Alloc(decoded, GCHandleType.Pinned);
        SKCodecResult result;
        try
        {
            result = _codec.GetPixels(info, pin.AddrOfPinnedObject());
        }
        finally
        {
            pin.Free();
        }
        if (result != SKCodecResult.Success)
            throw Damaged(_name, result == SKCodecResult.IncompleteInput ? "it ends too early" : $"{result}");
        return new DecodedPicture(Upright(decoded, rows, columns), Height, Width, _codec.Info.ColorType == SKColorType.Gray8);
    }

    /// <inheritdoc/>
    public void Dispose() => _codec.Dispose();

    /// <summary>What the first bytes say a file is; null for nothing known. TIFF is known and not decoded.</summary>
    public static string? FormatOf(ReadOnlySpan<byte> file) =>
        file.StartsWith((ReadOnlySpan<byte>)[0x89, (byte)'P', (byte)'N', (byte)'G', 13, 10, 26, 10]) ? "PNG"
        : file.StartsWith((ReadOnlySpan<byte>)[0xFF, 0xD8, 0xFF]) ? "JPEG"
        : file.StartsWith("RIFF"u8) && file.Length >= 12 && file[8..].StartsWith("WEBP"u8) ? "WebP"
        : file.StartsWith("GIF87a"u8) || file.StartsWith("GIF89a"u8) ? "GIF"
        : file.StartsWith("BM"u8) ? "BMP"
        : file.StartsWith((ReadOnlySpan<byte>)[(byte)'I', (byte)'I', 42, 0])
            || file.StartsWith((ReadOnlySpan<byte>)[(byte)'M', (byte)'M', 0, 42]) ? "TIFF"
        : null;

    private void Judge(byte[] file, string format, long maxPixels)
    {
        long pixels = (long)Height * Width, most = Math.Min(maxPixels, MostPixels);
        if (pixels > most)
            throw new MezzotintException(
                $"Cannot read '{_name}': {Width} x {Height} pixels are more than the {most} that are accepted. Make the picture "
                + $"smaller.");
        long justified = format == "PNG" ? PixelsOfPng(file) : file.Length * PixelsPerByte;
        if (pixels > AlwaysAllowed && pixels > justified)
            throw new MezzotintException(
                $"Cannot read '{_name}': it claims {Width} x {Height} pixels in {file.Length} bytes, more than they can hold. "
                + $"Replace the file.");
    }

    /// <summary>How many pixels the bytes of a PNG file can hold at most: its header says how many bits each has, and deflate
    /// makes at most 1032 bytes of one.</summary>
    private static long PixelsOfPng(byte[] file)
    {
        int depth = Math.Max(1, (int)file[24]), samples = file[25] switch { 2 => 3, 4 => 2, 6 => 4, _ => 1 };
        return file.Length * PixelsPerByte / (depth * samples);
    }

    /// <summary>Turns decoded rows, [H, W, 4], the way that the header names.</summary>
    private byte[] Upright(byte[] decoded, int rows, int columns)
    {
        var origin = _codec.EncodedOrigin;
        if (origin is SKEncodedOrigin.TopLeft)
            return decoded;
        byte[] upright = new byte[decoded.Length];
        var from = MemoryMarshal.Cast<byte, uint>(decoded);
        var to = MemoryMarshal.Cast<byte, uint>(upright.AsSpan());
        for (int y = 0, target = 0; y < Height; y++)
            for (int x = 0; x < Width; x++, target++)
            {
                // Where the file keeps the pixel that belongs at row y, column x.
                var (row, column) = origin switch
                {
                    SKEncodedOrigin.TopRight => (y, columns - 1 - x),
                    SKEncodedOrigin.BottomRight => (rows - 1 - y, columns - 1 - x),
                    SKEncodedOrigin.BottomLeft => (rows - 1 - y, x),
                    SKEncodedOrigin.LeftTop => (x, y),
                    SKEncodedOrigin.RightTop => (rows - 1 - x, y),
                    SKEncodedOrigin.RightBottom => (rows - 1 - x, columns - 1 - y),
                    SKEncodedOrigin.LeftBottom => (x, columns - 1 - y),
                    _ => (y, x),
                };
                to[target] = from[row * columns + column];
            }
        return upright;
    }

    private static MezzotintException Damaged(string name, string how) =>
        new($"Cannot read '{name}': the picture is damaged ({how}). Get it again, or remove it.");
}

/// <summary>The pixels of a picture, upright, and what can be made of them.</summary>
/// <param name="rgba">Red, green, blue (not multiplied by opacity) and opacity of each pixel: [H, W, 4].</param>
/// <param name="height">Rows.</param>
/// <param name="width">Columns.</param>
/// <param name="grey">Whether the file says that it has no colour.</param>
internal sealed class DecodedPicture(byte[] rgba, int height, int width, bool grey)
{
    /// <summary>Whether some pixel is not opaque.</summary>
    public bool Transparent { get; } = AnyTransparent(rgba);

    /// <summary>Whether some pixel that can be seen has a colour that is no grey.</summary>
    public bool Coloured => !grey && AnyColoured(rgba);

    /// <summary>The picture on a background.</summary>
    /// <param name="channels">1 for grey, 3 for colour, null for what the file says it has.</param>
    /// <param name="background">The colour behind what is transparent.</param>
    /// <param name="frame">The size to bring the picture to, and how; null to leave it as it is.</param>
    public ImageBatch On(int? channels, Background background = default, PictureFrame? frame = null)
    {
        byte[] opaque = Composited(background);
        var (rows, columns) = (height, width);
        if (frame is { } asked && (height != asked.Height || width != asked.Width))
        {
            opaque = asked.Of(opaque, height, width, background);
            (rows, columns) = (asked.Height, asked.Width);
        }
        return Planes(opaque, rows, columns, channels ?? (grey ? 1 : 3));
    }

    /// <summary>How opaque each pixel is, 0 to 255, as a grey image; null where all of it is opaque.</summary>
    public ImageBatch? Opacity()
    {
        if (!Transparent)
            return null;
        byte[] opacity = new byte[height * width];
        for (int i = 0; i < opacity.Length; i++)
            opacity[i] = rgba[4 * i + 3];
        return new ImageBatch(1, 1, height, width, opacity);
    }

    /// <summary>A picture that is white where another is transparent.</summary>
    public static DecodedPicture OfTransparency(ImageBatch opacity)
    {
        byte[] rgba = new byte[4 * opacity.Pixels.Length];
        for (int i = 0; i < opacity.Pixels.Length; i++)
        {
            rgba.AsSpan(4 * i, 3).Fill((byte)(255 - opacity.Pixels[i]));
            rgba[4 * i + 3] = 255;
        }
        return new DecodedPicture(rgba, opacity.Height, opacity.Width, grey: true);
    }

    private static bool AnyTransparent(byte[] rgba)
    {
        for (int i = 3; i < rgba.Length; i += 4)
            if (rgba[i] != 255)
                return true;
        return false;
    }

    private static bool AnyColoured(byte[] rgba)
    {
        for (int i = 0; i < rgba.Length; i += 4)
            if (rgba[i + 3] > 0 && (rgba[i] != rgba[i + 1] || rgba[i] != rgba[i + 2]))
                return true;
        return false;
    }

    private byte[] Composited(Background background)
    {
        ReadOnlySpan<byte> behind = [background.Red, background.Green, background.Blue];
        byte[] opaque = [.. rgba];
        for (int i = 0; i < opaque.Length; i += 4)
        {
            int opacity = opaque[i + 3];
            if (opacity == 255)
                continue;
            for (int channel = 0; channel < 3; channel++)
                opaque[i + channel] = (byte)((opaque[i + channel] * opacity + behind[channel] * (255 - opacity) + 127) / 255);
            opaque[i + 3] = 255;
        }
        return opaque;
    }

    /// <summary>Row by row with four numbers a pixel becomes channel by channel.</summary>
    private static ImageBatch Planes(byte[] opaque, int rows, int columns, int channels)
    {
        int area = rows * columns;
        byte[] pixels = new byte[channels * area];
        for (int i = 0; i < area; i++)
        {
            var (r, g, b) = (opaque[4 * i], opaque[4 * i + 1], opaque[4 * i + 2]);
            if (channels == 3)
                (pixels[i], pixels[area + i], pixels[2 * area + i]) = (r, g, b);
            else
                pixels[i] = Grey.Of(r, g, b);
        }
        return new ImageBatch(1, channels, rows, columns, pixels);
    }
}

/// <summary>The one conversion of colour to grey.</summary>
internal static class Grey
{
    /// <summary>Rec. 601 luma, 0.299 R + 0.587 G + 0.114 B, in 65536ths that add up to one: grey stays what it is.</summary>
    public static byte Of(int r, int g, int b) => (byte)((19595 * r + 38470 * g + 7471 * b + 32768) >> 16);

    /// <summary>One image in so many channels: grey from colour by luma, colour from grey by repetition.</summary>
    public static ImageBatch InChannels(ImageBatch image, int channels)
    {
        if (image.Channels == channels)
            return image;
        int plane = image.Height * image.Width;
        byte[] p = image.Pixels;
        byte[] pixels = channels == 3 ? [.. p, .. p, .. p]
            : [.. Enumerable.Range(0, plane).Select(i => Of(p[i], p[plane + i], p[2 * plane + i]))];
        return new ImageBatch(1, channels, image.Height, image.Width, pixels);
    }
}
