using Mezzotint.Data;
using Mezzotint.Runtime;

namespace Mezzotint.Evaluation;

/// <summary>
/// Finds images that are nearer to a training image than new images of the class are. Each class has a threshold: the distance to
/// the nearest training image that only 1 % of the test images are below. The class is that of the nearest training image. So it
/// needs no label, and a 1, which lies near other 1s anyway, has to lie nearer than an 8. Of images that the training never saw 1
/// % are below by definition.
/// </summary>
/// <remarks>
/// The rule, with one percentile a class, is this project's. That the distance means nothing without that of test images is from
/// Meehan et al. 2020, "A Non-Parametric Test to Detect Data-Copying in Generative Models", arXiv 2004.05675. It counts pixels: a
/// copy that is shifted by a pixel is not found.
/// </remarks>
public sealed class Memorisation
{
    /// <summary>The percentile of the test images' distances that is the threshold.</summary>
    public const double Percentile = 1;

    private readonly ImageSet _train;
    private readonly WorkerThreads _threads;
    private readonly double[] _thresholds;

    private Memorisation(ImageSet train, WorkerThreads threads, double[] thresholds) =>
        (_train, _threads, _thresholds) = (train, threads, thresholds);

    /// <summary>The threshold of each class: distances, see <see cref="NearestImage.Distance"/>.</summary>
    public IReadOnlyList<double> Thresholds => _thresholds;

    /// <summary>Finds the thresholds. A class that no test image is nearest to gets that of all test images together.</summary>
    /// <param name="train">What a model learned from.</param>
    /// <param name="test">Images of the same kind that it did not.</param>
    /// <param name="threads">The work is shared out over these.</param>
    /// <param name="progress">Told how many test images are done.</param>
    /// <param name="cancellation">Stops the search.</param>
    /// <exception cref="OperationCanceledException">It was stopped.</exception>
    public static Memorisation Of(
        ImageSet train, ImageSet test, WorkerThreads threads, IProgress<int>? progress = null,
        CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(train);
        var nearest = NearestImage.Of(test, train, threads, progress, cancellation);
        double overall = PercentileOf([.. nearest.Select(image => image.Distance)], Percentile);
        double[] thresholds = [.. Enumerable.Range(0, Math.Max(1, train.ClassNames.Count)).Select(label =>
            nearest.Where(image => train.Labels[image.Index] == label).Select(image => image.Distance)
                .ToArray() is { Length: > 0 } distances
                ? PercentileOf(distances, Percentile)
                : overall)];
        return new Memorisation(train, threads, thresholds);
    }

    /// <summary>The nearest training image of each image, and which are nearer than the threshold.</summary>
    /// <param name="images">Images of the size of the training images.</param>
    /// <param name="progress">Told how many are done.</param>
    /// <param name="cancellation">Stops the search.</param>
    /// <returns>
    /// The neighbours; of each the distance over the threshold of its class, below 1 for what counts as memorised (0 over 0
    /// counts as 0); and the share of these, 0 to 1.
    /// </returns>
    /// <exception cref="OperationCanceledException">It was stopped.</exception>
    public (NearestImage[] Nearest, double[] Ratios, double Share) Measure(
        ImageSet images, IProgress<int>? progress = null, CancellationToken cancellation = default)
    {
        var nearest = NearestImage.Of(images, _train, _threads, progress, cancellation);
        double[] ratios =
        [
            .. nearest.Select(image => image.Distance == 0 ? 0 : image.Distance / _thresholds[_train.Labels[image.Index]]),
        ];
        return (nearest, ratios, ratios.Count(ratio => ratio < 1) / (double)ratios.Length);
    }

    /// <summary>A percentile, linear between the two values beside it (type 7 of Hyndman and Fan 1996).</summary>
    /// <param name="values">At least one; they are sorted in place.</param>
    /// <param name="percent">0 to 100.</param>
    internal static double PercentileOf(double[] values, double percent)
    {
        Array.Sort(values);
        double place = percent / 100 * (values.Length - 1);
        int below = (int)place;
        return below + 1 < values.Length ? values[below] + (place - below) * (values[below + 1] - values[below]) : values[below];
    }
}
