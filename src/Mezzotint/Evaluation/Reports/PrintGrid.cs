using Mezzotint.Formats;

namespace Mezzotint.Evaluation.Reports;

/// <summary>An ink: what the white of an image becomes on paper.</summary>
/// <param name="Red">0 to 255.</param>
/// <param name="Green">0 to 255.</param>
/// <param name="Blue">0 to 255.</param>
internal readonly record struct Ink(byte Red, byte Green, byte Blue)
{
    /// <summary>The paper, #f6f1e7: what black becomes.</summary>
    public static Ink Paper { get; } = new(0xf6, 0xf1, 0xe7);

    /// <summary>The ink of the images that are measured, #1b1714.</summary>
    public static Ink Black { get; } = new(0x1b, 0x17, 0x14);

    /// <summary>The ink of real images beside them, #b0602a.</summary>
    public static Ink Copper { get; } = new(0xb0, 0x60, 0x2a);
}

/// <summary>Images side by side as prints on paper: grey ones in ink, black as the bare paper; coloured ones as they
/// are.</summary>
internal sealed class PrintGrid
{
    private readonly int _columns, _padding;
    private readonly List<(byte[] Image, Ink Ink)?> _places = [];
    private readonly int _channels, _height, _width;

    /// <summary>Starts an empty grid.</summary>
    /// <param name="channels">1 or 3, of the images.</param>
    /// <param name="height">Rows of an image.</param>
    /// <param name="width">Columns of an image.</param>
    /// <param name="columns">Images in a row.</param>
    /// <param name="padding">Pixels of paper between images and around them.</param>
    public PrintGrid(int channels, int height, int width, int columns, int padding = 2)
    {
        if (channels is not (1 or 3))
            throw new ArgumentOutOfRangeException(nameof(channels), channels, "An image has 1 channel or 3.");
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(columns);
        ArgumentOutOfRangeException.ThrowIfNegative(padding);
        (_channels, _height, _width, _columns, _padding) = (channels, height, width, columns, padding);
    }

    /// <summary>Places taken.</summary>
    public int Count => _places.Count;

    /// <summary>Puts an image, [C, H, W], in the next place.</summary>
    public void Add(ReadOnlySpan<byte> image, Ink ink)
    {
        if (image.Length != _channels * _height * _width)
            throw new ArgumentException(
                $"An image of {_channels} x {_height} x {_width} has not {image.Length} values.", nameof(image));
        _places.Add((image.ToArray(), ink));
    }

    /// <summary>Leaves the rest of the row empty.</summary>
    public void EndRow()
    {
        while (_places.Count % _columns != 0)
            _places.Add(null);
    }

    /// <summary>The grid as one coloured image: 3 x (rows (H + padding) + padding) x (columns (W + padding) + padding).</summary>
    /// <exception cref="InvalidOperationException">There is nothing on it.</exception>
    public ImageBatch Print()
    {
        if (_places.Count == 0)
            throw new InvalidOperationException("The grid is empty.");
        int across = Math.Min(_columns, _places.Count), down = (_places.Count + _columns - 1) / _columns;
        int width = across * (_width + _padding) + _padding, height = down * (_height + _padding) + _padding,
            plane = width * height;
        var pixels = new byte[3 * plane];
        pixels.AsSpan(0, plane).Fill(Ink.Paper.Red);
        pixels.AsSpan(plane, plane).Fill(Ink.Paper.Green);
        pixels.AsSpan(2 * plane).Fill(Ink.Paper.Blue);
        for (int place = 0; place < _places.Count; place++)
            if (_places[place] is { } print)
                for (int y = 0; y < _height; y++)
                    for (int x = 0; x < _width; x++)
                        Put(
                            pixels, plane,
                            (_padding + place / _columns * (_height + _padding) + y) * width + _padding
                                + place % _columns * (_width + _padding) + x,
                            print, y * _width + x);
        return new ImageBatch(1, 3, height, width, pixels);
    }

    private void Put(byte[] pixels, int plane, int target, (byte[] Image, Ink Ink) print, int source)
    {
        int own = _height * _width;
        byte Mixed(int channel, byte paper, byte ink) => _channels == 3
            ? print.Image[channel * own + source]
            : (byte)((paper * (255 - print.Image[source]) + ink * print.Image[source] + 127) / 255);
        pixels[target] = Mixed(0, Ink.Paper.Red, print.Ink.Red);
        pixels[plane + target] = Mixed(1, Ink.Paper.Green, print.Ink.Green);
        pixels[2 * plane + target] = Mixed(2, Ink.Paper.Blue, print.Ink.Blue);
    }
}
