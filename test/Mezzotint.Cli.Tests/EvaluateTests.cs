using System.Text.Json;
using Mezzotint.Formats;
using Mezzotint.Models;
using Mezzotint.Networks.Classifiers;

namespace Mezzotint.Cli.Tests;

/// <summary><c>mezzotint evaluate</c> of a tiny model and of files, against a few drawn digits in MNIST's files, with classifiers
/// that know nothing.</summary>
public sealed class EvaluateTests : IDisposable
{
    private readonly ScratchFolder _scratch = new();
    private readonly string _model;

    public EvaluateTests()
    {
        TinyMnist.Write(_scratch["data"], train: 200, test: 40);
        _model = TinyTraining.WriteModel(_scratch["tiny"]);
        foreach (string architecture in Classifier.Architectures)
            WriteClassifier(_scratch[architecture], architecture);
    }

    public void Dispose() => _scratch.Dispose();

    [Fact]
    public void A_model_and_the_file_of_its_images_get_the_same_figures_and_a_page_shows_them()
    {
        var drawn = Json("evaluate", _model, "--count", "40", "--steps", "2", "--likelihood", "2", "--report", "report");
        Assert.Equal(40, drawn.GetProperty("count").GetInt32());
        Assert.Equal(ModelFolder.Hash(_model), drawn.GetProperty("model_sha256").GetString());
        Assert.Equal(
            Classifier.Architectures,
            drawn.GetProperty("classifiers").EnumerateArray().Select(classifier =>
                classifier.GetProperty("architecture").GetString()!));
        Assert.Equal(
            Classifier.Architectures.Select(architecture => ModelFolder.Hash(_scratch[architecture])),
            drawn.GetProperty("classifiers").EnumerateArray()
                .Select(classifier => classifier.GetProperty("sha256").GetString()!));
        Assert.Equal(2, Value(drawn, "evaluations_per_image"));
        Assert.Equal(Bits(), Value(drawn, "bits_per_dimension"), 1e-5);
        foreach (
            var figure in drawn.GetProperty("figures").EnumerateObject().Where(figure =>
                figure.Name is not ("bits_per_dimension" or "evaluations_per_image" or "seconds_per_image")))
            Assert.Equal(JsonValueKind.Number, figure.Value.GetProperty("real").ValueKind);

        Assert.Equal(
            ["index.html", "neighbours.png", "real.png", "report.json", "samples.png", "worst.png"],
            Directory.GetFiles(_scratch["report"]).Select(file => Path.GetFileName(file)).Order(StringComparer.Ordinal));
        var document = Evaluation.Reports.ReportDocument.Read(_scratch["report"]);
        Assert.Equal(drawn.GetProperty("model_sha256").GetString(), document.ModelSha256);
        Assert.Equal(["samples.png", "real.png", "worst.png", "neighbours.png"], document.Pictures.Select(each => each.File));
        foreach (var figure in document.Figures.Where(figure => figure.Value is not null))
            Assert.Equal(Value(drawn, figure.Key), figure.Value!.Value, 1e-9);
        string page = File.ReadAllText(_scratch["report", "index.html"]);
        Assert.Contains(ModelFolder.Hash(_scratch["residual"])!, page, StringComparison.Ordinal);
        // The command on the page is the one that was given, with what it left to defaults.
        string command = System.Net.WebUtility.HtmlDecode(page.Split("<dt>made by</dt><dd>")[1].Split("</dd>")[0]).Split(": ")[1];
        Assert.Matches(
            $"^mezzotint evaluate {System.Text.RegularExpressions.Regex.Escape(_model)} --data data --count 40 --seed [0-9]+ "
            + $"--classifier residual --classifier plain --classifier strided --likelihood 2 "
            + "--sampler euler-maruyama --levels uniform --steps 2$",
            command);
        Assert.DoesNotContain("http", page, StringComparison.Ordinal); // it needs no network

        string report = drawn.ToString();
        Assert.Contains("\"model_name\":\"tiny\",\"epochs\":null", report, StringComparison.Ordinal);
        _scratch.Write("report.json", report.Replace("\"epochs\":null", "\"epochs\":3", StringComparison.Ordinal));
        const string bits = "bits_per_dimension";
        string plotted = Run("plot", "figures", "report.json", "--figure", bits, "--json", "--out", "curve.png").Out;
        var curve = JsonDocument.Parse(plotted).RootElement.GetProperty("panels")[0].GetProperty("curves")[0];
        Assert.Equal(3, curve.GetProperty("x")[0].GetDouble());
        Assert.Equal(Value(drawn, bits), curve.GetProperty("y")[0].GetDouble());

        Run("sample", _model, "--label", "all", "--count", "4", "--steps", "2", "--out", "drawn.npz");
        var read = Json("evaluate", "drawn.npz");
        foreach (
            string key in new[]
            {
                "accuracy_all", "frechet_residual_test", "frechet_pixels_fine_train", "kernel_residual_test", "precision",
                "memorised", "diversity",
            })
            Assert.Equal(Value(drawn, key), Value(read, key), 1e-9);
        Assert.False(read.GetProperty("figures").TryGetProperty("seconds_per_image", out _));
    }

    [Fact]
    public void Images_without_labels_get_the_other_figures_and_the_reason_why()
    {
        Run("sample", _model, "--label", "all", "--count", "2", "--steps", "2", "--out", "folder/");
        Directory.CreateDirectory(_scratch["flat"]);
        foreach (string file in Directory.GetFiles(_scratch["folder"], "*.png", SearchOption.AllDirectories))
            File.Copy(file, _scratch["flat", $"{Path.GetFileName(Path.GetDirectoryName(file))}-{Path.GetFileName(file)}"]);
        var labelled = Json("evaluate", "folder");
        var flat = Json("evaluate", "flat");
        Assert.True(labelled.GetProperty("labelled").GetBoolean());
        Assert.False(flat.GetProperty("labelled").GetBoolean());
        var accuracy = flat.GetProperty("figures").GetProperty("accuracy_all");
        Assert.Equal(JsonValueKind.Null, accuracy.GetProperty("value").ValueKind);
        Assert.Equal("the folder has no subfolders named after the classes", accuracy.GetProperty("missing").GetString());
        Assert.Equal(Value(labelled, "frechet_residual_test"), Value(flat, "frechet_residual_test"), 1e-9);

        string text = Run("evaluate", "flat", "--data", "data", "--classifier", "residual").Out;
        Assert.Contains("left out, the folder has no subfolders named after the classes", text, StringComparison.Ordinal);
        Assert.Contains($"SHA-256 {ModelFolder.Hash(_scratch["residual"])}", text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("evaluate empty", "empty has no class folders with images, and no images itself: put PNG")]
    [InlineData("evaluate nowhere.npz", "nowhere.npz")]
    [InlineData("evaluate flat.npz", "'flat.npz': 'images' is [20, 784]; it must be [images, rows, columns]")]
    [InlineData("evaluate small.npz", "'small.npz' has images of 1 x 14 x 14, data test of 1 x 28 x 28")]
    [InlineData("evaluate few.npz", "few.npz has 3 images: figures of fewer than 10 mean nothing. Take more.")]
    [InlineData("evaluate labels.npz", "'labels.npz': 'labels' is [3]; it must have one label for each of the 20 images.")]
    [InlineData("evaluate other.npz", "'other.npz' has no array 'images' or 'arr_0': it holds 'pictures'.")]
    [InlineData("evaluate good.npz --classifier nobody", "--classifier 'nobody' is no classifier")]
    [InlineData("evaluate good.npz --classifier tiny", "--classifier 'tiny' is no classifier")]
    [InlineData(
        "evaluate good.npz --classifier residual --classifier residual", "Two of the classifiers are of one architecture")]
    [InlineData("evaluate residual", "'residual' is a classifier, which draws nothing")]
    [InlineData("sample residual", "'residual' is a classifier, which draws nothing")]
    public void A_mistake_is_one_line_with_its_remedy(string commandLine, string expected)
    {
        Directory.CreateDirectory(_scratch["empty"]);
        TensorData Zeros(params long[] shape) =>
            new(ElementType.UInt8, shape, new byte[shape.Aggregate(1L, (product, length) => product * length)]);
        NpzFile.Write(_scratch["flat.npz"], ("images", Zeros(20, 784)));
        NpzFile.Write(_scratch["small.npz"], ("images", Zeros(20, 14, 14)));
        NpzFile.Write(_scratch["few.npz"], ("images", Zeros(3, 28, 28)));
        NpzFile.Write(_scratch["labels.npz"], ("images", Zeros(20, 28, 28)), ("labels", Zeros(3)));
        NpzFile.Write(_scratch["other.npz"], ("pictures", Zeros(20, 28, 28)));
        NpzFile.Write(_scratch["good.npz"], ("images", Zeros(20, 28, 28)));
        string[] args = commandLine.StartsWith("evaluate", StringComparison.Ordinal)
            ? [.. commandLine.Split(' '), "--data", "data"] : commandLine.Split(' ');
        if (!args.Contains("--classifier") && args[0] == "evaluate")
            args = [.. args, "--classifier", "residual"];

        var outcome = Command.RunIn(_scratch.Path, args);
        Assert.Equal((1, ""), (outcome.ExitCode, outcome.Out));
        Assert.Contains(expected, outcome.ErrorLine, StringComparison.Ordinal);
    }

    [Fact]
    public void A_classifier_is_trained_and_kept_with_what_it_can_do()
    {
        var trained = JsonDocument.Parse(
            Run("train-classifier", "--architecture", "plain", "--data", "data", "--epochs", "1", "--out", "new", "--json")
                .Out).RootElement;
        using var kept = ClassifierFolder.Read(_scratch["new"]);
        Assert.Equal(
            (kept.Hash, kept.Info.TestAccuracy),
            (trained.GetProperty("sha256").GetString(), trained.GetProperty("test_accuracy").GetDouble()));
        Assert.Contains($"SHA-256 `{kept.Hash}`", File.ReadAllText(_scratch["new", "README.md"]), StringComparison.Ordinal);
        // Again over itself is no mistake; the same seed gives the same weights.
        byte[][] before = Weights();
        Run("train-classifier", "--architecture", "plain", "--data", "data", "--epochs", "1", "--out", "new");
        Assert.Equal(Weights(), before);

        byte[][] Weights() =>
            [.. SafetensorsFile.Read(_scratch["new", ModelFolder.WeightsFile]).Tensors.Values
                .Select(tensor => tensor.Bytes.ToArray())];
    }

    private double Bits() =>
        JsonDocument.Parse(Run("likelihood", _model, "--data", "data", "--count", "2", "--json").Out).RootElement.GetProperty(
            "bits_per_dimension").GetDouble();

    private Outcome Run(params string[] args)
    {
        var outcome = Command.RunIn(_scratch.Path, args);
        Assert.True(outcome.ExitCode == 0, outcome.Error);
        return outcome;
    }

    private JsonElement Json(params string[] args) =>
        JsonDocument.Parse(Run([
            .. args, "--data", "data", .. Classifier.Architectures.SelectMany(name => new[] { "--classifier", name }), "--json",
        ]).Out)
            .RootElement;

    private static double Value(JsonElement evaluated, string key) =>
        evaluated.GetProperty("figures").GetProperty(key).GetProperty("value").GetDouble();

    private static void WriteClassifier(string folder, string architecture)
    {
        var config = new ClassifierConfig { Architecture = architecture };
        using var network = Classifier.Create(config, seed: 3);
        ClassifierFolder.Write(folder, network, new ClassifierInfo
        {
            Name = $"untrained {architecture}",
            Network = config,
            ClassNames = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"],
            Dataset = "nothing",
            Epochs = 1,
            Provenance = "A test made it.",
        });
    }
}
