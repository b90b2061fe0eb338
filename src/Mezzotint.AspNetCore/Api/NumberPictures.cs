using Mezzotint.Formats;
using Mezzotint.Sampling;
using Mezzotint.Serving;
using static TorchSharp.torch;

namespace Mezzotint.AspNetCore.Api;

/// <summary>Pictures of what a denoiser is about, as base64 of PNG files.</summary>
internal static class NumberPictures
{
    /// <summary>Noise of three standard deviations is black or white.</summary>
    private const float Widest = 3;

    /// <summary>A picture as base64.</summary>
    public static string Png(ImageBatch image) => Convert.ToBase64String(PngFile.Encode(image, 1, PictureFormat.Png));

    /// <summary>The noise of an image: grey is 0.</summary>
    public static ImageBatch OfNoise(NoisyEstimates found, int image) =>
        Picture(found, image, (i, _) => found.Noise[i]);

    /// <summary>The noise that the model predicts, (x̂ - D) / level.</summary>
    public static ImageBatch OfPredicted(NoisyEstimates found, int image) => Picture(
        found, image, (i, own) => found.Noise[i] + (float)((found.Clean[own] - found.Denoised[i]) / found.Level));

    /// <summary>x_0 itself, as if it were noise: of latents.</summary>
    public static ImageBatch OfClean(NoisyEstimates found) => Picture(found, 0, (i, _) => found.Clean[i]);

    /// <summary>The root mean square of the difference of two pictures, whose pixels are 0 to 1.</summary>
    public static double Distance(ImageBatch a, ImageBatch b) =>
        Math.Sqrt(a.Pixels.Zip(b.Pixels, (x, y) => (x - y) * (double)(x - y)).Average()) / 255;

    /// <summary>The mean of pictures, pixel by pixel.</summary>
    public static ImageBatch Mean(ImageBatch images)
    {
        int length = images.Pixels.Length / images.Count;
        byte[] mean = new byte[length];
        for (int i = 0; i < length; i++)
        {
            int sum = 0;
            for (int image = 0; image < images.Count; image++)
                sum += images.Pixels[image * length + i];
            mean[i] = (byte)((sum + images.Count / 2) / images.Count);
        }
        return new(1, images.Channels, images.Height, images.Width, mean);
    }

    /// <summary>The noise that images of some seeds start from, one below the other.</summary>
    /// <param name="shape">Channels, rows and columns of the numbers of an image.</param>
    /// <param name="seed">The first seed.</param>
    /// <param name="count">How many.</param>
    public static ImageBatch OfSeeds((int Channels, int Height, int Width) shape, long seed, int count)
    {
        using var scope = NewDisposeScope();
        using var noise = new ImageNoise(
            Enumerable.Range(0, count).Select(i => seed + i), shape.Channels, shape.Height, shape.Width, CPU);
        float[] z = noise.Next().contiguous().data<float>().ToArray(); // [N, C, H, W]
        var (seen, plane) = (Seen(shape.Channels), shape.Height * shape.Width);
        byte[] pixels = new byte[count * seen * plane];                // [1, C, N H, W]
        for (int image = 0; image < count; image++)
            for (int channel = 0; channel < seen; channel++)
                for (int i = 0; i < plane; i++)
                    pixels[(channel * count + image) * plane + i] =
                        Shade(z[(image * shape.Channels + channel) * plane + i]);
        return new(1, seen, count * shape.Height, shape.Width, pixels);
    }

    private static ImageBatch Picture(NoisyEstimates found, int image, Func<int, int, float> value)
    {
        var (channels, height, width) = found.Shape;
        byte[] pixels = new byte[Seen(channels) * height * width];
        for (int i = 0; i < pixels.Length; i++)
            pixels[i] = Shade(value(image * found.Length + i, i));
        return new(1, Seen(channels), height, width, pixels);
    }

    /// <summary>The first three channels of latents are seen as colours; one, where there are fewer.</summary>
    private static int Seen(int channels) => channels >= 3 ? 3 : 1;

    private static byte Shade(float noise) => (byte)Math.Clamp(MathF.Round(127.5f + 127.5f / Widest * noise), 0, 255);
}
