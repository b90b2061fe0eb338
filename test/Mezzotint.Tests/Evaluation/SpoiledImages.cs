using Mezzotint.Data;
using Mezzotint.Runtime;

namespace Mezzotint.Tests.Evaluation;

/// <summary>Real images spoiled in ways whose effect on the figures is known beforehand.</summary>
internal static class SpoiledImages
{
    /// <summary>Normal noise on every pixel, cut off at black and white: <paramref name="deviation"/> counts from 0 to
    /// 255.</summary>
    public static ImageSet Noisy(ImageSet images, double deviation)
    {
        var random = new RandomStream(7);
        return With(images, images.Pixels.Select(value => Clamped(value + random.Normal(0, deviation))));
    }

    /// <summary>Each pixel the mean of itself and its eight neighbours.</summary>
    public static ImageSet Blurred(ImageSet images) => Map(images, (pixel, y, x) =>
    {
        double sum = 0;
        for (int dy = -1; dy <= 1; dy++)
            for (int dx = -1; dx <= 1; dx++)
                sum += pixel(y + dy, x + dx);
        return Clamped(sum / 9);
    });

    /// <summary>Each grey value replaced.</summary>
    public static ImageSet Mapped(ImageSet images, Func<double, double> map) =>
        With(images, images.Pixels.Select(value => Clamped(map(value))));

    /// <summary>A share of the second in place of the first.</summary>
    public static ImageSet Mixed(ImageSet images, ImageSet others, double share) =>
        With(images, images.Pixels.Zip(others.Pixels, (one, other) => Clamped((1 - share) * one + share * other)));

    /// <summary>Each pixel nearer to the brightest of itself and its four neighbours, by a share of the way.</summary>
    public static ImageSet Bolder(ImageSet images, double share) => Mixed(
        images,
        Map(images, (pixel, y, x) => Math.Max(
            pixel(y, x), Math.Max(Math.Max(pixel(y - 1, x), pixel(y + 1, x)), Math.Max(pixel(y, x - 1), pixel(y, x + 1))))),
        share);

    /// <summary>Every second image of a label replaced by one of another label, which is said to be that label's.</summary>
    public static ImageSet WithoutHalfOf(ImageSet images, int label)
    {
        int[] others = [.. Enumerable.Range(0, images.Count).Where(i => images.Labels[i] != label)];
        int seen = 0;
        return images.Pick([.. Enumerable.Range(0, images.Count).Select(i =>
            images.Labels[i] == label && seen++ % 2 == 0 ? others[seen * 7 % others.Length] : i)]);
    }

    /// <summary>Moved to the right.</summary>
    public static ImageSet Shifted(ImageSet images, int columns) => Map(images, (pixel, y, x) => pixel(y, x - columns));

    /// <summary>The first <paramref name="kinds"/> images, again and again.</summary>
    public static ImageSet Repeated(ImageSet images, int kinds) =>
        images.Pick([.. Enumerable.Range(0, images.Count).Select(i => i % kinds)]);

    /// <summary>The same images, each said to show what another one does.</summary>
    public static ImageSet Mislabelled(ImageSet images)
    {
        var random = new RandomStream(8);
        byte[] labels = [.. images.Labels];
        for (int i = labels.Length - 1; i > 0; i--)
        {
            int j = random.Below(i + 1);
            (labels[i], labels[j]) = (labels[j], labels[i]);
        }
        return new ImageSet(images.Name, images.Pixels, labels, images.Channels, images.Height, images.Width, images.ClassNames);
    }

    private static ImageSet Map(ImageSet images, Func<Func<int, int, byte>, int, int, byte> map)
    {
        int height = images.Height, width = images.Width, plane = height * width;
        return With(images, Enumerable.Range(0, images.Count).SelectMany(i =>
        {
            byte Pixel(int y, int x) =>
                y < 0 || x < 0 || y >= height || x >= width ? (byte)0 : images.Pixels[i * plane + y * width + x];
            return Enumerable.Range(0, plane).Select(place => map(Pixel, place / width, place % width));
        }));
    }

    private static ImageSet With(ImageSet images, IEnumerable<byte> pixels) =>
        new(images.Name, [.. pixels], images.Labels, images.Channels, images.Height, images.Width, images.ClassNames);

    private static byte Clamped(double value) => (byte)Math.Round(Math.Clamp(value, 0, 255));
}
