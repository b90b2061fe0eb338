using SkiaSharp;

namespace Mezzotint.Formats;

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
/// Images in files: writes PNG, with words in it if wanted, and reads PNG, JPEG, WebP, BMP and GIF, of an animation the first
/// frame. Values go to files and come back as they are: no gamma, no colour profile.
/// </summary>
public static class PngFile
{
    /// <summary>Writes one image, whole or not at all.</summary>
    /// <param name="path">The file to make or to replace.</param>
    /// <param name="image">A batch of one image; lay several out with <see cref="ImageBatch.Grid"/>.</param>
    /// <param name="scale">How many pixels of the file, each way, one value takes; at least 1.</param>
    /// <param name="text">Keywords (1 to 79 Latin-1 characters) and texts that <see cref="ReadText"/> finds again.</param>
    /// <exception cref="ArgumentException">More than one image, a scale below 1 or too large, or a keyword that PNG cannot
    /// hold.</exception>
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
    /// <exception cref="ArgumentException">More than one image, a scale below 1 or too large, or a keyword that PNG cannot
    /// hold.</exception>
    public static byte[] Encode(
        ImageBatch image, int scale, PictureFormat format, int quality = 100, IReadOnlyDictionary<string, string>? text = null)
    {
        ArgumentNullException.ThrowIfNull(image);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(scale);
        if (image.Count != 1) throw new ArgumentException($"A file holds one image, not {image.Count}.", nameof(image));
        var encoder = format switch
        {
            PictureFormat.Jpeg => SKEncodedImageFormat.Jpeg,
            PictureFormat.Webp => SKEncodedImageFormat.Webp,
            _ => SKEncodedImageFormat.Png,
        };
        byte[] encoded = Encode(image, scale, encoder, quality);
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
    /// <param name="background">The colour behind what is transparent.</param>
    /// <returns>The image as <see cref="Read"/> gives it, and 0 (transparent) to 255 (opaque) as a grey image; null where all of
    /// it is opaque.</returns>
    /// <exception cref="MezzotintException">It is not an image, damaged, or too large.</exception>
    public static (ImageBatch Image, ImageBatch? Opacity) Decode(
        byte[] file, string name, long maxPixels = 1 << 22, Background background = default)
    {
        ArgumentNullException.ThrowIfNull(file);
        using var picture = PictureFile.Open(file, name, maxPixels);
        var decoded = picture.Decode();
        return (decoded.On(null, background), decoded.Opacity());
    }

    /// <summary>Reads one image; of an animation, its first.</summary>
    /// <param name="path">The file.</param>
    /// <param name="maxPixels">The most pixels, height times width, to accept (never more than 2^26): looked up in the header
    /// before any are decoded.</param>
    /// <param name="background">The colour behind what is transparent.</param>
    /// <param name="channels">1 for grey (of colour, its Rec. 601 luma), 3 for colour; null for what the file says.</param>
    /// <param name="size">Rows and columns to bring the largest square in its middle to; null to leave it as it is.</param>
    /// <returns>One image, upright whatever way the camera was held; without <paramref name="channels"/>, of 1 channel where the
    /// file says grey, else of 3.</returns>
    /// <exception cref="MezzotintException">The file is not there, not an image, damaged, or too large.</exception>
    public static ImageBatch Read(
        string path, long maxPixels = 1 << 26, Background background = default, int? channels = null, int? size = null)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(maxPixels);
        using var picture = PictureFile.Read(path, maxPixels);
        return picture.Decode().On(channels, background, PictureFrame.Square(size));
    }

    /// <summary>Reads one image as a mask, white where to draw: where the picture is transparent; where it is opaque everywhere,
    /// its grey values.</summary>
    /// <param name="path">The file.</param>
    /// <param name="size">As in <see cref="Read"/>.</param>
    /// <exception cref="MezzotintException">The file is not there, not an image, damaged, or too large.</exception>
    public static ImageBatch ReadMask(string path, int? size = null)
    {
        using var picture = PictureFile.Read(path);
        var decoded = picture.Decode();
        var mask = decoded.Opacity() is { } opacity ? DecodedPicture.OfTransparency(opacity) : decoded;
        return mask.On(1, frame: PictureFrame.Square(size));
    }

    /// <summary>Reads the keywords and texts of a PNG file; compressed ones, which this library never writes, are left
    /// out.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="MezzotintException">The file is not there, or it is not a sound PNG file.</exception>
    public static IReadOnlyDictionary<string, string> ReadText(string path)
    {
        (Dictionary<string, string>? texts, string? problem) = InputFile.Read(path, PngText.Collect);
        return texts ?? throw new MezzotintException($"Cannot read '{path}': it {problem}; is it a PNG file, and whole?");
    }

    private static byte[] Encode(ImageBatch image, int scale, SKEncodedImageFormat format, int quality)
    {
        bool grey = image.Channels == 1;
        if (!PictureSize.OfGrid(1, image.Height, image.Width, scale: scale).Fits)
            throw new ArgumentOutOfRangeException(
                nameof(scale), scale, $"An image of {image.Height} x {image.Width} cannot be drawn so large.");
        var info = new SKImageInfo(
            image.Width * scale, image.Height * scale, grey ? SKColorType.Gray8 : SKColorType.Rgba8888, SKAlphaType.Opaque);
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
}
