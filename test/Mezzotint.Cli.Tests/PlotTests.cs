using System.Text.Json;
using Mezzotint.Formats;

namespace Mezzotint.Cli.Tests;

public sealed class PlotTests : IDisposable
{
    private static readonly (int Red, int Green, int Blue) Paper = (0xF6, 0xF1, 0xE7);
    private readonly ScratchFolder _scratch = new();

    public void Dispose() => _scratch.Dispose();

    [Theory]
    [InlineData("schedules", 1500, 460, 3)]
    [InlineData("schedules --what log-snr", 1200, 720, 1)]
    [InlineData("levels", 1200, 720, 1)]
    [InlineData("levels --process vp-cosine --levels trailing --levels karras --steps 7", 1200, 720, 1)]
    [InlineData("trajectories --steps 6 --count 5", 1320, 600, 2)]
    [InlineData("error --sampler heun --sampler dopri5 --steps 16", 1200, 800, 1)]
    public void Each_draws_a_picture_with_something_in_every_panel(string plot, int width, int height, int panels)
    {
        string path = _scratch["new folder", "plot.png"];
        var outcome = Command.Run(["plot", .. plot.Split(' '), "--out", path]);
        Assert.Equal((0, ""), (outcome.ExitCode, outcome.Error));
        Assert.StartsWith($"{path}: ", outcome.Out, StringComparison.Ordinal);

        var image = PngFile.Read(path);
        Assert.Equal((3, width, height), (image.Channels, image.Width, image.Height));
        Assert.Equal($"mezzotint {CommandLine.Version}", PngFile.ReadText(path)["Software"]);
        // A vertical stripe of each panel, inside its axes: mostly paper, with lines in it.
        for (int panel = 0; panel < panels; panel++)
        {
            var stripe = (
                from x in Enumerable.Range(width * panel / panels + 140, 100) from y in Enumerable.Range(0, height) select Pixel(
                    image, x, y)).ToList();
            Assert.InRange(stripe.Count(pixel => pixel == Paper), stripe.Count / 2, stripe.Count - 1000);
            Assert.True(stripe.Distinct().Count() > 10);
        }
    }

    [Fact]
    public void Levels_begin_at_the_most_noise_end_at_0_and_equal_ones_share_a_curve()
    {
        var curves = Panels("levels --steps 6").Single().Curves;
        Assert.Equal(
            [
                "karras", "exponential, polyexponential, log-snr", "beta", "linspace, uniform", "leading", "trailing",
                "leading-plus-one", "flow", "lcm",
            ],
            curves.Select(curve => curve.Name));
        Assert.All(curves, curve => Assert.Equal([0, 1, 2, 3, 4, 5, 6], curve.X));
        double[] karras = [80, 24.4, 5.84, 0.965, 0.085, 0.002, 0]; // the table of docs/2-noise.md
        Assert.All(karras.Zip(curves[0].Y), pair => Assert.Equal(pair.First, pair.Second!.Value, pair.First * 0.005));
    }

    [Fact]
    public void Schedules_show_every_process_from_the_image_to_the_noise()
    {
        var panels = Panels("schedules");
        Assert.Equal(["alpha", "sigma", "log-snr"], panels.Select(panel => panel.Title));
        Assert.Equal(
            ["ve", "vp", "vp-scaled-linear", "vp-cosine", "vp-sigmoid", "sub-vp", "edm", "flow"],
            panels[^1].Curves.Select(curve => curve.Name));
        Assert.All(panels[0].Curves, curve => Assert.InRange(curve.Y[0]!.Value, 0.99, 1)); // alpha near the image
        Assert.All(panels[^1].Curves, curve => Assert.True(curve.Y[0] > 2 && curve.Y[^1] < -2)); // half the log-SNR
        Assert.Equal(9.845, panels[1].Curves[0].Y[^1]!.Value, 3); // the table of docs/2-noise.md
    }

    [Theory]
    [InlineData("heun", "karras")]
    [InlineData("ddpm", "exponential")]
    [InlineData("dpmpp-2m-sde", "karras")]      // follows a Brownian path
    [InlineData("euler-ancestral", "polyexponential")]
    [InlineData("euler-maruyama", "uniform")]   // steps in the time of the process
    [InlineData("dopri5", "karras")]
    public void Trajectories_end_where_the_images_are(string sampler, string levels)
    {
        var panels = Panels($"trajectories --sampler {sampler} --levels {levels} --steps 60 --count 30");
        Assert.Equal(30, panels[0].Curves.Length);
        // In units of the standard deviation: two modes, none of the mass beyond 3.
        Assert.All(panels[0].Curves, path => Assert.Equal(61, path.Y.Length));
        Assert.All(panels[0].Curves, path => Assert.InRange(path.Y[^1]!.Value, -3, 3));
        Assert.InRange(panels[0].Curves.Count(path => path.Y[^1] > 0), 8, 28); // 6 of 10 belong above
        Assert.Equal(["images", "noise"], panels[1].Curves.Select(curve => curve.Name));
        Assert.All(panels[1].Curves, curve => Assert.InRange(Integral(curve), 0.9, 1.001));
    }

    [Fact]
    public void A_path_depends_on_its_seed_alone()
    {
        var three = Panels("trajectories --sampler ddpm --steps 5 --count 3 --seed 7")[0].Curves;
        var one = Panels("trajectories --sampler ddpm --steps 5 --count 1 --seed 9")[0].Curves;
        Assert.All(three[2].Y.Zip(one[0].Y), pair => Assert.Equal(pair.First!.Value, pair.Second!.Value, 1e-6));
    }

    [Fact]
    public void The_error_falls_with_the_evaluations_as_the_orders_say()
    {
        var curves = Panels("error --sampler euler --sampler ddim --sampler heun --sampler dopri5 --steps 128").Single().Curves;
        Assert.Equal(["euler, ddim", "heun", "dopri5"], curves.Select(curve => curve.Name));
        Assert.Equal(128, curves[0].X[^1]);
        Assert.Equal(256, curves[1].X[^1]); // two each
        double Order(Curve curve) => Math.Log(curve.Y[^3]!.Value / curve.Y[^1]!.Value) / Math.Log(curve.X[^1] / curve.X[^3]);
        Assert.Equal(1, Order(curves[0]), 0.2);
        Assert.Equal(2, Order(curves[1]), 0.2);
        Assert.InRange(curves[2].Y[^1]!.Value, 0, 1e-7);
    }

    [Fact]
    public void An_empty_name_is_refused()
    {
        var outcome = Command.Run("plot", "error", "--sampler", "", "--out", _scratch["x.png"]);
        Assert.Equal((1, ""), (outcome.ExitCode, outcome.Out));
        Assert.Contains("--sampler is empty", outcome.ErrorLine, StringComparison.Ordinal);
    }

    [Fact]
    public void Figures_are_a_curve_for_each_run_in_the_order_of_the_epochs_and_one_of_real_images()
    {
        string Report(string run, double epochs, double value) => _scratch.Write($"{run}-{epochs}.json",
            JsonSerializer.Serialize(new
            {
                model_name = $"{run} after {epochs} epochs", epochs,
                figures = new { distance = new { value, real = 0.5 }, missing = new { value = (double?)null } },
            }));
        string[] files = [Report("a", 3, 2.5), Report("b", 2, 7), Report("a", 1, 4)];
        var curves = Panels($"figures --figure distance {string.Join(' ', files)}")[0].Curves;
        Assert.Equal(["a", "b", "real images"], curves.Select(curve => curve.Name));
        Assert.Equal((double[])[1, 3], curves[0].X);
        Assert.Equal((double?[])[4, 2.5], curves[0].Y);
        Assert.Equal((double?[])[0.5, 0.5], curves[2].Y);

        string Refused(string file, string key) =>
            Command.Run("plot", "figures", file, "--figure", key, "--out", _scratch["x.png"]).ErrorLine;
        Assert.Contains("has no such figure. It has distance, missing", Refused(files[0], "other"), StringComparison.Ordinal);
        Assert.Contains("has no such figure", Refused(files[0], "missing"), StringComparison.Ordinal);
        Assert.Contains("is no report", Refused(_scratch.Write("other.json", "[1]"), "distance"), StringComparison.Ordinal);
        Assert.Contains("none.json", Refused(_scratch["none.json"], "distance"), StringComparison.Ordinal);
    }

    private sealed record Curve(string Name, double[] X, double?[] Y);

    private sealed record Panel(string Title, Curve[] Curves);

    private Panel[] Panels(string plot)
    {
        var outcome = Command.Run(["plot", .. plot.Split(' '), "--json", "--out", _scratch["plot.png"]]);
        Assert.Equal((0, ""), (outcome.ExitCode, outcome.Error));
        var facts = JsonDocument.Parse(outcome.Out).RootElement;
        Assert.Equal(_scratch["plot.png"], facts.GetProperty("out").GetString());
        return [.. facts.GetProperty("panels").EnumerateArray().Select(panel => new Panel(panel.GetProperty("title").GetString()!,
        [
            .. panel.GetProperty("curves").EnumerateArray().Select(curve => new Curve(curve.GetProperty("name").GetString()!,
                [.. curve.GetProperty("x").EnumerateArray().Select(x => x.GetDouble())],
                [
                    .. curve.GetProperty("y").EnumerateArray().Select(y =>
                        y.ValueKind == JsonValueKind.Null ? (double?)null : y.GetDouble()),
                ])),
        ]))];
    }

    /// <summary>Of a density that lies on its side: its heights are even.</summary>
    private static double Integral(Curve density) => density.X.Sum() * (density.Y[1]!.Value - density.Y[0]!.Value);

    private static (int Red, int Green, int Blue) Pixel(ImageBatch image, int x, int y)
    {
        int plane = image.Height * image.Width, place = y * image.Width + x;
        return (image.Pixels[place], image.Pixels[plane + place], image.Pixels[2 * plane + place]);
    }
}
