using SkiaSharp;

namespace Mezzotint.Formats;

/// <summary>How a picture of another size comes into a frame.</summary>
public enum PictureFit
{
    /// <summary>The largest part of its middle that has the frame's proportions fills it; the rest is cut off.</summary>
    Crop,

    /// <summary>All of it is in the frame, in its own proportions, with the background beside it.</summary>
    Pad,

    /// <summary>All of it fills the frame, whatever its proportions.</summary>
    Stretch,
}

/// <summary>The size that pictures are brought to, and how.</summary>
/// <param name="Height">Rows, 1 or more.</param>
/// <param name="Width">Columns, 1 or more.</param>
/// <param name="Fit">What happens to pictures of other proportions.</param>
public readonly record struct PictureFrame(int Height, int Width, PictureFit Fit = PictureFit.Crop)
{
    /// <summary>A square frame.</summary>
    public static PictureFrame? Square(int? size) => size is { } side ? new(side, side) : null;

    /// <summary>Opaque pixels in this frame.</summary>
    /// <param name="rgba">The picture, [height, width, 4].</param>
    /// <param name="height">Its rows.</param>
    /// <param name="width">Its columns.</param>
    /// <param name="background">What is beside a picture that is padded.</param>
    /// <returns>[Height, Width, 4].</returns>
    internal byte[] Of(byte[] rgba, int height, int width, Background background)
    {
        bool wide = (long)width * Height > (long)height * Width; // wider than the frame, in proportion
        int Part(long side, int of, int by) => (int)Math.Max(1, (2 * side * of + by) / (2 * by));
        switch (Fit)
        {
            case PictureFit.Stretch:
                return Resized(rgba, height, width, new SKRectI(0, 0, width, height), Height, Width);
            case PictureFit.Pad:
                var (rows, columns) = wide ? (Part(height, Width, width), Width) : (Height, Part(width, Height, height));
                (rows, columns) = (Math.Min(rows, Height), Math.Min(columns, Width));
                byte[] whole = Resized(rgba, height, width, new SKRectI(0, 0, width, height), rows, columns);
                return Framed(whole, rows, columns, background);
            default:
                var (high, across) = wide ? (height, Math.Min(width, Part(height, Width, Height)))
                    : (Math.Min(height, Part(width, Height, Width)), width);
                var part = SKRectI.Create((width - across) / 2, (height - high) / 2, across, high);
                return Resized(rgba, height, width, part, Height, Width);
        }
    }

    /// <summary>A picture in the middle of the frame.</summary>
    private byte[] Framed(byte[] picture, int rows, int columns, Background background)
    {
        byte[] framed = new byte[4 * Height * Width];
        for (int i = 0; i < framed.Length; i += 4)
            (framed[i], framed[i + 1], framed[i + 2], framed[i + 3]) = (background.Red, background.Green, background.Blue, 255);
        int left = (Width - columns) / 2, top = (Height - rows) / 2;
        for (int row = 0; row < rows; row++)
            picture.AsSpan(4 * row * columns, 4 * columns).CopyTo(framed.AsSpan(4 * ((top + row) * Width + left)));
        return framed;
    }

    /// <summary>A part of a picture in another size: each way halved by averaging while more than twice too large, so that every
    /// pixel counts, then resampled by Mitchell's cubic.</summary>
    private static byte[] Resized(byte[] rgba, int height, int width, SKRectI part, int rows, int columns)
    {
        var bitmap = new SKBitmap(new SKImageInfo(part.Width, part.Height, SKColorType.Rgba8888, SKAlphaType.Opaque));
        var target = bitmap.GetPixelSpan();
        for (int row = 0; row < part.Height; row++)
            rgba.AsSpan(4 * ((part.Top + row) * width + part.Left), 4 * part.Width).CopyTo(target[(row * bitmap.RowBytes)..]);
        while (bitmap.Width >= 2 * columns || bitmap.Height >= 2 * rows)
            bitmap = Replaced(
                bitmap, bitmap.Width >= 2 * columns ? bitmap.Width / 2 : bitmap.Width,
                bitmap.Height >= 2 * rows ? bitmap.Height / 2 : bitmap.Height, new SKSamplingOptions(SKFilterMode.Linear));
        if (bitmap.Width != columns || bitmap.Height != rows)
            bitmap = Replaced(bitmap, columns, rows, new SKSamplingOptions(SKCubicResampler.Mitchell));
        using (bitmap)
        {
            byte[] resized = new byte[4 * rows * columns];
            var source = bitmap.GetPixelSpan();
            for (int row = 0; row < rows; row++)
                source.Slice(row * bitmap.RowBytes, 4 * columns).CopyTo(resized.AsSpan(4 * row * columns));
            return resized;
        }
    }

    private static SKBitmap Replaced(SKBitmap bitmap, int columns, int rows, SKSamplingOptions sampling)
    {
        using (bitmap)
            return bitmap.Resize(bitmap.Info.WithSize(columns, rows), sampling);
    }
}
