using CsCheck;
using Mezzotint.Formats;
using Mezzotint.Plots;
using Mezzotint.Tests.Formats;

namespace Mezzotint.Tests.Plots;

public sealed class LinePlotTests : IDisposable
{
    private const int Width = 800, Height = 500;
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private ImageBatch Draw(string title, string xLabel, string yLabel, bool logarithmic, params PlotSeries[] series)
    {
        var plot = new LinePlot
        {
            Title = title, XLabel = xLabel, YLabel = yLabel, Series = series, LogarithmicY = logarithmic,
            Width = Width, Height = Height,
        };
        plot.Write(_folder.File("loss.png"));
        return PngFile.Read(_folder.File("loss.png"));
    }

    private static readonly PlotSeries _train = new("train", [1, 2, 3, 4, 5], [61, 30, 20, 17, 16]);
    private static readonly PlotSeries _eval = new("eval", [1, 2, 3, 4, 5], [58, 31, 22, 18, 17]);

    // Text is silently blank where Skia finds no font: this is the test that sees it.
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Title_labels_and_numbers_are_drawn_in_ink(bool logarithmic)
    {
        ImageBatch plot = Draw("a title", "epoch", "loss", logarithmic, _train, _eval);
        Assert.True(Ink(plot, top: 0, bottom: 45, left: 300, right: 500) > 60, "title");
        Assert.True(Ink(plot, top: 465, bottom: Height, left: 380, right: 480) > 60, "horizontal label");
        Assert.True(Ink(plot, top: 150, bottom: 350, left: 0, right: 40) > 60, "vertical label");
        Assert.True(Ink(plot, top: 432, bottom: 460, left: 80, right: Width) > 60, "numbers");
    }

    [Fact]
    public void Labels_of_spaces_leave_no_ink_in_the_same_places()
    {
        ImageBatch plot = Draw(" ", " ", " ", logarithmic: false, _train, _eval);
        Assert.Equal(0, Ink(plot, top: 0, bottom: 45, left: 300, right: 500));
        Assert.Equal(0, Ink(plot, top: 465, bottom: Height, left: 380, right: 480));
        Assert.Equal(0, Ink(plot, top: 150, bottom: 350, left: 0, right: 40));
    }

    [Fact]
    public void The_first_curve_is_copper_the_second_is_not_and_the_ground_is_paper()
    {
        ImageBatch one = Draw("", "epoch", "loss", logarithmic: false, _train),
            two = Draw("", "epoch", "loss", logarithmic: false, _train, _eval);
        Assert.True(Count(one, 0xB0, 0x60, 0x2A) > 500);
        Assert.Equal(0, Count(one, 0x3F, 0x6F, 0x73));
        Assert.True(Count(two, 0x3F, 0x6F, 0x73) > 500);
        Assert.Equal((0xF6, 0xF1, 0xE7), Pixel(one, 0));
        Assert.True(Count(one, 0xF6, 0xF1, 0xE7) > Width * Height / 2);
    }

    [Fact]
    public void Many_curves_all_look_different()
    {
        // Flat ones at even heights: each is told from the others by its colour, or by how much of its line is there.
        PlotSeries[] curves = [.. Enumerable.Range(0, 20).Select(i => new PlotSeries("", [0, 100], [i, i]) { Markers = false })];
        ImageBatch plot = Draw("", "x", "y", logarithmic: false, curves);
        var looks = new HashSet<(int Red, int Green, int Blue, int Part)>();
        for (int y = 0; y < Height; y++)
        {
            var colored = Enumerable.Range(100, Width - 150).Select(x => Pixel(plot, y * Width + x)).Where(pixel =>
                Saturated(pixel)).ToList();
            if (colored.Count < 150)
                continue;
            var (red, green, blue) = colored.GroupBy(pixel => pixel).MaxBy(group => group.Count())!.Key;
            looks.Add((red, green, blue, colored.Count * 6 / (Width - 150)));
        }
        Assert.True(looks.Count >= 20, $"{looks.Count} looks");
    }

    [Fact]
    public void A_legend_keeps_away_from_the_points()
    {
        // The same curve falls and rises: the legend is where it is not, on the right of the one and on the left of the other.
        var falling = new PlotSeries("loss of the training", [1, 2, 3, 4, 5], [61, 30, 20, 17, 16]);
        ImageBatch right = Draw("", "x", "y", logarithmic: false, falling),
            left = Draw("", "x", "y", logarithmic: false, falling with { Y = [16, 17, 20, 30, 61] });
        Assert.True(
            Ink(right, top: 0, bottom: 45, left: 500, right: 780) > 200
                && Ink(right, top: 0, bottom: 45, left: 90, right: 400) == 0);
        Assert.True(
            Ink(left, top: 0, bottom: 45, left: 500, right: 780) == 0
                && Ink(left, top: 0, bottom: 45, left: 90, right: 400) > 200);
    }

    [Fact]
    public void The_legend_of_many_curves_stands_beside_the_plot()
    {
        // Whatever the curves fill, the copper of the first is seen from end to end.
        PlotSeries[] curves = [.. Enumerable.Range(0, 9).Select(i => new PlotSeries($"curve number {i}", [0, 1], [i, i]))];
        ImageBatch plot = Draw("", "x", "y", logarithmic: false, curves);
        int rightmost = Enumerable.Range(0, Width * Height).Where(place =>
            Pixel(plot, place) == (0xB0, 0x60, 0x2A) && place / Width > 380).Max(place => place % Width);
        Assert.True(rightmost < 650, $"{rightmost}");
        Assert.True(Ink(plot, top: 20, bottom: 400, left: 660, right: Width) > 600);
    }

    [Fact]
    public void A_reversed_axis_mirrors_the_curve_and_a_logarithmic_one_makes_powers_even()
    {
        var powers = new PlotSeries("", [1, 10, 100, 1000], [0, 1, 2, 3]) { Markers = false };
        var plot = new LinePlot
            { Title = "", XLabel = "x", YLabel = "y", Series = [powers], LogarithmicX = true, Width = Width, Height = Height };
        (double Left, double Middle, double Right) Heights(LinePlot drawn)
        {
            drawn.Write(_folder.File("power.png"));
            ImageBatch image = PngFile.Read(_folder.File("power.png"));
            double[] columns =
            [
                .. Enumerable.Range(0, Width).Select(x =>
                    Enumerable.Range(0, Height).Where(y => Pixel(image, y * Width + x) == (0xB0, 0x60, 0x2A)).Select(y =>
                        (double)y).DefaultIfEmpty(-1).Average()),
            ];
            int first = Array.FindIndex(columns, y => y >= 0), last = Array.FindLastIndex(columns, y => y >= 0);
            return (columns[first], columns[(first + last) / 2], columns[last]);
        }
        var (left, middle, right) = Heights(plot);
        Assert.True(left > right, "up to the right"); // rows count from above
        Assert.Equal((left + right) / 2, middle, 3.0); // straight
        Assert.True(Heights(plot with { ReversedX = true }) is var mirrored && mirrored.Left < mirrored.Right);
    }

    [Fact]
    public void Plots_side_by_side_are_each_the_plot_alone()
    {
        var one = new LinePlot { Title = "one", XLabel = "x", YLabel = "y", Series = [_train], Width = 400, Height = 300 };
        var other = new LinePlot { Title = "other", XLabel = "x", YLabel = "y", Series = [_eval], Width = 350, Height = 260 };
        ImageBatch both = LinePlot.Render([one, other]), left = LinePlot.Render([one]), right = LinePlot.Render([other]);
        Assert.Equal((750, 300), (both.Width, both.Height));
        for (int y = 0; y < 300; y += 7)
            for (int x = 0; x < 350; x += 3)
            {
                Assert.Equal(Pixel(left, y * 400 + x), Pixel(both, y * 750 + x));
                Assert.Equal(y < 260 ? Pixel(right, y * 350 + x) : (0xF6, 0xF1, 0xE7), Pixel(both, y * 750 + 400 + x));
            }
        Assert.Throws<ArgumentException>(() => LinePlot.Write(_folder.File("none.png"), []));
    }

    [Fact]
    public void Points_that_cannot_be_drawn_are_left_out()
    {
        var broken = new PlotSeries("broken", [1, 2, 3, 4, double.NaN], [double.NaN, double.PositiveInfinity, 0, -1, 5]);
        ImageBatch without = Draw("t", "x", "y", logarithmic: true, _train),
            with = Draw("t", "x", "y", logarithmic: true, _train, broken);
        Assert.Equal(without.Pixels, with.Pixels);
    }

    [Fact]
    public void Any_numbers_and_none_make_a_plot()
    {
        Gen.Select(Gen.Select(Gen.Double, Gen.Double).Array[0, 5], Gen.Int[0, 9], Gen.Bool, Gen.Bool, Gen.Bool)
            .Sample((points, curves, logarithmicX, logarithmicY, reversed) =>
            new LinePlot
            {
                Title = "any",
                XLabel = "x",
                YLabel = "y",
                Series =
                [
                    .. Enumerable.Range(0, curves).Select(i =>
                        new PlotSeries(
                            $"curve {i}", [.. points.Select(point => point.Item1)], [.. points.Select(point => point.Item2)])),
                ],
                LogarithmicX = logarithmicX,
                LogarithmicY = logarithmicY,
                ReversedX = reversed,
                Width = 320,
                Height = 240,
            }.Write(_folder.File("any.png")), iter: 60, threads: 1);
    }

    [Fact]
    public void Logarithmic_ticks_are_round_enough_and_few()
    {
        Assert.Equal([15, 20, 25, 30, 35, 40], PlotTicks.LogarithmicTicks(12.5, 43));
        Assert.Equal([0.03, 0.1, 0.3, 1, 3], PlotTicks.LogarithmicTicks(0.02, 3.5));
        (from least in Gen.Double[-90, 90] from decades in Gen.Double[0.001, 20] select (least, decades)).Sample(
            (least, decades) =>
        {
            (double low, double high) = (Math.Pow(10, least), Math.Pow(10, least + decades));
            double[] ticks = PlotTicks.LogarithmicTicks(low, high);
            Assert.InRange(ticks.Length, 2, 24);
            Assert.All(ticks, tick => Assert.InRange(tick, low * (1 - 1e-9), high * (1 + 1e-9)));
            Assert.Equal(ticks.Order(), ticks);
        });
    }

    [Fact]
    public void Numbers_on_axes_are_short()
    {
        Assert.Equal(["0", "0.05", "12.5", "9000", "60k", "1.8M", "-2M", "3e-07", "1e+12"],
            new[] { 0, 0.05, 12.5, 9000, 60000, 1.8e6, -2e6, 3e-7, 1e12 }.Select(PlotTicks.Format));
    }

    [Fact]
    public void A_range_of_the_vertical_axis_is_kept_whatever_the_curves_fill()
    {
        // One curve at half of its range: in the middle of an axis from 0 to 20, at the top of one that the curve makes itself.
        var plot = new LinePlot
        {
            Title = "", XLabel = "", YLabel = "", Series = [new("", [0, 1], [10, 10]) { Markers = false }], YRange = (0, 20),
            Width = 400, Height = 240,
        };
        LinePlot.Write(
            _folder.File("range.png"), [plot, plot with { YRange = (0, 10.5) }],
            new Dictionary<string, string> { ["Title"] = "ranges" });
        ImageBatch image = PngFile.Read(_folder.File("range.png"));
        double Row(int column) =>
            Enumerable.Range(0, 240).Where(y => Pixel(image, y * 800 + column) == (0xB0, 0x60, 0x2A)).Average();
        Assert.InRange(Row(200), 80, 120);
        Assert.InRange(Row(600), 0, 20);
        Assert.Equal("ranges", PngFile.ReadText(_folder.File("range.png"))["Title"]);
    }

    [Theory]
    [InlineData(1, 1, false)]
    [InlineData(2, 1, false)]
    [InlineData(0, 1, true)]
    [InlineData(double.NaN, 1, false)]
    [InlineData(0, double.PositiveInfinity, false)]
    public void A_range_of_nothing_is_refused(double least, double most, bool logarithmic)
    {
        var plot = new LinePlot
            { Title = "", XLabel = "", YLabel = "", Series = [], LogarithmicY = logarithmic, YRange = (least, most) };
        string message = Assert.Throws<ArgumentException>(() => LinePlot.Render([plot])).Message;
        Assert.Contains("The vertical axis from", message, StringComparison.Ordinal);
    }

    [Fact]
    public void Curves_of_two_lengths_are_refused()
    {
        Assert.Contains(
            "odd has 2 x and 1 y",
            Assert.Throws<ArgumentException>(() => Draw("", "", "", false, new PlotSeries("odd", [1, 2], [1]))).Message,
            StringComparison.Ordinal);
    }

    /// <summary>Counts the pixels that are dark in all channels, which neither paper nor hairlines nor the two curves
    /// are.</summary>
    private static int Ink(ImageBatch image, int top, int bottom, int left, int right) =>
        (from y in Enumerable.Range(top, bottom - top)
         from x in Enumerable.Range(left, right - left)
         let pixel = Pixel(image, y * image.Width + x)
         where pixel.Red < 110 && pixel.Green < 110 && pixel.Blue < 110
         select pixel).Count();

    /// <summary>Neither paper, nor ink, nor hairline: a colour of a curve, all of which differ from grey or are darker than the
    /// hairlines.</summary>
    private static bool Saturated((int Red, int Green, int Blue) pixel) => pixel.Blue is > 30 and < 150;

    private static int Count(ImageBatch image, int red, int green, int blue) =>
        Enumerable.Range(0, image.Height * image.Width).Count(place => Pixel(image, place) == (red, green, blue));

    private static (int Red, int Green, int Blue) Pixel(ImageBatch image, int place)
    {
        int plane = image.Height * image.Width;
        return (image.Pixels[place], image.Pixels[plane + place], image.Pixels[2 * plane + place]);
    }
}
