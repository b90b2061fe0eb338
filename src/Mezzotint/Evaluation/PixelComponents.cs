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
/// <remarks>
/// Pearson 1901, "On Lines and Planes of Closest Fit to Systems of Points in Space". Pixels count from 0 to 1. Of images of more
/// than <see cref="MostInFull"/> values, such as 64 x 64 in colour, a covariance would be larger than the images. The first
/// <see cref="Coarse"/> + <see cref="FineOfLarge"/> components are then found from the products of up to
/// <see cref="ImagesOfLarge"/> training images with each other, which have the same eigenvalues (Turk and Pentland 1991,
/// "Eigenfaces for Recognition"), and what lies beyond them is not looked at.
/// </remarks>
internal sealed class PixelComponents
{
    /// <summary>How many components are the coarse ones.</summary>
    public const int Coarse = 64;

    /// <summary>Images of more values have their first components alone.</summary>
    public const int MostInFull = 1024;

    private const int FineOfLarge = 192, ImagesOfLarge = 2000;
    private const double LeastValue = 1e-7, Tiny = 1e-300;

    /// <summary>The numbers that a thread has at once: 1,024 images of 32 x 32.</summary>
    private const int NumbersAtOnce = 1 << 20;

    private readonly double[] _mean;  // [D]
    private readonly double[] _axes;  // [D, K]: one a column, the most varied first
    private readonly int _count;      // K

    private PixelComponents(double[] mean, double[] axes) =>
        (_mean, _axes, _count) = (mean, axes, axes.Length / mean.Length);

    /// <summary>What the components after the coarse ones are, for people.</summary>
    public string FineName => _count == _mean.Length
        ? "pixels, all other components" : $"pixels, principal components {Coarse + 1} to {_count}";

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
        if (length > MostInFull)
            return OfLarge(train, mean);
        using var outer = NewDisposeScope();
        var covariances = Enumerable.Range(0, threads.Count).Select(_ => zeros(length, length, dtype: float64)).ToArray();
        int imagesAtOnce = ImagesAtOnce(length), blocks = (train.Count + imagesAtOnce - 1) / imagesAtOnce;
        threads.Run(worker =>
        {
            using var noGrad = no_grad();
            // the same ones to the same thread each time, for the rounding's sake
            for (int block = worker; block < blocks; block += threads.Count)
            {
                using var scope = NewDisposeScope();
                var x = Centred(train, mean, block * imagesAtOnce, imagesAtOnce);
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
        int length = LengthOf(images), coarse = Math.Min(Coarse, _count), fine = _count - coarse;
        if (length != _mean.Length)
            throw new ArgumentException(
                $"Images of {length} values have no place among components of {_mean.Length}.", nameof(images));
        var (first, rest) = (new double[(long)images.Count * coarse], new double[(long)images.Count * fine]);
        using var outer = NewDisposeScope();
        var axes = tensor(_axes, [length, _count]);
        int imagesAtOnce = ImagesAtOnce(length), blocks = (images.Count + imagesAtOnce - 1) / imagesAtOnce, next = -1;
        threads.Run(_ =>
        {
            using var noGrad = no_grad();
            while (Interlocked.Increment(ref next) is var block && block < blocks)
            {
                using var scope = NewDisposeScope();
                int start = block * imagesAtOnce;
                var projected = mm(Centred(images, _mean, start, imagesAtOnce), axes);
                projected.narrow(1, 0, coarse).contiguous().data<double>().CopyTo(first.AsSpan(start * coarse));
                if (fine > 0)
                    projected.narrow(1, coarse, fine).contiguous().data<double>().CopyTo(rest.AsSpan(start * fine));
            }
        });
        return (new Points(first, images.Count, coarse), fine > 0 ? new Points(rest, images.Count, fine) : null);
    }

    /// <summary>The first components of large images: X^T U / sqrt(w), where w and U are the eigenvalues and eigenvectors of the
    /// products X X^T of the images, evenly apart in the set.</summary>
    private static PixelComponents OfLarge(ImageSet train, double[] mean)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        int taken = Math.Min(train.Count, ImagesOfLarge), length = mean.Length;
        var sample = train.Pick([.. Enumerable.Range(0, taken).Select(i => (int)((long)i * train.Count / taken))]);
        var x = zeros(taken, length, dtype: float32); // half the memory; rounding is far below the components
        int atOnce = ImagesAtOnce(length);
        for (int start = 0; start < taken; start += atOnce)
        {
            using var inner = NewDisposeScope();
            var rows = Centred(sample, mean, start, atOnce);
            x.narrow(0, start, rows.shape[0]).copy_(rows);
        }
        var (w, u) = linalg.eigh(mm(x, x.t()).to(float64)); // ascending
        double[] values = w.data<double>().ToArray();
        // An image more than once adds nothing: its axis would be rounding.
        int count = Math.Clamp(values.Count(value => value > LeastValue * values[^1]), 1, Coarse + FineOfLarge);
        var first = u.narrow(1, taken - count, count).flip(1).to(float32);
        var axes = mm(x.t(), first).to(float64);                                          // [D, K]
        axes = axes.div(axes.Squared().sum(0, keepdim: true).sqrt().Plus(Tiny));
        return new PixelComponents(mean, axes.contiguous().data<double>().ToArray());
    }

    private static int ImagesAtOnce(int length) => Math.Clamp(NumbersAtOnce / length, 16, 1024);

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

    private static Tensor Centred(ImageSet images, double[] mean, int start, int most)
    {
        int count = Math.Min(most, images.Count - start);
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
