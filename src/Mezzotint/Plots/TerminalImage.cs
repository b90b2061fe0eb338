using System.Globalization;
using System.Text;
using Mezzotint.Formats;

namespace Mezzotint.Plots;

/// <summary>
/// An image as text: a character stands for two pixels, one above the other. In colour it is the upper half block, U+2580, in the
/// upper pixel's colour on the lower pixel's. The colours are SGR 38 and 48, with 24 bits or a number of xterm's palette. Without
/// colour it is one of ten characters, from empty to dense by mean brightness.
/// </summary>
public static class TerminalImage
{
    private const string Densities = " .:-=+*#%@";

    /// <summary>The levels of red, green and blue in xterm's palette: 16 + 36 r + 6 g + b.</summary>
    private static readonly int[] CubeLevels = [0, 95, 135, 175, 215, 255];

    /// <summary>Draws one image in 24-bit colours or in characters.</summary>
    /// <param name="image">A batch of one image; lay several out with <see cref="ImageBatch.Grid"/>.</param>
    /// <param name="maxColumns">The most characters in a line; a wider image is shrunk by the smallest whole factor that makes it
    /// fit.</param>
    /// <param name="color">True where the output is a terminal that shows 24-bit colours and its user has not set
    /// NO_COLOR.</param>
    /// <returns>Lines, each ended by a line feed; coloured ones leave the terminal's colours as they were.</returns>
    /// <exception cref="ArgumentException">More than one image, or fewer than one column.</exception>
    public static string Render(ImageBatch image, int maxColumns, bool color) =>
        Render(image, maxColumns, color ? TerminalColors.TrueColor : TerminalColors.None);

    /// <summary>Draws one image.</summary>
    /// <param name="image">A batch of one image; lay several out with <see cref="ImageBatch.Grid"/>.</param>
    /// <param name="maxColumns">The most characters in a line; a wider image is shrunk by the smallest whole factor that makes it
    /// fit.</param>
    /// <param name="colors">What the terminal shows.</param>
    /// <returns>Lines, each ended by a line feed; coloured ones leave the terminal's colours as they were.</returns>
    /// <exception cref="ArgumentException">More than one image, or fewer than one column.</exception>
    public static string Render(ImageBatch image, int maxColumns, TerminalColors colors)
    {
        ArgumentNullException.ThrowIfNull(image);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(maxColumns);
        if (image.Count != 1) throw new ArgumentException($"One image is drawn at a time, not {image.Count}.", nameof(image));
        ImageBatch shrunk = Shrink(image, (image.Width - 1) / maxColumns + 1);
        var lines = new StringBuilder();
        for (int top = 0; top < shrunk.Height; top += 2)
            if (colors == TerminalColors.None) AppendPlain(lines, shrunk, top);
            else AppendColored(lines, shrunk, top, colors == TerminalColors.TrueColor ? DirectColor : PaletteColor);
        return lines.ToString();
    }

    /// <summary>Averages boxes of factor x factor values, less at the right and lower border.</summary>
    private static ImageBatch Shrink(ImageBatch image, int factor)
    {
        if (factor == 1) return image;
        int height = (image.Height - 1) / factor + 1, width = (image.Width - 1) / factor + 1;
        var pixels = new byte[image.Channels * height * width]; // [C, H / factor, W / factor]
        for (int channel = 0; channel < image.Channels; channel++)
            for (int y = 0; y < height; y++)
                for (int x = 0; x < width; x++)
                {
                    int bottom = Math.Min((y + 1) * factor, image.Height), right = Math.Min((x + 1) * factor, image.Width);
                    long sum = 0;
                    for (int row = y * factor; row < bottom; row++)
                        for (int column = x * factor; column < right; column++)
                            sum += image.Pixels[(channel * image.Height + row) * image.Width + column];
                    int area = (bottom - y * factor) * (right - x * factor);
                    pixels[(channel * height + y) * width + x] = (byte)((sum + area / 2) / area);
                }
        return new ImageBatch(1, image.Channels, height, width, pixels);
    }

    private static void AppendColored(
        StringBuilder lines, ImageBatch image, int top, Func<(byte Red, byte Green, byte Blue), string> named)
    {
        string? lastUpper = null, lastLower = null;
        for (int x = 0; x < image.Width; x++)
        {
            // A colour is named only where it changes: digits are mostly black.
            string upper = named(Color(image, top, x));
            if (upper != lastUpper) lines.Append($"\e[38;{upper}m");
            lastUpper = upper;
            if (top + 1 < image.Height)
            {
                string lower = named(Color(image, top + 1, x));
                if (lower != lastLower) lines.Append($"\e[48;{lower}m");
                lastLower = lower;
            }
            lines.Append('\u2580');
        }
        lines.Append("\e[0m\n");
    }

    private static string DirectColor((byte Red, byte Green, byte Blue) color) =>
        string.Create(CultureInfo.InvariantCulture, $"2;{color.Red};{color.Green};{color.Blue}");

    /// <summary>The nearest of xterm's palette: of its cube, or for colours near grey of its 24 greys, 8, 18 to 238 at 232 to
    /// 255. The first 16 differ by terminal.</summary>
    private static string PaletteColor((byte Red, byte Green, byte Blue) color)
    {
        static int Nearest(int value) => value < 48 ? 0 : value < 115 ? 1 : (value - 35) / 40;
        var (red, green, blue) = (Nearest(color.Red), Nearest(color.Green), Nearest(color.Blue));
        int grey = Math.Clamp(((color.Red + color.Green + color.Blue) / 3 - 3) / 10, 0, 23);
        int Distance(int r, int g, int b) =>
            (r - color.Red) * (r - color.Red) + (g - color.Green) * (g - color.Green) + (b - color.Blue) * (b - color.Blue);
        bool isGrey = Distance(8 + 10 * grey, 8 + 10 * grey, 8 + 10 * grey) < Distance(
            CubeLevels[red], CubeLevels[green], CubeLevels[blue]);
        return string.Create(CultureInfo.InvariantCulture, $"5;{(isGrey ? 232 + grey : 16 + 36 * red + 6 * green + blue)}");
    }

    private static void AppendPlain(StringBuilder lines, ImageBatch image, int top)
    {
        int bottom = Math.Min(top + 1, image.Height - 1);
        for (int x = 0; x < image.Width; x++)
            lines.Append(Densities[(Brightness(image, top, x) + Brightness(image, bottom, x)) * Densities.Length / 511]);
        lines.Append('\n');
    }

    private static int Brightness(ImageBatch image, int y, int x)
    {
        (byte red, byte green, byte blue) = Color(image, y, x);
        return (299 * red + 587 * green + 114 * blue + 500) / 1000; // luma, ITU-R BT.601
    }

    private static (byte Red, byte Green, byte Blue) Color(ImageBatch image, int y, int x)
    {
        int plane = image.Height * image.Width, place = y * image.Width + x;
        int green = image.Channels == 3 ? plane : 0;
        return (image.Pixels[place], image.Pixels[green + place], image.Pixels[2 * green + place]);
    }
}
