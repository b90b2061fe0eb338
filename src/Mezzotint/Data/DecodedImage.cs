using SkiaSharp;

namespace Mezzotint.Data;

/// <summary>
/// An image file whose header was read and judged, ready to be decoded to 8-bit RGBA (premultiplied: what is transparent is black).
/// </summary>
internal sealed class DecodedImage : IDisposable
{
    private const int AlwaysAllowed = 1 << 20; // pixels
    private const int Most = 1 << 26;
    private const long PixelsPerByte = 8 * 1032; // the densest format, PNG with one bit a pixel: deflate makes at most 1032 bytes of one

    private readonly string path;
    private readonly SKCodec codec;

    private DecodedImage(string path, SKCodec codec) => (this.path, this.codec) = (path, codec);

    /// <summary>Rows, as the header says.</summary>
    public int Height => codec.Info.Height;

    /// <summary>Columns, as the header says.</summary>
    public int Width => codec.Info.Width;

    /// <summary>Reads a file and its header; allocates nothing on the header's word.</summary>
    /// <exception cref="MezzotintException">It is no image, or claims more pixels than its bytes can hold.</exception>
    public static DecodedImage Open(string path)
    {
        using var data = SKData.CreateCopy(File.ReadAllBytes(path));
        var codec = SKCodec.Create(data) ?? throw new MezzotintException($"{path} is no image that can be read: it is damaged, or not PNG, JPEG, BMP or WebP. Remove or replace it.");
        long count = (long)codec.Info.Width * codec.Info.Height;
        if (count > Most || count > AlwaysAllowed && count > data.Size * PixelsPerByte)
        {
            using (codec)
                throw new MezzotintException($"{path} claims {codec.Info.Width} x {codec.Info.Height} pixels in {data.Size} bytes, which is refused: replace the file, or make the image smaller.");
        }
        return new DecodedImage(path, codec);
    }

    /// <summary>Decodes the image; with a size, its largest central square is brought to that size.</summary>
    /// <exception cref="MezzotintException">The file is truncated or damaged.</exception>
    public SKBitmap Decode(int? size)
    {
        var info = new SKImageInfo(Width, Height, SKColorType.Rgba8888, SKAlphaType.Premul);
        var bitmap = new SKBitmap(info);
        var result = codec.GetPixels(info, bitmap.GetPixels());
        if (result != SKCodecResult.Success)
        {
            using (bitmap)
                throw new MezzotintException($"{path} is damaged ({(result == SKCodecResult.IncompleteInput ? "it ends too early" : result)}): replace it.");
        }
        if (size is not { } asked || (Width == asked && Height == asked))
            return bitmap;
        using (bitmap)
            return Resized(bitmap, asked);
    }

    /// <inheritdoc/>
    public void Dispose() => codec.Dispose();

    /// <summary>Halved by averaging while more than twice too large, so that every pixel counts, then resampled by Mitchell's cubic.</summary>
    private static SKBitmap Resized(SKBitmap bitmap, int size)
    {
        int side = Math.Min(bitmap.Width, bitmap.Height);
        int left = (bitmap.Width - side) / 2, top = (bitmap.Height - side) / 2;
        var square = new SKBitmap();
        bitmap.ExtractSubset(square, SKRectI.Create(left, top, side, side));
        while (square.Width >= 2 * size)
            square = Replaced(square, square.Width / 2, new SKSamplingOptions(SKFilterMode.Linear));
        return square.Width == size ? Replaced(square, size, SKSamplingOptions.Default) : Replaced(square, size, new SKSamplingOptions(SKCubicResampler.Mitchell));
    }

    private static SKBitmap Replaced(SKBitmap bitmap, int size, SKSamplingOptions sampling)
    {
        using (bitmap)
            return bitmap.Resize(bitmap.Info.WithSize(size, size), sampling);
    }
}
