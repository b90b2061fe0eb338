using System.Globalization;

namespace Mezzotint.Formats;

/// <summary>How large a picture will be, known before anything of it is drawn.</summary>
/// <param name="Height">Rows.</param>
/// <param name="Width">Columns.</param>
public readonly record struct PictureSize(Int128 Height, Int128 Width)
{
    /// <summary>The most pixels of a picture that is written: with 4 bytes each they take 2 GiB.</summary>
    public static int MostPixels => Array.MaxLength / 4;

    /// <summary>Whether it can be written.</summary>
    public bool Fits => Height <= MostPixels && Width <= MostPixels && Height * Width <= MostPixels;

    /// <summary>The picture of a grid, as <see cref="ImageBatch.Grid"/> lays it out.</summary>
    /// <param name="count">Images, 1 or more.</param>
    /// <param name="height">Rows of an image.</param>
    /// <param name="width">Columns of an image.</param>
    /// <param name="columns">Images in a row; null for a square grid.</param>
    /// <param name="scale">How many pixels, each way, one value takes.</param>
    /// <param name="padding">Values between images and at the border; a single image has none.</param>
    public static PictureSize OfGrid(int count, int height, int width, int? columns = null, int scale = 1, int padding = 2)
    {
        if (count == 1)
            return new((Int128)height * scale, (Int128)width * scale);
        int across = Across(count, columns), down = (count - 1) / across + 1;
        return new(
            (down * ((Int128)height + padding) + padding) * scale, (across * ((Int128)width + padding) + padding) * scale);
    }

    /// <summary>Images in a row of a grid.</summary>
    internal static int Across(int count, int? columns) => Math.Min(columns ?? (int)Math.Ceiling(Math.Sqrt(count)), count);

    /// <summary>As "12 x 34", the height first.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Height} x {Width}");
}
