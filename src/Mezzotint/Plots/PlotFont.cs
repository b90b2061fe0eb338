using ScottPlot;
using SkiaSharp;

namespace Mezzotint.Plots;

/// <summary>The letters of plots: DejaVu Sans Condensed, which the assembly carries, because Skia as it ships for Linux knows no
/// font of the system's.</summary>
internal static class PlotFont
{
    public const string Name = "DejaVu Sans Condensed";

    private const string Resource = "Mezzotint.Plots.Fonts.DejaVuSansCondensed.ttf";
    private static readonly Lock _lock = new();
    private static bool _known;

    /// <summary>Makes ScottPlot know it; once is enough, more does no harm.</summary>
    public static void MakeKnown()
    {
        lock (_lock)
        {
            if (_known) return;
            using Stream font = typeof(PlotFont).Assembly.GetManifestResourceStream(Resource)
                ?? throw new InvalidOperationException($"The assembly lacks its resource {Resource}.");
            using SKData data = SKData.Create(font);
            Fonts.FontResolvers.Insert(0, new Embedded(SKTypeface.FromData(data)));
            _known = true;
        }
    }

    /// <summary>Gives ScottPlot the font under its name, in whatever weight and slant is asked for.</summary>
    private sealed class Embedded(SKTypeface typeface) : IFontResolver
    {
        public SKTypeface? CreateTypeface(string fontName, FontWeight weight, FontSlant slant, FontSpacing spacing) =>
            fontName == Name ? typeface : null;

        public SKTypeface? CreateTypeface(string fontName, bool bold, bool italic) => fontName == Name ? typeface : null;
    }
}
