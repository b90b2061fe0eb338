using System.Globalization;
using System.Text;

namespace Mezzotint.IO;

/// <summary>
/// An image as text: a character stands for two pixels, one above the other. In colour it is the upper half block, U+2580, drawn in the upper
/// pixel's colour on the lower pixel's (ECMA-48 SGR 38;2 and 48;2, 24 bits); without, one of ten characters from empty to dense by mean brightness.
/// </summary>
public static class TerminalImage
{
    private const string Densities = " .:-=+*#%@";

    /// <summary>Draws one image.</summary>
    /// <param name="image">A batch of one image; lay several out with <see cref="ImageBatch.Grid"/>.</param>
    /// <param name="maxColumns">The most characters in a line; a wider image is shrunk by the smallest whole factor that makes it fit.</param>
    /// <param name="color">True where the output is a terminal that shows 24-bit colours and its user has not set NO_COLOR.</param>
    /// <returns>Lines, each ended by a line feed; coloured ones leave the terminal's colours as they were.</returns>
    /// <exception cref="ArgumentException">More than one image, or fewer than one column.</exception>
    public static string Render(ImageBatch image, int maxColumns, bool color)
    {
        ArgumentNullException.ThrowIfNull(image);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(maxColumns);
        if (image.Count != 1) throw new ArgumentException($"One image is drawn at a time, not {image.Count}.", nameof(image));
        ImageBatch shrunk = Shrink(image, (image.Width - 1) / maxColumns + 1);
        var lines = new StringBuilder();
        for (int top = 0; top < shrunk.Height; top += 2)
            if (color) AppendColored(lines, shrunk, top);
            else AppendPlain(lines, shrunk, top);
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

    private static void AppendColored(StringBuilder lines, ImageBatch image, int top)
    {
        (byte, byte, byte)? lastUpper = null, lastLower = null;
        for (int x = 0; x < image.Width; x++)
        {
            // A colour is named only where it changes: digits are mostly black.
            (byte Red, byte Green, byte Blue) upper = Color(image, top, x);
            if (upper != lastUpper) lines.Append(CultureInfo.InvariantCulture, $"\e[38;2;{upper.Red};{upper.Green};{upper.Blue}m");
            lastUpper = upper;
            if (top + 1 < image.Height)
            {
                (byte Red, byte Green, byte Blue) lower = Color(image, top + 1, x);
                if (lower != lastLower) lines.Append(CultureInfo.InvariantCulture, $"\e[48;2;{lower.Red};{lower.Green};{lower.Blue}m");
                lastLower = lower;
            }
            lines.Append('\u2580');
        }
        lines.Append("\e[0m\n");
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
