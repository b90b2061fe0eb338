using Mezzotint.Formats;

namespace Mezzotint.Cli.Tests;

/// <summary>A small data set of pictures in folders by class, in the parts train and test.</summary>
internal static class PictureFolder
{
    /// <summary>Writes two pictures of each class into each part: black, with a square of another grey or colour for
    /// each.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="classes">The classes.</param>
    /// <param name="sides">The side in pixels of the first and of the second picture.</param>
    /// <param name="channels">1 for grey, 3 for colour.</param>
    public static void Write(string folder, string[] classes, (int First, int Second) sides, int channels = 1)
    {
        foreach (string part in (string[])["train", "test"])
            for (int label = 0; label < classes.Length; label++)
            {
                Directory.CreateDirectory(Path.Combine(folder, part, classes[label]));
                PngFile.Write(Path.Combine(folder, part, classes[label], "0.png"), Square(sides.First, channels, label));
                PngFile.Write(Path.Combine(folder, part, classes[label], "1.png"), Square(sides.Second, channels, label + 1));
            }
    }

    private static ImageBatch Square(int side, int channels, int shade)
    {
        byte[] pixels = new byte[channels * side * side];
        for (int channel = 0; channel < channels; channel++)
            for (int i = side / 4; i < side / 2; i++)
                pixels.AsSpan((channel * side + i) * side + side / 4, side / 4).Fill((byte)(100 + 20 * shade + 30 * channel));
        return new ImageBatch(1, channels, side, side, pixels);
    }
}
