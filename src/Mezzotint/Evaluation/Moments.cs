using Mezzotint.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Mezzotint.Evaluation;

/// <summary>The mean and the covariance of points, in float64: what the Frechet distance knows of a set.</summary>
/// <param name="Mean">m = sum x / N: [D].</param>
/// <param name="Covariance">S = sum (x - m)(x - m)^T / (N - 1), row by row: [D, D].</param>
public sealed record Moments(double[] Mean, double[] Covariance)
{
    private const int RowsAtOnce = 8192; // they are multiplied a block at a time, which bounds the memory and rounds less

    /// <summary>Computes them in two passes, which does not cancel as the mean of squares less the square of the mean
    /// does.</summary>
    /// <exception cref="ArgumentException">There are fewer than two points, or a coordinate is not finite.</exception>
    public static Moments Of(Points points)
    {
        ArgumentNullException.ThrowIfNull(points);
        ArgumentOutOfRangeException.ThrowIfLessThan(points.Count, 2, nameof(points));
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var x = points.ToTensor();                           // [N, D]
        if (!x.isfinite().all().item<bool>())
            throw new ArgumentException("A coordinate is not a finite number.", nameof(points));
        var mean = x.mean([0], keepdim: true);               // [1, D]
        var covariance = zeros(points.Length, points.Length, dtype: float64);
        for (int start = 0; start < points.Count; start += RowsAtOnce)
        {
            var centred = x.narrow(0, start, Math.Min(RowsAtOnce, points.Count - start)) - mean;
            covariance.AddInPlace(mm(centred.t(), centred));
        }
        return new Moments(mean.data<double>().ToArray(), covariance.Over(points.Count - 1).data<double>().ToArray());
    }
}
