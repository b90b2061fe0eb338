using System.Runtime.InteropServices;
using SkiaSharp;

namespace Mezzotint.IO;

/// <summary>The formats that images are written in.</summary>
public enum PictureFormat
{
    /// <summary>Values come back as they were, and words go with them.</summary>
    Png,
    /// <summary>Smaller, and not the same values.</summary>
    Jpeg,
    /// <summary>Smaller, and not the same values.</summary>
    Webp,
}

/// <summary>
/// Images in files: writes PNG, with words in it if wanted, and reads PNG, JPEG, WebP, BMP and whatever else Skia decodes.
/// Values go to files and come back as they are: no gamma, no colour profile.
/// </summary>
public static class PngFile
{
    /// <summary>Writes one image, whole or not at all.</summary>
    /// <param name="path">The file to make or to replace.</param>
    /// <param name="image">A batch of one image; lay several out with <see cref="ImageBatch.Grid"/>.</param>
    /// <param name="scale">How many pixels of the file, each way, one value takes; at least 1.</param>
    /// <param name="text">Keywords (1 to 79 Latin-1 characters) and texts that <see cref="ReadText"/> finds again.</param>
    /// <exception cref="ArgumentException">More than one image, a scale below 1 or too large, or a keyword that PNG cannot hold.</exception>
    /// <exception cref="MezzotintException">The file cannot be written.</exception>
    public static void Write(string path, ImageBatch image, int scale = 1, IReadOnlyDictionary<string, string>? text = null)
    {
        ArgumentNullException.ThrowIfNull(image);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(scale);
        if (image.Count != 1) throw new ArgumentException($"A PNG file holds one image, not {image.Count}.", nameof(image));
        byte[] png = Encode(image, scale, PictureFormat.Png, text: text);
        AtomicFile.Write(path, stream => stream.Write(png));
    }

    /// <summary>Makes a file of one image in memory.</summary>
    /// <param name="image">A batch of one image.</param>
    /// <param name="scale">How many pixels of the file, each way, one value takes; at least 1.</param>
    /// <param name="format">PNG, or one of those that lose something.</param>
    /// <param name="quality">0 to 100, for those that lose something.</param>
    /// <param name="text">Keywords and texts, for PNG alone.</param>
    /// <exception cref="ArgumentException">More than one image, a scale below 1 or too large, or a keyword that PNG cannot hold.</exception>
    public static byte[] Encode(ImageBatch image, int scale, PictureFormat format, int quality = 100, IReadOnlyDictionary<string, string>? text = null)
    {
        ArgumentNullException.ThrowIfNull(image);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(scale);
        if (image.Count != 1) throw new ArgumentException($"A file holds one image, not {image.Count}.", nameof(image));
        byte[] encoded = Encode(image, scale, format switch { PictureFormat.Jpeg => SKEncodedImageFormat.Jpeg, PictureFormat.Webp => SKEncodedImageFormat.Webp, _ => SKEncodedImageFormat.Png }, quality);
        if (format != PictureFormat.Png || text is null)
            return encoded;
        using var stream = new MemoryStream();
        PngText.Insert(encoded, text, stream);
        return stream.ToArray();
    }

    /// <summary>Reads one image, and how opaque each of its pixels is.</summary>
    /// <param name="file">The bytes of the file.</param>
    /// <param name="name">What an error calls it.</param>
    /// <param name="maxPixels">The most pixels to accept.</param>
    /// <returns>The image as <see cref="Read"/> gives it, and 0 (transparent) to 255 (opaque) as a grey image; null where all of it is opaque.</returns>
    /// <exception cref="MezzotintException">It is not an image, damaged, or too large.</exception>
    public static (ImageBatch Image, ImageBatch? Opacity) Decode(byte[] file, string name, long maxPixels = 1 << 22)
    {
        ArgumentNullException.ThrowIfNull(file);
        using var stream = new MemoryStream(file, writable: false);
        return Decode(name, stream, maxPixels);
    }

    /// <summary>Reads one image; of an animation, its first.</summary>
    /// <param name="path">The file.</param>
    /// <param name="maxPixels">The most pixels, height times width, to accept: looked up in the header before any are decoded.</param>
    /// <returns>One image: 1 channel where the file says grey, else 3, upright whatever way the camera was held. What is transparent shows white, as on a page.</returns>
    /// <exception cref="MezzotintException">The file is not there, not an image, damaged, or too large.</exception>
    public static ImageBatch Read(string path, long maxPixels = 1 << 26)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(maxPixels);
        return InputFile.Read(path, file => Decode(path, file, maxPixels).Image);
    }

    /// <summary>Reads the keywords and texts of a PNG file; compressed ones, which this library never writes, are left out.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="MezzotintException">The file is not there, or it is not a sound PNG file.</exception>
    public static IReadOnlyDictionary<string, string> ReadText(string path)
    {
        (Dictionary<string, string>? texts, string? problem) = InputFile.Read(path, PngText.Collect);
        return texts ?? throw new MezzotintException($"Cannot read '{path}': it {problem}; is it a PNG file, and whole?");
    }

    private static (ImageBatch Image, ImageBatch? Opacity) Decode(string path, Stream file, long maxPixels)
    {
        using SKCodec codec = SKCodec.Create(file, out SKCodecResult opened)
            ?? throw new MezzotintException($"Cannot read '{path}': it is not an image that can be decoded ({opened}); PNG, JPEG, WebP and BMP can.");
        (int width, int height) = (codec.Info.Width, codec.Info.Height);
        // Four bytes a pixel have to fit into one array.
        long most = Math.Min(maxPixels, Array.MaxLength / 4);
        if ((long)width * height > most)
            throw new MezzotintException($"Cannot read '{path}': {height} x {width} pixels are more than the {most} accepted; make the image smaller.");

        bool grey = codec.Info.ColorType == SKColorType.Gray8;
        var info = new SKImageInfo(width, height, grey ? SKColorType.Gray8 : SKColorType.Rgba8888, grey ? SKAlphaType.Opaque : SKAlphaType.Unpremul, null);
        var decoded = new byte[info.BytesSize];
        GCHandle pin = GCHandle.Alloc(decoded, GCHandleType.Pinned);
        SKCodecResult result;
        try
        {
            result = codec.GetPixels(info, pin.AddrOfPinnedObject());
        }
        finally
        {
            pin.Free();
        }
        if (result != SKCodecResult.Success)
            throw new MezzotintException($"Cannot read '{path}': the image is damaged or cut short ({result}); get it again.");
        return Upright(decoded, height, width, grey, codec.EncodedOrigin);
    }

    private static byte[] Encode(ImageBatch image, int scale, SKEncodedImageFormat format, int quality)
    {
        bool grey = image.Channels == 1;
        if ((Int128)image.Width * scale * image.Height * scale > Array.MaxLength / 4)
            throw new ArgumentOutOfRangeException(nameof(scale), scale, $"An image of {image.Height} x {image.Width} cannot be drawn so large.");
        var info = new SKImageInfo(image.Width * scale, image.Height * scale, grey ? SKColorType.Gray8 : SKColorType.Rgba8888, SKAlphaType.Opaque);
        using var bitmap = new SKBitmap(info);
        Span<byte> target = bitmap.GetPixelSpan();
        int plane = image.Height * image.Width;
        for (int y = 0; y < info.Height; y++)
            for (int x = 0; x < info.Width; x++)
            {
                int source = y / scale * image.Width + x / scale;
                if (grey)
                    target[y * bitmap.RowBytes + x] = image.Pixels[source];
                else
                {
                    Span<byte> pixel = target.Slice(y * bitmap.RowBytes + x * 4, 4);
                    for (int channel = 0; channel < 3; channel++) pixel[channel] = image.Pixels[channel * plane + source];
                    pixel[3] = 255;
                }
            }
        using SKData data = bitmap.Encode(format, quality)
            ?? throw new InvalidOperationException("Skia did not encode the image.");
        return data.ToArray();
    }

    /// <summary>Turns decoded pixels, [H, W] grey or [H, W, 4], into [C, H, W] and their opacity, undoing the turn and the mirror that the header names.</summary>
    private static (ImageBatch Image, ImageBatch? Opacity) Upright(byte[] decoded, int height, int width, bool grey, SKEncodedOrigin origin)
    {
        bool onItsSide = origin is SKEncodedOrigin.LeftTop or SKEncodedOrigin.RightTop or SKEncodedOrigin.RightBottom or SKEncodedOrigin.LeftBottom;
        (int uprightHeight, int uprightWidth) = onItsSide ? (width, height) : (height, width);
        int plane = height * width;
        var pixels = new byte[(grey ? 1 : 3) * plane];
        byte[]? opacities = grey ? null : new byte[plane];
        for (int y = 0; y < uprightHeight; y++)
            for (int x = 0; x < uprightWidth; x++)
            {
                // Where the file keeps the pixel that belongs at row y, column x.
                (int row, int column) = origin switch
                {
                    SKEncodedOrigin.TopRight => (y, width - 1 - x),
                    SKEncodedOrigin.BottomRight => (height - 1 - y, width - 1 - x),
                    SKEncodedOrigin.BottomLeft => (height - 1 - y, x),
                    SKEncodedOrigin.LeftTop => (x, y),
                    SKEncodedOrigin.RightTop => (height - 1 - x, y),
                    SKEncodedOrigin.RightBottom => (height - 1 - x, width - 1 - y),
                    SKEncodedOrigin.LeftBottom => (x, width - 1 - y),
                    _ => (y, x),
                };
                int source = row * width + column;
                int target = y * uprightWidth + x;
                if (grey)
                    pixels[target] = decoded[source];
                else
                {
                    int opacity = opacities![target] = decoded[source * 4 + 3];
                    for (int channel = 0; channel < 3; channel++)
                        pixels[channel * plane + target] = (byte)((decoded[source * 4 + channel] * opacity + 255 * (255 - opacity) + 127) / 255);
                }
            }
        bool opaque = opacities is null || !opacities.AsSpan().ContainsAnyExcept((byte)255);
        return (new ImageBatch(1, grey ? 1 : 3, uprightHeight, uprightWidth, pixels), opaque ? null : new ImageBatch(1, 1, uprightHeight, uprightWidth, opacities!));
    }
}
