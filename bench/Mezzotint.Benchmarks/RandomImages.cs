using Mezzotint.Data;

namespace Mezzotint.Benchmarks;

/// <summary>
/// Images of MNIST's size and number with random pixels, a fifth of them not black, as in drawn digits: what is in an image
/// changes neither the time nor the memory of a step, so nothing need be downloaded or drawn.
/// </summary>
internal static class RandomImages
{
    public static ImageSet Make(string name, int count, int side = 28, int channels = 1)
    {
        var random = new Random(count);
        var pixels = new byte[count * channels * side * side];
        random.NextBytes(pixels);
        for (int i = 0; i < pixels.Length; i++)
            pixels[i] = (byte)(pixels[i] < 205 ? 0 : (pixels[i] - 204) * 5);
        byte[] labels = [.. Enumerable.Range(0, count).Select(i => (byte)(i % 10))];
        return new ImageSet(name, pixels, labels, channels, side, side, [.. Enumerable.Range(0, 10).Select(digit => $"{digit}")]);
    }
}
