using Mezzotint.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Mezzotint.Evaluation;

/// <summary>
/// The Frechet distance of two normal distributions, d^2 = |m1 - m2|^2 + Tr(S1 + S2 - 2 (S1 S2)^(1/2)): Dowson and Landau 1982,
/// "The Frechet Distance between Multivariate Normal Distributions", equation 4. For two sets of images it is computed between
/// their embeddings. Heusel et al. 2017, "GANs Trained by a Two Time-Scale Update Rule", arXiv 1706.08500, equation 6, do that in
/// the embedding of another classifier.
/// </summary>
/// <remarks>
/// S1 S2 is not symmetric, and a general matrix root of it fails where a covariance is singular, as it is with fewer images than
/// coordinates. But its trace is that of (R S2 R)^(1/2), R = S1^(1/2), which is symmetric and positive: two symmetric eigenvalue
/// problems in float64, whose eigenvalues below 0 are rounding and taken for 0. The distance grows as the sets get smaller:
/// compare at equal counts.
/// </remarks>
public static class FrechetDistance
{
    /// <summary>d^2 of two sets of points.</summary>
    /// <exception cref="ArgumentException">They are of different length, fewer than two, or not finite.</exception>
    public static double Between(Points a, Points b) => Between(Moments.Of(a), Moments.Of(b));

    /// <summary>d^2 of two pairs of moments: 0 or more.</summary>
    /// <exception cref="ArgumentException">They are of different length.</exception>
    public static double Between(Moments a, Moments b)
    {
        ArgumentNullException.ThrowIfNull(a);
        ArgumentNullException.ThrowIfNull(b);
        int length = a.Mean.Length;
        if (b.Mean.Length != length)
            throw new ArgumentException($"Moments of {length} and of {b.Mean.Length} coordinates have no distance.", nameof(b));
        double distance = 0;
        for (int i = 0; i < length; i++)
        {
            double shift = a.Mean[i] - b.Mean[i];
            distance += shift * shift + a.Covariance[i * length + i] + b.Covariance[i * length + i];
        }
        return Math.Max(0, distance - 2 * TraceOfRoot(a, b));
    }

    /// <summary>Tr (S1 S2)^(1/2): the sum of the roots of the eigenvalues of R S2 R.</summary>
    private static double TraceOfRoot(Moments a, Moments b)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        long length = a.Mean.Length;
        var root = Root(tensor(a.Covariance, [length, length]));
        var product = mm(mm(root, tensor(b.Covariance, [length, length])), root);
        return NotNegative(linalg.eigvalsh(Symmetric(product))).sqrt().sum().item<double>();
    }

    /// <summary>The symmetric root of a symmetric positive matrix: V diag(sqrt w) V^T.</summary>
    private static Tensor Root(Tensor matrix)
    {
        var (w, v) = linalg.eigh(Symmetric(matrix));
        return mm(v * NotNegative(w).sqrt(), v.t());
    }

    private static Tensor Symmetric(Tensor matrix) => matrix.Plus(matrix.t()).Times(0.5);

    private static Tensor NotNegative(Tensor values) => values.relu();
}
