using Mezzotint.Evaluation;
using Mezzotint.Runtime;

namespace Mezzotint.Tests.Evaluation;

/// <summary>Normally distributed points, the same at each run.</summary>
internal static class TestPoints
{
    /// <summary>Independent coordinates of the given deviations, around <paramref name="shift"/> in each.</summary>
    public static Points Normal(int count, double[] deviations, long seed, double shift = 0)
    {
        var random = new RandomStream(seed);
        return new Points(
            [
                .. Enumerable.Range(0, count * deviations.Length).Select(i =>
                    random.Normal(shift, deviations[i % deviations.Length])),
            ],
            count, deviations.Length);
    }

    public static Points Standard(int count, int length, long seed, double shift = 0) =>
        Normal(count, [.. Enumerable.Repeat(1.0, length)], seed, shift);

    public static Points Map(Points points, Func<double, int, double> map) =>
        new([.. points.Values.Select((value, i) => map(value, i % points.Length))], points.Count, points.Length);
}
