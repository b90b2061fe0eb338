using Mezzotint.Runtime;
using static TorchSharp.torch;

namespace Mezzotint.Training;

/// <summary>
/// Where points must go so that they become distributed as others: down the gradient of the energy distance
/// 2 E|x - y| - E|x - x'| - E|y - y'|, which is 0 for equal distributions alone.
/// </summary>
/// <remarks>Szekely, Rizzo 2013, "Energy statistics: A class of statistics based on distances", Journal of Statistical Planning
/// and Inference 143, equation 1.</remarks>
internal static class EnergyDrift
{
    private const double Least = 1e-3; // of a distance: a point draws itself nowhere

    /// <summary>The mean of (y - x) / |y - x| over real y, less that over generated ones.</summary>
    /// <param name="x">A point: [1, F].</param>
    /// <param name="real">[N, F].</param>
    /// <param name="generated">[M, F].</param>
    /// <returns>Half of the negative gradient with respect to x, times the points that x is one of: [1, F].</returns>
    public static Tensor Of(Tensor x, Tensor real, Tensor generated)
    {
        using var scope = NewDisposeScope();
        return (Pull(x, real) - Pull(x, generated)).MoveToOuterDisposeScope();
    }

    private static Tensor Pull(Tensor x, Tensor points)
    {
        var weights = cdist(x, points).Plus(Least).reciprocal().Over(points.shape[0]); // [1, N]
        return weights.matmul(points) - x * weights.sum([1L], keepdim: true);
    }
}
