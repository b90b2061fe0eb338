using CsCheck;
using Mezzotint.IO;

namespace Mezzotint.Tests.IO;

public sealed class LossPlotTests : IDisposable
{
    private const int Width = 800, Height = 500;
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private ImageBatch Draw(string title, string xLabel, string yLabel, bool logarithmic, params PlotSeries[] series)
    {
        LossPlot.Write(_folder.File("loss.png"), title, xLabel, series, logarithmic, yLabel, Width, Height);
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
        ImageBatch one = Draw("", "epoch", "loss", logarithmic: false, _train), two = Draw("", "epoch", "loss", logarithmic: false, _train, _eval);
        Assert.True(Count(one, 0xB0, 0x60, 0x2A) > 500);
        Assert.Equal(0, Count(one, 0x3F, 0x6F, 0x73));
        Assert.True(Count(two, 0x3F, 0x6F, 0x73) > 500);
        Assert.Equal((0xF6, 0xF1, 0xE7), Pixel(one, 0));
        Assert.True(Count(one, 0xF6, 0xF1, 0xE7) > Width * Height / 2);
    }

    [Fact]
    public void Points_that_cannot_be_drawn_are_left_out()
    {
        var broken = new PlotSeries("broken", [1, 2, 3, 4, double.NaN], [double.NaN, double.PositiveInfinity, 0, -1, 5]);
        ImageBatch without = Draw("t", "x", "y", logarithmic: true, _train), with = Draw("t", "x", "y", logarithmic: true, _train, broken);
        Assert.Equal(without.Pixels, with.Pixels);
    }

    [Fact]
    public void Any_numbers_and_none_make_a_plot()
    {
        (from points in Gen.Select(Gen.Double, Gen.Double).Array[0, 5] from logarithmic in Gen.Bool select (points, logarithmic)).Sample((points, logarithmic) =>
            LossPlot.Write(_folder.File("any.png"), "any", "x", [new("curve", [.. points.Select(point => point.Item1)], [.. points.Select(point => point.Item2)])], logarithmic, width: 320, height: 240),
            iter: 60, threads: 1);
    }

    [Fact]
    public void Logarithmic_ticks_are_round_enough_and_few()
    {
        Assert.Equal([15, 20, 25, 30, 35, 40], LossPlot.LogarithmicTicks(12.5, 43));
        Assert.Equal([0.03, 0.1, 0.3, 1, 3], LossPlot.LogarithmicTicks(0.02, 3.5));
        (from least in Gen.Double[-90, 90] from decades in Gen.Double[0.001, 20] select (least, decades)).Sample((least, decades) =>
        {
            (double low, double high) = (Math.Pow(10, least), Math.Pow(10, least + decades));
            double[] ticks = LossPlot.LogarithmicTicks(low, high);
            Assert.InRange(ticks.Length, 2, 24);
            Assert.All(ticks, tick => Assert.InRange(tick, low * (1 - 1e-9), high * (1 + 1e-9)));
            Assert.Equal(ticks.Order(), ticks);
        });
    }

    [Fact]
    public void Numbers_on_axes_are_short()
    {
        Assert.Equal(["0", "0.05", "12.5", "9000", "60k", "1.8M", "-2M", "3e-07", "1e+12"],
            new[] { 0, 0.05, 12.5, 9000, 60000, 1.8e6, -2e6, 3e-7, 1e12 }.Select(LossPlot.Format));
    }

    [Fact]
    public void Curves_of_two_lengths_are_refused()
    {
        Assert.Throws<ArgumentException>("series", () => LossPlot.Write(_folder.File("loss.png"), "", "", [new("odd", [1, 2], [1])]));
    }

    /// <summary>Counts the pixels that are dark in all channels, which neither paper nor hairlines nor the two curves are.</summary>
    private static int Ink(ImageBatch image, int top, int bottom, int left, int right) =>
        (from y in Enumerable.Range(top, bottom - top)
         from x in Enumerable.Range(left, right - left)
         let pixel = Pixel(image, y * image.Width + x)
         where pixel.Red < 110 && pixel.Green < 110 && pixel.Blue < 110
         select pixel).Count();

    private static int Count(ImageBatch image, int red, int green, int blue) =>
        Enumerable.Range(0, image.Height * image.Width).Count(place => Pixel(image, place) == (red, green, blue));

    private static (int Red, int Green, int Blue) Pixel(ImageBatch image, int place)
    {
        int plane = image.Height * image.Width;
        return (image.Pixels[place], image.Pixels[plane + place], image.Pixels[2 * plane + place]);
    }
}
