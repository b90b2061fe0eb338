using Mezzotint.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Mezzotint.Evaluation;

/// <summary>
/// The Vendi score: exp of the entropy of the eigenvalues of K / n, K_ij = k(x_i, x_j). It counts the different images in effect:
/// 1 where all are one, n where none is like another. Friedman and Dieng 2023, "The Vendi Score", arXiv 2210.02410, equation 3.
/// The kernel is k(x, y) = exp(-|x - y|^2 / h^2), with h^2 the total variance of real images of the same label, so that scores of
/// two sets can be compared.
/// </summary>
public static class Diversity
{
    /// <summary>Of more images so many are taken, evenly over all, as they may stand in the order of their labels: the work grows
    /// with the third power.</summary>
    public const int MostImages = 1000;

    /// <summary>The score of a set.</summary>
    /// <param name="points">The images; of more than <see cref="MostImages"/> some, evenly over all.</param>
    /// <param name="squaredWidth">h^2, above 0.</param>
    /// <returns>1 to the number of images.</returns>
    public static double VendiScore(Points points, double squaredWidth)
    {
        ArgumentNullException.ThrowIfNull(points);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(squaredWidth);
        int count = Math.Min(points.Count, MostImages);
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        long[] which = [.. Enumerable.Range(0, count).Select(i => (long)i * points.Count / count)];
        var x = points.ToTensor().index_select(0, tensor(which));
        var norms = x.Squared().sum(1, keepdim: true);                        // [n, 1]
        var squares = mm(x, x.t()).Times(-2).AddInPlace(norms).AddInPlace(norms.t()).relu_();
        double entropy = 0;
        foreach (double p in linalg.eigvalsh(squares.Times(-1 / squaredWidth).exp().Over(count)).data<double>())
            entropy -= p > 0 ? p * Math.Log(p) : 0;
        return Math.Exp(entropy);
    }

    /// <summary>The sum of the variances of the coordinates: what <see cref="VendiScore"/> takes for h^2, of real
    /// images.</summary>
    public static double TotalVariance(Points points)
    {
        ArgumentNullException.ThrowIfNull(points);
        ArgumentOutOfRangeException.ThrowIfLessThan(points.Count, 2, nameof(points));
        using var scope = NewDisposeScope();
        return points.ToTensor().var(0L).sum().item<double>();
    }
}
