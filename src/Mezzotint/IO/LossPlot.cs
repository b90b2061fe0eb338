using System.Globalization;
using ScottPlot;
using ScottPlot.AxisPanels;
using ScottPlot.Plottables;
using ScottPlot.TickGenerators;
using SkiaSharp;

namespace Mezzotint.IO;

/// <summary>One curve of a plot.</summary>
/// <param name="Name">What the legend calls it.</param>
/// <param name="X">Where its points stand, such as epochs or images seen, ascending.</param>
/// <param name="Y">Their heights, as many as <paramref name="X"/> has; points that are not finite, or beyond 1e100, are left out.</param>
public sealed record PlotSeries(string Name, IReadOnlyList<double> X, IReadOnlyList<double> Y);

/// <summary>
/// Losses over the course of a training as a PNG picture, in the colours of a print: copper on paper, axes in ink.
/// </summary>
/// <remarks>
/// Its letters are DejaVu Sans Condensed, which the assembly carries, because Skia as it ships for Linux knows no font of the system's.
/// </remarks>
public static class LossPlot
{
    private const string FontName = "DejaVu Sans Condensed";
    private const string FontResource = "Mezzotint.IO.Fonts.DejaVuSansCondensed.ttf";
    private const double Largest = 1e100; // beyond it the arithmetic of axes overflows
    private static readonly Color _paper = Color.FromHex("#f6f1e7");
    private static readonly Color _ink = Color.FromHex("#1b1714");
    private static readonly Color _hairline = Color.FromHex("#ded5c4");
    private static readonly Color[] _curves = [.. new[] { "#b0602a", "#3f6f73", "#7a5c78", "#7d8450", "#8c8273", "#4d5a80" }.Select(Color.FromHex)];
    private static readonly Lock _fontLock = new();
    private static bool _fontKnown;

    /// <summary>Draws and writes a plot, whole or not at all.</summary>
    /// <param name="path">The PNG file to make or to replace.</param>
    /// <param name="title">What stands above the plot.</param>
    /// <param name="xLabel">What the horizontal axis counts, such as <c>epoch</c> or <c>images seen</c>.</param>
    /// <param name="series">The curves; the first is copper. Without any points the axes stand alone.</param>
    /// <param name="logarithmic">True for a logarithmic vertical axis; points that are not above 0 (1e-100, to be exact) are left out then.</param>
    /// <param name="yLabel">What the vertical axis measures.</param>
    /// <param name="width">Columns of the picture, at least 320.</param>
    /// <param name="height">Rows of the picture, at least 240.</param>
    /// <exception cref="ArgumentException">A curve has as many x as it has not y, or a size is out of range.</exception>
    /// <exception cref="MezzotintException">The file cannot be written.</exception>
    public static void Write(string path, string title, string xLabel, IReadOnlyList<PlotSeries> series, bool logarithmic = false,
        string yLabel = "loss", int width = 1200, int height = 720)
    {
        ArgumentNullException.ThrowIfNull(series);
        ArgumentOutOfRangeException.ThrowIfLessThan(width, 320);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(width, 16384);
        ArgumentOutOfRangeException.ThrowIfLessThan(height, 240);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(height, 16384);
        foreach (PlotSeries curve in series)
            if (curve.X.Count != curve.Y.Count)
                throw new ArgumentException($"{curve.Name} has {curve.X.Count} x and {curve.Y.Count} y.", nameof(series));
        MakeFontKnown();

        using var plot = new Plot();
        for (int index = 0; index < series.Count; index++)
            AddCurve(plot, series[index], _curves[index % _curves.Length], logarithmic);
        plot.Title(title);
        plot.XLabel(xLabel);
        plot.YLabel(logarithmic ? $"{yLabel} (log scale)" : yLabel);
        ApplyStyle(plot);
        SetAxes(plot, logarithmic);
        byte[] png = plot.GetImage(width, height).GetImageBytes(ImageFormat.Png, 100);
        AtomicFile.Write(path, stream => stream.Write(png));
    }

    private static void AddCurve(Plot plot, PlotSeries series, Color color, bool logarithmic)
    {
        Coordinates[] points = [.. series.X.Zip(series.Y)
            .Where(point => Math.Abs(point.First) < Largest && Math.Abs(point.Second) < Largest && (!logarithmic || point.Second > 1 / Largest))
            .Select(point => new Coordinates(point.First, logarithmic ? Math.Log10(point.Second) : point.Second))];
        if (points.Length == 0) return;
        Scatter curve = plot.Add.Scatter(points);
        curve.LegendText = series.Name;
        curve.Color = color;
        curve.LineWidth = 2.5f;
        curve.MarkerSize = points.Length <= 60 ? 7 : 0; // Few points are shown as such; many would blot the line.
    }

    private static void ApplyStyle(Plot plot)
    {
        plot.FigureBackground.Color = _paper;
        plot.DataBackground.Color = _paper;
        plot.Axes.Color(_ink);
        plot.Font.Set(FontName);
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
        plot.Legend.Alignment = Alignment.UpperRight;
        plot.Legend.FontName = FontName;
        plot.Legend.FontSize = 16;
        plot.Legend.FontColor = _ink;
        plot.Legend.BackgroundColor = _paper;
        plot.Legend.OutlineColor = _hairline;
        plot.Legend.ShadowColor = Colors.Transparent;
        plot.Legend.IsVisible = plot.GetPlottables().Any();
    }

    private static void SetAxes(Plot plot, bool logarithmic)
    {
        plot.Axes.Margins(0.02, 0.08);
        if (plot.GetPlottables().Any()) plot.Axes.AutoScale();
        else plot.Axes.SetLimits(0, 1, 0, 1);
        // Epochs and images are counted in whole numbers; a plot of less than a few of them still needs its ticks.
        bool whole = plot.Axes.Bottom.Max - plot.Axes.Bottom.Min > 3;
        plot.Axes.Bottom.TickGenerator = new NumericAutomatic { LabelFormatter = Format, IntegerTicksOnly = whole, TickDensity = 0.4 };
        plot.Axes.Left.TickGenerator = new NumericAutomatic { LabelFormatter = Format, TickDensity = 0.4 };
        if (!logarithmic) return;
        var ticks = new NumericManual();
        (double least, double most) = (plot.Axes.Left.Min, plot.Axes.Left.Max);
        foreach (double value in LogarithmicTicks(Math.Pow(10, least), Math.Pow(10, most)))
            ticks.AddMajor(Math.Log10(value), Format(value));
        plot.Axes.Left.TickGenerator = ticks;
        plot.Axes.SetLimitsY(least, most);
    }

    /// <summary>Round values from least to most: the coarsest set of leading digits that has four of them, else equal round steps.</summary>
    internal static double[] LogarithmicTicks(double least, double most)
    {
        int first = (int)Math.Floor(Math.Log10(least)), last = (int)Math.Ceiling(Math.Log10(most));
        int stride = Math.Max((last - first) / 10, 1);
        foreach (int[] digits in new int[][] { [1], [1, 3], [1, 2, 5], [1, 2, 3, 4, 6, 8] })
        {
            double[] ticks = [.. from power in Enumerable.Range(first, last - first + 1)
                                 where power % stride == 0
                                 from digit in digits
                                 let value = double.Parse($"{digit}e{power}", CultureInfo.InvariantCulture)
                                 where value >= least && value <= most
                                 select value];
            if (ticks.Length >= 4) return ticks;
        }
        double rough = (most - least) / 8, unit = Math.Pow(10, Math.Floor(Math.Log10(rough)));
        double step = unit * new[] { 1.0, 2, 5, 10 }.First(factor => factor * unit >= rough * 0.999);
        return [.. Enumerable.Range(0, 9).Select(index => (Math.Ceiling(least / step) + index) * step).Where(value => value > 0 && value <= most)];
    }

    /// <summary>A number as an axis shows it: 0.05, 12.5, 60k, 1.8M, 3e-07.</summary>
    internal static string Format(double value) => Math.Abs(value) switch
    {
        0 => "0",
        < 1e-4 or >= 1e12 => value.ToString("0.###e+00", CultureInfo.InvariantCulture),
        < 1e4 => value.ToString("0.######", CultureInfo.InvariantCulture),
        < 1e6 => (value / 1e3).ToString("0.###k", CultureInfo.InvariantCulture),
        < 1e9 => (value / 1e6).ToString("0.###M", CultureInfo.InvariantCulture),
        _ => (value / 1e9).ToString("0.###G", CultureInfo.InvariantCulture),
    };

    private static void MakeFontKnown()
    {
        lock (_fontLock)
        {
            if (_fontKnown) return;
            using Stream font = typeof(LossPlot).Assembly.GetManifestResourceStream(FontResource)
                ?? throw new InvalidOperationException($"The assembly lacks its resource {FontResource}.");
            using SKData data = SKData.Create(font);
            Fonts.FontResolvers.Insert(0, new EmbeddedFont(SKTypeface.FromData(data)));
            _fontKnown = true;
        }
    }

    /// <summary>Gives ScottPlot the font under its name, in whatever weight and slant is asked for.</summary>
    private sealed class EmbeddedFont(SKTypeface typeface) : IFontResolver
    {
        public SKTypeface? CreateTypeface(string fontName, FontWeight weight, FontSlant slant, FontSpacing spacing) => fontName == FontName ? typeface : null;

        public SKTypeface? CreateTypeface(string fontName, bool bold, bool italic) => fontName == FontName ? typeface : null;
    }
}
