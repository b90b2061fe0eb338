using System.Diagnostics;
using System.Text.Json;
using Mezzotint.Data;
using Mezzotint.Formats;

namespace Mezzotint.Cli.Tests;

/// <summary><c>mezzotint evaluate --features</c>: distances in a space of the user's; and images for other evaluators.</summary>
public sealed class EvaluateFeaturesTests : IDisposable
{
    private readonly ScratchFolder _scratch = new();
    private readonly string _model;

    public EvaluateFeaturesTests()
    {
        TinyMnist.Write(_scratch["data"], train: 120, test: 30);
        _model = TinyTraining.WriteModel(_scratch["tiny"]);
    }

    public void Dispose() => _scratch.Dispose();

    [Theory]
    [InlineData(0, null)]
    [InlineData(0, "-1,1")]
    [InlineData(14, null)]
    public void The_distance_is_that_of_the_networks_output_and_its_name_says_how_images_were_brought_there(
        int side, string? range)
    {
        // The mean brightness, three times: a distance that is known without a matrix. Linear interpolation to the half keeps it.
        WriteNetwork(_scratch["mean.onnx"], "images", side > 0 ? ["batch", 3, side, side] : ["batch", 3, "height", "width"]);
        string[] more = range is null ? [] : ["--features-range", range];
        var drawn = Json(["evaluate", _model, "--count", "30", "--steps", "2", "--likelihood", "0", "--features", "mean.onnx",
            "--out", "drawn.npz", "--data", "data", "--json", .. more]);
        var figures = drawn.GetProperty("figures");
        var test = DataSource.Load(_scratch["data"], train: false);
        byte[] made = NpzFile.Read(_scratch["drawn.npz"])["arr_0"].Bytes.ToArray();
        double scale = range is null ? 1 : 2;
        var (m1, s1) = MeanAndDeviation(i => made.AsSpan(i * 2352, 2352).ToArray());
        var (m2, s2) = MeanAndDeviation(i => test.Image(i).ToArray());
        double expected = 3 * scale * scale * ((m1 - m2) * (m1 - m2) + (s1 - s2) * (s1 - s2)) / (255 * 255);
        Assert.Equal(expected, figures.GetProperty("frechet_features_test").GetProperty("value").GetDouble(), 1e-5 * scale);
        foreach (string key in (string[])["frechet_features_train", "kernel_features_test", "precision", "recall"])
            Assert.Equal(JsonValueKind.Number, figures.GetProperty(key).GetProperty("real").ValueKind);
        Assert.Contains(
            side > 0 ? "output 'features' of mean.onnx, images brought to 14 x 14 by linear interpolation"
                : "output 'features' of mean.onnx, images at their own size",
            Run(["evaluate", "drawn.npz", "--features", "mean.onnx", "--data", "data", .. more]).Out, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("nowhere.onnx", "--features 'nowhere.onnx' is not there")]
    [InlineData("text.onnx", "is no network that ONNX Runtime reads")]
    [InlineData("two.onnx", "has 2 inputs (images, t)")]
    [InlineData("whole.onnx", "takes no images: its input 'images' is Int64")]
    [InlineData("flat.onnx", "takes no images: its input 'images' is Single [-1, 784], and images are [batch, channels, height")]
    [InlineData("five.onnx", "images have 1 or 3 channels, first or last")]
    [InlineData("one.onnx", "gives no features: its output 'features' is [30] for 30 images")]
    [InlineData("fixed.onnx --features-range 1,0", "--features-range")]
    [InlineData(null, "--features-range is for --features")]
    public void A_network_that_is_none_of_images_is_refused_in_one_line_before_the_drawing(string? arguments, string expected)
    {
        _scratch.Write("text.onnx", "no network");
        WriteNetwork(_scratch["two.onnx"], "images", ["batch", 3, 8, 8], graph => graph.Input("t", false, "batch"));
        WriteNetwork(_scratch["whole.onnx"], "images", ["batch", 3, 8, 8], whole: true);
        WriteNetwork(_scratch["flat.onnx"], "images", ["batch", 784], axes: [1]);
        WriteNetwork(_scratch["five.onnx"], "images", ["batch", 5, 8, 8]);
        WriteNetwork(_scratch["one.onnx"], "images", ["batch", 3, 8, 8], axes: [1, 2, 3]);
        WriteNetwork(_scratch["fixed.onnx"], "images", ["batch", 3, 8, 8]);
        string[] features = arguments is null ? ["--features-range", "0,1"] : ["--features", .. arguments.Split(' ')];
        var outcome = Command.RunIn(_scratch.Path, [
            "evaluate", _model, "--count", "30", "--steps", "2", "--likelihood", "0", "--data", "data", .. features]);
        Assert.Equal((1, ""), (outcome.ExitCode, outcome.Out));
        Assert.Contains(expected, outcome.ErrorLine, StringComparison.Ordinal);
    }

    [Fact]
    public void Drawn_images_are_read_by_numpy_as_evaluators_of_other_projects_read_them()
    {
        Run(["evaluate", _model, "--count", "20", "--steps", "2", "--likelihood", "0", "--data", "data", "--out", "drawn.npz"]);
        const string program = """
            import sys, numpy
            with numpy.load(sys.argv[1]) as file:
                images, labels = file["arr_0"], file["arr_1"]
            assert images.dtype == numpy.uint8 and images.ndim == 4 and images.shape[3] == 3, images.shape
            assert labels.shape == images.shape[:1] and labels.dtype == numpy.int64, labels.shape
            assert (images[..., 0] == images[..., 2]).all()
            print(*images.shape, images.astype(numpy.int64).sum(), *labels)
            """;
        var start = new ProcessStartInfo(File.Exists("/usr/bin/python3") ? "/usr/bin/python3" : "python3",
            ["-c", program, _scratch["drawn.npz"]]) { RedirectStandardInput = true, RedirectStandardOutput = true,
                RedirectStandardError = true };
        using var process = Started(start);
        Assert.SkipWhen(process is null, "There is no python3 on the path, which has to read the arrays with NumPy.");
        var read = Command.Finish(process!);
        Assert.SkipWhen(read.Error.Contains("No module named 'numpy'", StringComparison.Ordinal), "python3 has no NumPy here.");
        Assert.True(read.ExitCode == 0, read.Error);
        long sum = NpzFile.Read(_scratch["drawn.npz"])["arr_0"].Bytes.ToArray().Sum(pixel => (long)pixel);
        string labels = string.Join(' ', Enumerable.Range(0, 20).Select(i => i / 2));
        Assert.Equal($"20 28 28 3 {sum} {labels}", read.Out.Trim());
    }

    private static Process? Started(ProcessStartInfo start)
    {
        try
        {
            return Process.Start(start);
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return null;
        }
    }

    /// <summary>A network whose features are the means over some axes.</summary>
    private static void WriteNetwork(
        string path, string input, object[] shape, Action<OnnxGraph>? more = null, bool whole = false, long[]? axes = null)
    {
        var graph = new OnnxGraph();
        graph.Input(input, whole, shape);
        more?.Invoke(graph);
        string real = whole ? graph.Add("Cast", [input], ("to", 1)) : input;
        string mean = graph.Add("ReduceMean", [real], ("axes", axes ?? [2, 3]), ("keepdims", 0));
        graph.Output("features", mean, axes is { Length: 3 } ? ["batch"] : ["batch", "length"]);
        File.WriteAllBytes(path, graph.Model("means", "The mean of each channel.", []).ToArray());
    }

    /// <summary>Of the brightness of 30 images.</summary>
    private static (double Mean, double Deviation) MeanAndDeviation(Func<int, byte[]> image)
    {
        double[] values = [.. Enumerable.Range(0, 30).Select(i => image(i).Average(pixel => (double)pixel))];
        double mean = values.Average();
        return (mean, Math.Sqrt(values.Sum(value => (value - mean) * (value - mean)) / (values.Length - 1)));
    }

    private JsonElement Json(string[] args) => JsonDocument.Parse(Run(args).Out).RootElement;

    private Outcome Run(string[] args)
    {
        var outcome = Command.RunIn(_scratch.Path, args);
        Assert.True(outcome.ExitCode == 0, outcome.Error);
        return outcome;
    }
}
