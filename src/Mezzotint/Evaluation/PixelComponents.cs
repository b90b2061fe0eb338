using Mezzotint.Data;
using Mezzotint.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Mezzotint.Evaluation;

/// <summary>
/// Images in the axes of the principal components of the training images' pixels, the most varied first: a space that no
/// classifier made. The first <see cref="Coarse"/> hold the strokes and where they are, so that an image that is shifted or
/// blurred lies elsewhere in them. The others hold what training images hardly ever have; grain lies there, too faint against the
/// strokes to be seen among the first.
/// </summary>
/// <remarks>Pearson 1901, "On Lines and Planes of Closest Fit to Systems of Points in Space". Pixels count from 0 to 1.</remarks>
internal sealed class PixelComponents
{
    /// <summary>How many components are the coarse ones.</summary>
    public const int Coarse = 64;

    private const int ImagesAtOnce = 1024;

    private readonly double[] _mean;  // [D]
    private readonly double[] _axes;  // [D, D]: one a column, the most varied first

    private PixelComponents(double[] mean, double[] axes) => (_mean, _axes) = (mean, axes);

    /// <summary>Finds the components.</summary>
    /// <param name="train">At least two images.</param>
    /// <param name="threads">The work is shared out over these.</param>
    public static PixelComponents Of(ImageSet train, WorkerThreads threads)
    {
        ArgumentNullException.ThrowIfNull(train);
        ArgumentNullException.ThrowIfNull(threads);
        ArgumentOutOfRangeException.ThrowIfLessThan(train.Count, 2, nameof(train));
        int length = LengthOf(train);
        double[] mean = Mean(train);
        using var outer = NewDisposeScope();
        var covariances = Enumerable.Range(0, threads.Count).Select(_ => zeros(length, length, dtype: float64)).ToArray();
        int blocks = (train.Count + ImagesAtOnce - 1) / ImagesAtOnce;
        threads.Run(worker =>
        {
            using var noGrad = no_grad();
            // the same ones to the same thread each time, for the rounding's sake
            for (int block = worker; block < blocks; block += threads.Count)
            {
                using var scope = NewDisposeScope();
                var x = Centred(train, mean, block * ImagesAtOnce);
                covariances[worker].AddInPlace(mm(x.t(), x));
            }
        });
        var covariance = covariances[0];
        foreach (var other in covariances.Skip(1))
            covariance.AddInPlace(other);
        var (_, axes) = linalg.eigh(covariance.Over(train.Count - 1)); // ascending
        return new PixelComponents(mean, axes.flip(1).contiguous().data<double>().ToArray());
    }

    /// <summary>The coordinates of images in the components.</summary>
    /// <param name="images">Images of the size of the training images.</param>
    /// <param name="threads">The work is shared out over these.</param>
    /// <returns>The first <see cref="Coarse"/> (or all, if there are no more), and the rest; null where there is no
    /// rest.</returns>
    /// <exception cref="ArgumentException">The images are of another size.</exception>
    public (Points Coarse, Points? Fine) Project(ImageSet images, WorkerThreads threads)
    {
        ArgumentNullException.ThrowIfNull(images);
        ArgumentNullException.ThrowIfNull(threads);
        int length = LengthOf(images), coarse = Math.Min(Coarse, length), fine = length - coarse;
        if (length != _mean.Length)
            throw new ArgumentException(
                $"Images of {length} values have no place among components of {_mean.Length}.", nameof(images));
        var (first, rest) = (new double[(long)images.Count * coarse], new double[(long)images.Count * fine]);
        using var outer = NewDisposeScope();
        var axes = tensor(_axes, [length, length]);
        int blocks = (images.Count + ImagesAtOnce - 1) / ImagesAtOnce, next = -1;
        threads.Run(_ =>
        {
            using var noGrad = no_grad();
            while (Interlocked.Increment(ref next) is var block && block < blocks)
            {
                using var scope = NewDisposeScope();
                int start = block * ImagesAtOnce;
                var projected = mm(Centred(images, _mean, start), axes);
                projected.narrow(1, 0, coarse).contiguous().data<double>().CopyTo(first.AsSpan(start * coarse));
                if (fine > 0)
                    projected.narrow(1, coarse, fine).contiguous().data<double>().CopyTo(rest.AsSpan(start * fine));
            }
        });
        return (new Points(first, images.Count, coarse), fine > 0 ? new Points(rest, images.Count, fine) : null);
    }

    private static int LengthOf(ImageSet images) => images.Channels * images.Height * images.Width;

    private static double[] Mean(ImageSet images)
    {
        var sums = new long[LengthOf(images)];
        for (int i = 0; i < images.Count; i++)
        {
            var image = images.Image(i);
            for (int j = 0; j < sums.Length; j++)
                sums[j] += image[j];
        }
        return [.. sums.Select(sum => sum / (255.0 * images.Count))];
    }

    private static Tensor Centred(ImageSet images, double[] mean, int start)
    {
        int count = Math.Min(ImagesAtOnce, images.Count - start);
        var values = new double[count * mean.Length];
        for (int i = 0; i < count; i++)
        {
            var image = images.Image(start + i);
            for (int j = 0; j < mean.Length; j++)
                values[i * mean.Length + j] = image[j] / 255.0 - mean[j];
        }
        return tensor(values, [count, mean.Length]);
    }
}
