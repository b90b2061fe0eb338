using Mezzotint.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Mezzotint.Evaluation;

/// <summary>A kernel distance and how exact it is.</summary>
/// <param name="Value">The estimate: around 0 for two sets of one distribution, and as often below it as above.</param>
/// <param name="StandardError">From the first-order part of its variance; where the sets are alike it is too small, as higher
/// orders are left then.</param>
public sealed record KernelEstimate(double Value, double StandardError);

/// <summary>
/// The squared maximum mean discrepancy with the kernel k(x, y) = (x y / D + 1)^3, in its unbiased form
/// mean_{i != j} k(x_i, x_j) + mean_{i != j} k(y_i, y_j) - 2 mean k(x_i, y_j): Binkowski et al. 2018, "Demystifying MMD GANs",
/// arXiv 1801.01401, section 4, of all pairs instead of blocks of them. Unlike the Frechet distance it does not grow as the sets
/// get smaller.
/// </summary>
public sealed class KernelDistance
{
    private readonly Points _reference;
    private readonly WorkerThreads _threads;
    private readonly double[] _own; // of each point of the reference: the mean of k to the others

    /// <summary>Prepares the distance to one set of points.</summary>
    /// <param name="reference">y: at least 2 points.</param>
    /// <param name="threads">The work is shared out over these.</param>
    public KernelDistance(Points reference, WorkerThreads threads)
    {
        ArgumentNullException.ThrowIfNull(reference);
        ArgumentNullException.ThrowIfNull(threads);
        ArgumentOutOfRangeException.ThrowIfLessThan(reference.Count, 2, nameof(reference));
        (_reference, _threads) = (reference, threads);
        _own = OwnMeans(reference);
    }

    /// <summary>The distance to <paramref name="points"/>.</summary>
    /// <exception cref="ArgumentException">They lie in another space, or are fewer than 2.</exception>
    public KernelEstimate To(Points points)
    {
        ArgumentNullException.ThrowIfNull(points);
        ArgumentOutOfRangeException.ThrowIfLessThan(points.Count, 2, nameof(points));
        double[] own = OwnMeans(points);
        var (across, back) = Sums(points, _reference);
        // Each point's share of the estimate: its mean k to its own set less that to the other one.
        for (int i = 0; i < own.Length; i++)
            across[i] = own[i] - across[i] / _reference.Count;
        for (int i = 0; i < back.Length; i++)
            back[i] = _own[i] - back[i] / points.Count;
        double variance = 4 * Variance(across) / across.Length + 4 * Variance(back) / back.Length;
        return new KernelEstimate(across.Average() + back.Average(), Math.Sqrt(variance));
    }

    private double[] OwnMeans(Points points)
    {
        var (sums, _) = Sums(points, points);
        for (int i = 0; i < sums.Length; i++)
            sums[i] = (sums[i] - Kernel(points[i])) / (points.Count - 1);
        return sums;
    }

    /// <summary>The sums of k along the rows, and along the columns.</summary>
    private (double[] Rows, double[] Columns) Sums(Points x, Points y)
    {
        var (rows, columns) = (new double[x.Count], new double[y.Count]);
        // added in the order of the rows, so that timing does not change the rounding
        var blocks = new SortedDictionary<int, double[]>();
        PairwiseDistances.Products(x, y, _threads, (start, products) =>
        {
            var t = products.Over(x.Length).Plus(1);
            var k = t * t * t;
            k.sum(1).data<double>().CopyTo(rows.AsSpan(start, (int)k.shape[0]));
            double[] sums = k.sum(0L).data<double>().ToArray();
            lock (blocks)
                blocks.Add(start, sums);
        });
        foreach (double[] sums in blocks.Values)
            for (int j = 0; j < columns.Length; j++)
                columns[j] += sums[j];
        return (rows, columns);
    }

    private static double Kernel(ReadOnlySpan<double> x)
    {
        double product = 0;
        foreach (double value in x)
            product += value * value;
        double t = product / x.Length + 1;
        return t * t * t;
    }

    private static double Variance(double[] values)
    {
        double mean = values.Average();
        return values.Sum(value => (value - mean) * (value - mean)) / (values.Length - 1);
    }
}
