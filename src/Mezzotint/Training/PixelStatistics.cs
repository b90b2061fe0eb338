using Mezzotint.Data;

namespace Mezzotint.Training;

/// <summary>The mean and the standard deviation of the pixels of a set, channels together, 0 (black) to 1.</summary>
internal static class PixelStatistics
{
    /// <summary>More images change nothing that counts; of a large set, so many evenly apart.</summary>
    private const int MostImages = 10_000;

    /// <summary>A set of one grey alone has no deviation to divide by.</summary>
    private const double LeastDeviation = 0.01;

    public static (double Mean, double Deviation) Of(ImageSet images)
    {
        int taken = Math.Min(images.Count, MostImages);
        long sum = 0, squares = 0;
        byte[] pixels = new byte[images.ImageLength];
        for (int i = 0; i < taken; i++)
        {
            images.Read((int)((long)i * images.Count / taken), pixels);
            foreach (byte pixel in pixels)
            {
                sum += pixel;
                squares += pixel * pixel;
            }
        }
        double count = (double)taken * images.ImageLength, mean = sum / count;
        double deviation = Math.Sqrt(Math.Max(0, squares / count - mean * mean));
        return (mean / 255, Math.Max(LeastDeviation, deviation / 255));
    }
}
