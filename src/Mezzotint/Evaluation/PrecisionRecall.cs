using Mezzotint.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Mezzotint.Evaluation;

/// <summary>
/// Improved precision and recall: Kynkaanniemi et al. 2019, "Improved Precision and Recall Metric for Assessing Generative
/// Models", arXiv 1904.06991, equations 1 to 3. Around each point of a set lies a ball up to its k-th nearest neighbour in the
/// set; together they are taken for the ground that the set covers.
/// </summary>
/// <param name="Precision">The share of generated points within the ground of the real ones: are they plausible? 0 to 1.</param>
/// <param name="Recall">The share of real points within the ground of the generated ones: is there everything? 0 to 1.</param>
public sealed record PrecisionRecall(double Precision, double Recall)
{
    /// <summary>The k of the paper.</summary>
    public const int Neighbours = 3;

    /// <summary>Compares two sets.</summary>
    /// <param name="real">At least k + 1 points.</param>
    /// <param name="generated">At least k + 1 points; as many as there are real ones, for both figures depend on the
    /// counts.</param>
    /// <param name="threads">The work is shared out over these.</param>
    /// <param name="neighbours">k.</param>
    /// <exception cref="ArgumentException">The points do not lie in one space, or are too few.</exception>
    public static PrecisionRecall Of(Points real, Points generated, WorkerThreads threads, int neighbours = Neighbours)
    {
        ArgumentNullException.ThrowIfNull(real);
        ArgumentNullException.ThrowIfNull(generated);
        ArgumentNullException.ThrowIfNull(threads);
        ArgumentOutOfRangeException.ThrowIfLessThan(neighbours, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(Math.Min(real.Count, generated.Count), neighbours + 1, nameof(generated));
        return new(Covered(generated, real, neighbours, threads), Covered(real, generated, neighbours, threads));
    }

    /// <summary>The share of <paramref name="points"/> within a ball of <paramref name="ground"/>.</summary>
    private static double Covered(Points points, Points ground, int neighbours, WorkerThreads threads)
    {
        using var scope = NewDisposeScope();
        var radii = tensor(SquaredRadii(ground, neighbours, threads)).unsqueeze(0); // [1, M]
        long covered = 0;
        PairwiseDistances.Squares(points, ground, threads, (_, squares) =>
            Interlocked.Add(ref covered, squares.le(radii).any(1).sum().item<long>()));
        return (double)covered / points.Count;
    }

    private static double[] SquaredRadii(Points ground, int neighbours, WorkerThreads threads)
    {
        var radii = new double[ground.Count];
        PairwiseDistances.Squares(ground, ground, threads, (start, squares) =>
        {
            // The nearest of all is the point itself.
            var (nearest, _) = squares.topk(neighbours + 1, dim: 1, largest: false, sorted: true);
            nearest.select(1, neighbours).contiguous().data<double>().CopyTo(radii.AsSpan(start, (int)squares.shape[0]));
        });
        return radii;
    }
}
