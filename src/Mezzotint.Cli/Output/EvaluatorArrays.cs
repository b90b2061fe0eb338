using Mezzotint.Formats;

namespace Mezzotint.Cli.Output;

/// <summary>
/// Images as the evaluators of other projects read them: an .npz file whose first array, <c>arr_0</c>, is uint8 [N, H, W, 3],
/// with the classes in <c>arr_1</c>. Grey images have three equal channels there.
/// </summary>
/// <remarks>The layout of guided-diffusion's evaluator (Dhariwal, Nichol 2021, arXiv 2105.05233).</remarks>
internal static class EvaluatorArrays
{
    private const int Channels = 3;

    /// <summary>Writes them.</summary>
    /// <param name="file">The .npz file.</param>
    /// <param name="images">The images.</param>
    /// <param name="labels">Their classes; null where there are none.</param>
    public static void Write(string file, ImageBatch images, IReadOnlyList<int>? labels)
    {
        int plane = images.Height * images.Width;
        byte[] pixels = new byte[checked(images.Count * plane * Channels)];
        for (int image = 0, to = 0; image < images.Count; image++)
            for (int place = 0; place < plane; place++)
                for (int channel = 0; channel < Channels; channel++)
                    pixels[to++] = images.Pixels[(image * images.Channels + channel % images.Channels) * plane + place];
        var first = ("arr_0", NpyArray.Of(pixels, images.Count, images.Height, images.Width, Channels));
        if (labels is null)
            NpzFile.Write(file, first);
        else
            NpzFile.Write(file, first, ("arr_1", NpyArray.Of([.. labels.Select(label => (long)label)], images.Count)));
    }
}
