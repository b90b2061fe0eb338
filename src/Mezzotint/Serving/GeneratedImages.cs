using Mezzotint.Formats;

namespace Mezzotint.Serving;

/// <summary>Images that were drawn, and how.</summary>
/// <param name="images">The images: [N, C, H, W].</param>
/// <param name="receipt">How they were drawn.</param>
public sealed class GeneratedImages(ImageBatch images, ImageReceipt receipt)
{
    /// <summary>Values 0 to 255: [N, C, H, W].</summary>
    public ImageBatch Images => images;

    /// <summary>How all of them were drawn.</summary>
    public ImageReceipt Receipt => receipt;

    /// <summary>How many there are.</summary>
    public int Count => images.Count;

    /// <summary>The class of each.</summary>
    public IReadOnlyList<int> Labels => receipt.Labels;

    /// <summary>Image i was drawn from this seed + i.</summary>
    public long Seed => receipt.Seed;

    /// <summary>Writes a PNG file, of one image as it is, of several as a grid. The file says how it was drawn; <c>mezzotint
    /// sample --like FILE</c> draws it again.</summary>
    /// <param name="path">The file to make or to replace.</param>
    /// <param name="scale">How many pixels of the file, each way, one value takes; at least 1.</param>
    /// <exception cref="MezzotintException">The file cannot be written.</exception>
    public void SavePng(string path, int scale = 1)
    {
        int columns = (int)Math.Ceiling(Math.Sqrt(Count));
        PngFile.Write(path, images.Grid(columns), scale, (receipt with { Columns = columns, Scale = scale }).ToText());
    }

    /// <summary>One image as a PNG file in memory, which says how it was drawn.</summary>
    /// <param name="index">Which image.</param>
    /// <param name="scale">How many pixels of the file, each way, one value takes; at least 1.</param>
    public byte[] ToPng(int index, int scale = 1) =>
        PngFile.Encode(
            images.Slice(index), scale, PictureFormat.Png,
            text: (receipt.Of(index) with { Columns = 1, Scale = scale }).ToText());
}
