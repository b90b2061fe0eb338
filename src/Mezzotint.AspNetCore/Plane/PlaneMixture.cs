using System.Runtime.InteropServices;
using Mezzotint.Sampling;
using static TorchSharp.torch;

namespace Mezzotint.AspNetCore.Plane;

/// <summary>
/// A distribution in the plane that is known exactly: p(x_0) = 1/K sum_k N(x_0; m_k, s^2 I). With noise it is N(m_k, (s^2 +
/// sigma^2) I), so D(x, sigma) = sum_k r_k (s^2 x + sigma^2 m_k) / (s^2 + sigma^2) with r_k the share of component k at x, and
/// the score is (D - x) / sigma^2. Computed in float64.
/// </summary>
/// <remarks>Bishop 2006, "Pattern Recognition and Machine Learning", equations 2.116 and 9.13; Efron 2011, "Tweedie's Formula and
/// Selection Bias". The library's <see cref="GaussianMixtureDenoiser"/> is the same with one mean for all pixels.</remarks>
/// <param name="points">m_k: x and y of each.</param>
/// <param name="spread">s, above 0.</param>
internal sealed class PlaneMixture(IReadOnlyList<(double X, double Y)> points, double spread) : IDenoiser
{
    private readonly (double X, double Y)[] _points = [.. points];

    public IReadOnlyList<(double X, double Y)> Points => _points;

    public double Spread => spread;

    /// <summary>D of points.</summary>
    /// <param name="x">[B, 1, 1, 2].</param>
    /// <param name="sigma">The standard deviation of their noise.</param>
    public Tensor Denoise(Tensor x, double sigma)
    {
        ArgumentNullException.ThrowIfNull(x);
        using var scope = NewDisposeScope();
        double[] values = MemoryMarshal.Cast<byte, double>(x.to(float64).contiguous().bytes).ToArray();
        for (int i = 0; i < values.Length; i += 2)
            (values[i], values[i + 1]) = At(values[i], values[i + 1], sigma).Denoised;
        return tensor(values, x.shape).to(x.dtype).MoveToOuterDisposeScope();
    }

    /// <summary>D, the score and ln p at a point.</summary>
    public ((double X, double Y) Denoised, (double X, double Y) Score, double LogDensity) At(double x, double y, double sigma)
    {
        double variance = spread * spread + sigma * sigma, top = double.NegativeInfinity;
        Span<double> shares = stackalloc double[_points.Length];
        for (int k = 0; k < shares.Length; k++)
        {
            var (dx, dy) = (x - _points[k].X, y - _points[k].Y);
            shares[k] = -(dx * dx + dy * dy) / (2 * variance);
            top = Math.Max(top, shares[k]);
        }
        double sum = 0, meanX = 0, meanY = 0;
        for (int k = 0; k < shares.Length; k++)
        {
            double share = Math.Exp(shares[k] - top); // from the largest, so that not all vanish
            (sum, meanX, meanY) = (sum + share, meanX + share * _points[k].X, meanY + share * _points[k].Y);
        }
        (meanX, meanY) = (meanX / sum, meanY / sum);
        double gain = spread * spread / variance;
        return (
            (gain * x + (1 - gain) * meanX, gain * y + (1 - gain) * meanY), ((meanX - x) / variance, (meanY - y) / variance),
            top + Math.Log(sum / _points.Length) - Math.Log(2 * Math.PI * variance));
    }

    /// <summary>The mixture of a name.</summary>
    /// <param name="shape">One of <see cref="Shapes"/>.</param>
    /// <param name="spread">s, above 0.</param>
    public static PlaneMixture Named(string shape, double spread) => new(shape switch
    {
        "moons" => [.. Arc(-0.45, -0.2, 0, Math.PI), .. Arc(0.45, 0.2, Math.PI, 2 * Math.PI)],
        "spiral" => [.. Enumerable.Range(0, 72).Select(i => 0.6 + i / 71.0 * 3.4 * Math.PI)
            .Select(turn => (turn / 9 * Math.Cos(turn), turn / 9 * Math.Sin(turn)))],
        _ => [(-0.8, -0.4), (0.8, 0.4)],
    }, spread);

    /// <summary>The names that <see cref="Named"/> knows.</summary>
    public static IReadOnlyList<string> Shapes { get; } = ["moons", "spiral", "two"];

    /// <summary>A half circle of 32 points around a centre.</summary>
    private static IEnumerable<(double X, double Y)> Arc(double x, double y, double from, double to) =>
        Enumerable.Range(0, 32).Select(i => from + (to - from) * i / 31)
            .Select(turn => (x + 0.9 * Math.Cos(turn), y + 0.9 * Math.Sin(turn)));
}
