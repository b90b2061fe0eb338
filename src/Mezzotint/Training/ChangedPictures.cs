using Mezzotint.Data;
using Mezzotint.Formats;
using Mezzotint.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Mezzotint.Training;

/// <summary>What <c>training.augment</c> makes of a picture, to be looked at.</summary>
public static class ChangedPictures
{
    /// <summary>Changes a picture in several ways, as a training draws them.</summary>
    /// <param name="picture">One picture.</param>
    /// <param name="count">How many: 1 or more.</param>
    /// <param name="probability">Of each change, at least 0 and below 1.</param>
    /// <param name="seed">Of the draw.</param>
    /// <exception cref="ArgumentException">There is more than one picture, or a number is out of its range.</exception>
    public static ImageBatch Of(ImageBatch picture, int count, double probability, long seed)
    {
        ArgumentNullException.ThrowIfNull(picture);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(count);
        if (picture.Count != 1 || !(probability is >= 0 and < 1))
            throw new ArgumentException($"{picture.Count} pictures and the probability {probability}: one, and 0 to below 1.");
        Libtorch.Load();
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        using var generator = new Generator((ulong)seed, CPU);
        var pixels = PixelTensors.Of(picture).repeat(count, 1, 1, 1);
        var changes = ChangedImages.From(generator, count, probability, picture.Height, picture.Width);
        return new(count, picture.Channels, picture.Height, picture.Width, PixelTensors.Bytes(changes.Apply(pixels)));
    }
}
