namespace Mezzotint.Plots;

/// <summary>One curve of a plot.</summary>
/// <param name="Name">What the legend calls it; empty for no entry.</param>
/// <param name="X">Where its points stand, such as epochs, times or levels, in the order in which the line goes.</param>
/// <param name="Y">Their heights, as many as <paramref name="X"/> has; points that are not finite, or beyond 1e100, are left
/// out.</param>
public sealed record PlotSeries(string Name, IReadOnlyList<double> X, IReadOnlyList<double> Y)
{
    /// <summary>Which pen draws it, 0 or more: pens differ in colour or dashes, the first is copper. Null for the curve's own
    /// place among the plot's.</summary>
    public int? Pen { get; init; }

    /// <summary>Width of the line in pixels, above 0.</summary>
    public double LineWidth { get; init; } = 2.5;

    /// <summary>Whether its points are marked; null for where there are at most 60.</summary>
    public bool? Markers { get; init; }
}
