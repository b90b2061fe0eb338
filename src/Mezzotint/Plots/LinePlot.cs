using Mezzotint.Formats;
using Mezzotint.Settings;
using ScottPlot.AxisPanels;
using ScottPlot.Plottables;
using ScottPlot;
using SkiaSharp;

namespace Mezzotint.Plots;

/// <summary>Curves over a common axis as a PNG picture, in the colours of a print: copper on paper, axes in ink.</summary>
public sealed record LinePlot
{
    private const double Largest = 1e100; // beyond it the arithmetic of axes overflows
    private const int FewPoints = 60;
    private const int LegendInside = 3;   // curves whose legend fits into a corner of the plot; those of more stand beside it
    private static readonly Color _paper = Color.FromHex("#f6f1e7");
    private static readonly Color _ink = Color.FromHex("#1b1714");
    private static readonly Color _hairline = Color.FromHex("#ded5c4");
    private static readonly Color[] _colors =
    [
        .. new[] { "#b0602a", "#3f6f73", "#7a5c78", "#7d8450", "#d0a13a", "#4d5a80", "#8f2f2a", "#8c8273" }.Select(Color.FromHex),
    ];
    private static readonly LinePattern[] _dashes = [LinePattern.Solid, LinePattern.Dashed, LinePattern.Dotted];

    /// <summary>What stands above the plot.</summary>
    public required string Title { get; init; }

    /// <summary>What the horizontal axis counts or measures, such as <c>epoch</c> or <c>noise level</c>.</summary>
    public required string XLabel { get; init; }

    /// <summary>What the vertical axis measures.</summary>
    public required string YLabel { get; init; }

    /// <summary>The curves. Without any points the axes stand alone.</summary>
    public required IReadOnlyList<PlotSeries> Series { get; init; }

    /// <summary>Whether the horizontal axis is logarithmic; points that are not above 0 (1e-100, to be exact) are left out
    /// then.</summary>
    public bool LogarithmicX { get; init; }

    /// <summary>The same for the vertical axis.</summary>
    public bool LogarithmicY { get; init; }

    /// <summary>Whether the horizontal axis runs from right to left.</summary>
    public bool ReversedX { get; init; }

    /// <summary>Columns of the picture, 320 to 16384.</summary>
    public int Width { get; init; } = 1200;

    /// <summary>Rows of the picture, 240 to 16384.</summary>
    public int Height { get; init; } = 720;

    /// <summary>The range of the vertical axis, for panels that are to share one; null for what the curves fill. In logarithmic
    /// plots both are above 0.</summary>
    public (double Least, double Most)? YRange { get; init; }

    /// <summary>Draws and writes the plot, whole or not at all.</summary>
    /// <param name="path">The PNG file to make or to replace.</param>
    /// <exception cref="ArgumentException">A curve has as many x as it has not y, or a size or a range is none.</exception>
    /// <exception cref="MezzotintException">The file cannot be written.</exception>
    public void Write(string path) => Write(path, [this]);

    /// <summary>The same for several plots side by side.</summary>
    /// <param name="path">The PNG file to make or to replace.</param>
    /// <param name="panels">From left to right, at least one; the picture is as high as the highest.</param>
    /// <param name="text">Keywords and texts that the file is to hold: see <see cref="PngFile"/>.</param>
    /// <exception cref="ArgumentException">There is no plot, a curve has as many x as it has not y, or a size or a range is
    /// none.</exception>
    /// <exception cref="MezzotintException">The file cannot be written.</exception>
    public static void Write(string path, IReadOnlyList<LinePlot> panels, IReadOnlyDictionary<string, string>? text = null) =>
        PngFile.Write(path, Render(panels), text: text);

    /// <summary>Draws several plots side by side.</summary>
    /// <param name="panels">From left to right, at least one; the picture is as high as the highest.</param>
    /// <returns>One image of 3 channels.</returns>
    /// <exception cref="ArgumentException">There is no plot, a curve has as many x as it has not y, or a size or a range is
    /// none.</exception>
    public static ImageBatch Render(IReadOnlyList<LinePlot> panels)
    {
        ArgumentNullException.ThrowIfNull(panels);
        if (panels.Count == 0)
            throw new ArgumentException("A picture of no plot.", nameof(panels));
        foreach (var panel in panels)
            panel.Check();
        PlotFont.MakeKnown();
        using var bitmap = new SKBitmap(
            panels.Sum(panel => panel.Width), panels.Max(panel => panel.Height), SKColorType.Rgba8888, SKAlphaType.Opaque);
        using var canvas = new SKCanvas(bitmap);
        canvas.Clear(_paper.ToSKColor());
        int left = 0;
        foreach (var panel in panels)
        {
            using var plot = panel.Compose();
            // A plot clears the whole canvas before it draws: each has one of its own.
            using var part = new SKBitmap(panel.Width, panel.Height, SKColorType.Rgba8888, SKAlphaType.Opaque);
            using var ownCanvas = new SKCanvas(part);
            plot.Render(ownCanvas, new PixelRect(0, panel.Width, panel.Height, 0));
            canvas.DrawBitmap(part, left, 0, SKSamplingOptions.Default);
            left += panel.Width;
        }
        return Planes(bitmap);
    }

    /// <summary>Red, green and blue, each in a plane of its own.</summary>
    private static ImageBatch Planes(SKBitmap bitmap)
    {
        ReadOnlySpan<byte> drawn = bitmap.GetPixelSpan();
        int plane = bitmap.Height * bitmap.Width;
        var pixels = new byte[3 * plane];
        for (int place = 0; place < plane; place++)
            for (int channel = 0; channel < 3; channel++)
                pixels[channel * plane + place] = drawn[place * 4 + channel]; // rows of four bytes a pixel have no padding
        return new ImageBatch(1, 3, bitmap.Height, bitmap.Width, pixels);
    }

    private void Check()
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(Width, 320);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(Width, 16384);
        ArgumentOutOfRangeException.ThrowIfLessThan(Height, 240);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(Height, 16384);
        if (YRange is var (least, most) && !(least < most && double.IsFinite(most - least) && (least > 0 || !LogarithmicY)))
            throw new ArgumentException(
                $"The vertical axis from {least} to {most}: it rises from a finite number, which in a logarithmic plot is above "
                + $"0.");
        foreach (var curve in Series)
            if (curve.X.Count != curve.Y.Count)
                throw new ArgumentException($"{curve.Name} has {curve.X.Count} x and {curve.Y.Count} y.");
    }

    private Plot Compose()
    {
        var plot = new Plot();
        var points = Series.Select(Points).ToList();
        for (int i = 0; i < Series.Count; i++)
            if (points[i].Length > 0)
                AddCurve(plot, Series[i], points[i], Series[i].Pen ?? i);
        plot.Title(Title);
        plot.XLabel(LogarithmicX ? $"{XLabel} (log scale)" : XLabel);
        plot.YLabel(LogarithmicY ? $"{YLabel} (log scale)" : YLabel);
        ApplyStyle(plot);
        SetAxes(plot);
        AddLegend(plot, points.SelectMany(curve => curve));
        return plot;
    }

    private Coordinates[] Points(PlotSeries series)
    {
        static bool Shown(double value, bool logarithmic) => Math.Abs(value) < Largest && (!logarithmic || value > 1 / Largest);
        return [.. series.X.Zip(series.Y)
            .Where(point => Shown(point.First, LogarithmicX) && Shown(point.Second, LogarithmicY))
            .Select(point => new Coordinates(Place(point.First, LogarithmicX), Place(point.Second, LogarithmicY)))];
    }

    private static double Place(double value, bool logarithmic) => logarithmic ? Math.Log10(value) : value;

    private static void AddCurve(Plot plot, PlotSeries series, Coordinates[] points, int pen)
    {
        Scatter curve = plot.Add.Scatter(points);
        curve.LegendText = series.Name;
        curve.Color = _colors[pen % _colors.Length];
        curve.LinePattern = _dashes[pen / _colors.Length % _dashes.Length];
        curve.LineWidth = (float)series.LineWidth;
        // Few points are shown as such; many would blot the line.
        curve.MarkerSize = series.Markers ?? points.Length <= FewPoints ? 7 : 0;
    }

    private static void ApplyStyle(Plot plot)
    {
        plot.FigureBackground.Color = _paper;
        plot.DataBackground.Color = _paper;
        plot.Axes.Color(_ink);
        plot.Font.Set(PlotFont.Name);
        plot.Axes.Title.Label.FontSize = 24;
        plot.Axes.Title.Label.Bold = false;
        plot.Axes.Title.VerticalPadding = 18;
        plot.Axes.Right.IsVisible = false;
        plot.Axes.Top.IsVisible = false;
        plot.Axes.Right.MinimumSize = 28;
        foreach (AxisBase axis in new[] { (AxisBase)plot.Axes.Bottom, (AxisBase)plot.Axes.Left })
        {
            axis.PaddingOutsideAxisLabels = new PixelPadding(axis is LeftAxis ? 14 : 4);
            axis.PaddingBetweenTickAndAxisLabels = new PixelPadding(6);
            axis.TickLabelStyle.OffsetY = 3; // The font's line is higher above its digits than below them.
            axis.LabelStyle.FontSize = 18;
            axis.LabelStyle.Bold = false;
            axis.TickLabelStyle.FontSize = 15;
            axis.MajorTickStyle.Length = 6;
            axis.MinorTickStyle.Length = 0;
        }
        plot.Grid.MajorLineColor = _hairline;
        plot.Grid.MajorLineWidth = 1;
    }

    private void SetAxes(Plot plot)
    {
        plot.Axes.Margins(0.02, 0.08);
        if (plot.GetPlottables().Any()) plot.Axes.AutoScale();
        else plot.Axes.SetLimits(0, 1, 0, 1);
        if (YRange is var (least, most)) plot.Axes.SetLimitsY(Place(least, LogarithmicY), Place(most, LogarithmicY));
        var (x, y) = (plot.Axes.Bottom, plot.Axes.Left);
        // Epochs and images are counted in whole numbers; a plot of less than a few of them still needs its ticks.
        x.TickGenerator = LogarithmicX ? PlotTicks.Logarithmic(x.Min, x.Max) : PlotTicks.Linear(whole: x.Max - x.Min > 3);
        y.TickGenerator = LogarithmicY ? PlotTicks.Logarithmic(y.Min, y.Max) : PlotTicks.Linear();
        if (ReversedX) plot.Axes.SetLimitsX(x.Max, x.Min);
    }

    /// <summary>A few curves have it in the corner that most of their points keep away from; the legend of many stands beside the
    /// plot, where it covers none.</summary>
    private void AddLegend(Plot plot, IEnumerable<Coordinates> points)
    {
        plot.Legend.FontName = PlotFont.Name;
        plot.Legend.FontSize = 16;
        plot.Legend.SymbolWidth = 44; // room for two dashes and a gap
        plot.Legend.FontColor = _ink;
        plot.Legend.BackgroundColor = _paper;
        plot.Legend.OutlineColor = _hairline;
        plot.Legend.ShadowColor = Colors.Transparent;
        int names = Series.Count(series => series.Name.Length > 0);
        if (names > LegendInside)
        {
            var panel = plot.ShowLegend(Edge.Right);
            panel.Padding = new PixelPadding(14);
            panel.Alignment = Alignment.UpperCenter;
            return;
        }
        plot.Legend.IsVisible = names > 0 && plot.GetPlottables().Any();
        plot.Legend.Alignment = EmptiestCorner(plot.Axes.GetLimits(), [.. points]);
    }

    /// <summary>The corner from which the nearest point is farthest away, in parts of the axes; of equal ones the upper
    /// right.</summary>
    private static Alignment EmptiestCorner(AxisLimits limits, Coordinates[] points)
    {
        (Alignment Place, double X, double Y)[] corners =
            [
                (Alignment.UpperRight, 1, 1), (Alignment.LowerLeft, 0, 0), (Alignment.UpperLeft, 0, 1),
                (Alignment.LowerRight, 1, 0),
            ];
        double Distance(double x, double y) => points.Length == 0 ? 1 : points.Min(point => Math.Max(
            Math.Abs((point.X - limits.Left) / (limits.Right - limits.Left) - x),
            Math.Abs((point.Y - limits.Bottom) / (limits.Top - limits.Bottom) - y)));
        return corners.MaxBy(corner => Distance(corner.X, corner.Y)).Place;
    }
}
