namespace Mezzotint.Formats;

/// <summary>Images of one size as they go to files and screens: 8-bit grey or red-green-blue values, [N, C, H, W] in row-major
/// order.</summary>
public sealed class ImageBatch
{
    /// <summary>Wraps values, without copying them.</summary>
    /// <param name="count">Images, at least 1.</param>
    /// <param name="channels">1 for grey, 3 for red, green, blue.</param>
    /// <param name="height">Rows of an image, at least 1.</param>
    /// <param name="width">Columns of an image, at least 1.</param>
    /// <param name="pixels">The values, image by image, channel by channel, row by row: [N, C, H, W].</param>
    /// <exception cref="ArgumentException">A size is out of its range, or the number of values is not their product.</exception>
    public ImageBatch(int count, int channels, int height, int width, byte[] pixels)
    {
        ArgumentNullException.ThrowIfNull(pixels);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(count);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(height);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(width);
        if (channels is not (1 or 3))
            throw new ArgumentOutOfRangeException(
                nameof(channels), channels, "An image has 1 channel (grey) or 3 (red, green, blue).");
        if ((Int128)count * channels * height * width != pixels.Length)
            throw new ArgumentException(
                $"{count} images of {channels} x {height} x {width} are not {pixels.Length} values.", nameof(pixels));
        (Count, Channels, Height, Width, Pixels) = (count, channels, height, width, pixels);
    }

    /// <summary>The number of images, N.</summary>
    public int Count { get; }

    /// <summary>1 for grey, 3 for red, green, blue.</summary>
    public int Channels { get; }

    /// <summary>Rows of an image.</summary>
    public int Height { get; }

    /// <summary>Columns of an image.</summary>
    public int Width { get; }

    /// <summary>The values 0 (black) to 255: [N, C, H, W].</summary>
    public byte[] Pixels { get; }

    private int ImageLength => Channels * Height * Width;

    /// <summary>The values of image <paramref name="index"/>: [C, H, W].</summary>
    /// <exception cref="ArgumentOutOfRangeException">There is no such image.</exception>
    public ReadOnlySpan<byte> Image(int index)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(index, Count);
        return Pixels.AsSpan(index * ImageLength, ImageLength);
    }

    /// <summary>A copy of <paramref name="count"/> images from number <paramref name="start"/> on.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The batch does not hold them all.</exception>
    public ImageBatch Slice(int start, int count = 1)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(start);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(count);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, Count - start);
        return new ImageBatch(count, Channels, Height, Width, Pixels.AsSpan(start * ImageLength, count * ImageLength).ToArray());
    }

    /// <summary>
    /// All images side by side in one, row after row, with a frame of <paramref name="padding"/> around each and between
    /// neighbours (the layout of torchvision's make_grid). A single image stays as it is, unframed.
    /// </summary>
    /// <param name="columns">Images in a row; by default the square root of their number, rounded up, which makes the grid
    /// square.</param>
    /// <param name="padding">Pixels between images and at the border.</param>
    /// <param name="background">The grey value of the padding and of places without an image.</param>
    /// <returns>A batch of one image, (rows * (H + padding) + padding) x (columns * (W + padding) + padding).</returns>
    /// <exception cref="ArgumentException">An argument is out of its range, or the grid has more than 2^29 pixels.</exception>
    public ImageBatch Grid(int? columns = null, int padding = 2, byte background = 0)
    {
        if (columns is < 1) throw new ArgumentOutOfRangeException(nameof(columns), columns, "A grid has at least one column.");
        ArgumentOutOfRangeException.ThrowIfNegative(padding);
        if (Count == 1) return this;
        int across = PictureSize.Across(Count, columns);
        var size = PictureSize.OfGrid(Count, Height, Width, columns, padding: padding);
        if (!size.Fits)
            throw new ArgumentException(
                $"A grid of {size} pixels is too large; at most {PictureSize.MostPixels} are laid out.", nameof(padding));
        var (gridHeight, gridWidth) = ((int)size.Height, (int)size.Width);

        var grid = new byte[Channels * gridHeight * gridWidth]; // [C, gridH, gridW]
        Array.Fill(grid, background);
        for (int index = 0; index < Count; index++)
        {
            int left = padding + index % across * (Width + padding);
            int top = padding + index / across * (Height + padding);
            for (int channel = 0; channel < Channels; channel++)
                for (int row = 0; row < Height; row++)
                    Image(index).Slice((channel * Height + row) * Width, Width)
                        .CopyTo(grid.AsSpan((channel * gridHeight + top + row) * gridWidth + left));
        }
        return new ImageBatch(1, Channels, gridHeight, gridWidth, grid);
    }
}
