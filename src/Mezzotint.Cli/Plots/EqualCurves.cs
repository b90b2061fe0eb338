using Mezzotint.Plots;

namespace Mezzotint.Cli.Plots;

/// <summary>Curves that no eye could tell apart, of which the last would hide the others: they become one that has all their
/// names.</summary>
internal static class EqualCurves
{
    private const double Tolerance = 0.01; // a pixel or so of a logarithmic axis

    public static IReadOnlyList<PlotSeries> Joined(IEnumerable<PlotSeries> curves)
    {
        var joined = new List<PlotSeries>();
        foreach (var curve in curves)
        {
            int same = joined.FindIndex(other => Equal(other.X, curve.X) && Equal(other.Y, curve.Y));
            if (same < 0)
                joined.Add(curve);
            else
                joined[same] = joined[same] with { Name = $"{joined[same].Name}, {curve.Name}" };
        }
        return joined;
    }

    private static bool Equal(IReadOnlyList<double> a, IReadOnlyList<double> b) =>
        a.Count == b.Count && a.Zip(b).All(pair => Math.Abs(pair.First - pair.Second) <= Tolerance * Math.Abs(pair.First));
}
