using Mezzotint.Formats;

namespace Mezzotint.Data;

/// <summary>The layouts of values in images.</summary>
internal static class Planes
{
    /// <summary>Red, green and blue of each pixel, [N, H, W, 3], as [N, 3, H, W].</summary>
    /// <param name="pixels">The values.</param>
    /// <param name="plane">H x W.</param>
    public static byte[] ChannelsFirst(byte[] pixels, int plane)
    {
        var turned = new byte[pixels.Length];
        for (int i = 0; i < pixels.Length; i++)
            turned[i / (3 * plane) * (3 * plane) + i % 3 * plane + i % (3 * plane) / 3] = pixels[i];
        return turned;
    }

    /// <summary>Whether the three channels of an image, [3, H, W], are equal.</summary>
    public static bool IsGrey(ReadOnlySpan<byte> image)
    {
        int plane = image.Length / 3;
        return image[..plane].SequenceEqual(image[plane..(2 * plane)]) && image[..plane].SequenceEqual(image[(2 * plane)..]);
    }

    /// <summary>A set in so many channels: grey from colour by luma, colour from grey by repetition.</summary>
    /// <param name="set">The set, in memory.</param>
    /// <param name="channels">1 or 3; null to leave it.</param>
    /// <exception cref="MezzotintException">There would be too many bytes.</exception>
    public static ImageSet InChannels(ImageSet set, int? channels)
    {
        if (channels is not { } asked || asked == set.Channels)
            return set;
        long length = (long)set.Count * asked * set.Height * set.Width;
        if (length > Array.MaxLength)
            throw new MezzotintException(
                $"{set.Name} has too many images to have them in {asked} channels: leave data.channels out.")
                { Key = "data.channels" };
        byte[] pixels = new byte[length];
        for (int i = 0; i < set.Count; i++)
        {
            var image = new ImageBatch(1, set.Channels, set.Height, set.Width, set.Image(i).ToArray());
            Grey.InChannels(image, asked).Pixels.CopyTo(pixels, i * asked * set.Height * set.Width);
        }
        return new ImageSet(set.Name, pixels, set.Labels, asked, set.Height, set.Width, set.ClassNames) { Reading = set.Reading };
    }
}
