using Mezzotint.Models;

namespace Mezzotint.Serving;

/// <summary>What a size that a client asks for means for a model: a size to draw, or one to enlarge images to.</summary>
/// <remarks>Small models are asked for sizes that clients know, and their images are enlarged to them; models of 256 pixels and
/// more draw what they are asked for, where they can.</remarks>
public static class RequestedSize
{
    private const int LargestSide = 4096, SmallestDrawn = 256;

    /// <summary>Finds it.</summary>
    /// <param name="model">The model.</param>
    /// <param name="width">In pixels.</param>
    /// <param name="height">Likewise.</param>
    /// <returns>The model for the size that is drawn, and by how much its images are enlarged each way.</returns>
    /// <exception cref="MezzotintException">It has no such size; the message says which it has.</exception>
    public static (ModelInfo Model, int Scale) Of(ModelInfo model, int width, int height)
    {
        ArgumentNullException.ThrowIfNull(model);
        if (model.DrawsOtherSizes && Math.Min(model.Width, model.Height) >= SmallestDrawn)
            return (model.At(width, height), 1);
        int scale = height / model.Height, most = Math.Max(1, LargestSide / Math.Max(model.Width, model.Height));
        int example = Math.Min(10, most);
        Check.Range("size", $"{width}x{height}",
            scale >= 1 && width == (long)scale * model.Width && height == scale * model.Height && scale <= most,
            $"{model.Width}x{model.Height}, or a whole number of times that up to {LargestSide}, as {example * model.Width}x"
            + $"{example * model.Height}");
        return (model, scale);
    }
}
