using System.Text.Json.Nodes;
using System.Text.Json;
using Mezzotint.Formats;
using Mezzotint.Models;
using Mezzotint.Networks.Classifiers;

namespace Mezzotint.Cli.Tests;

/// <summary>Folders of pictures on the command line: what is left out is said once, and the background is the one that was asked
/// for.</summary>
public sealed class PictureFolderTests : IDisposable
{
    private static readonly byte[] Tiff = [.. "II*\0"u8, 8, 0, 0, 0];

    // The smallest GIF file there is: one white pixel.
    private static readonly byte[] Gif =
    [
        .. "GIF89a"u8, 1, 0, 1, 0, 0x80, 0, 0, 255, 255, 255, 0, 0, 0, 0x2C, 0, 0, 0, 0, 1, 0, 1, 0, 0, 2, 2, 0x44, 1, 0, 0x3B,
    ];

    private readonly ScratchFolder _scratch = new();

    public void Dispose() => _scratch.Dispose();

    [Fact]
    public void Show_takes_gif_and_says_what_it_leaves_out()
    {
        foreach (string part in new[] { "train", "test" })
            PngFile.Write(File("data", part, "a", "0.png"), new ImageBatch(1, 1, 1, 1, [7]));
        System.IO.File.WriteAllBytes(File("data", "train", "a", "x.gif"), Gif);
        System.IO.File.WriteAllBytes(File("data", "train", "a", "x.tif"), Tiff);
        var shown = Command.RunIn(_scratch.Path, "data", "show", "data", "--out", "g.png");
        Assert.Equal(
            $"data train: left out 1 file of a format that is not read: train/a/x.tif{Environment.NewLine}", shown.Error);
        Assert.Contains("2 images of data train", shown.Out, StringComparison.Ordinal);
    }

    [Fact]
    public void A_training_says_once_what_it_leaves_out_and_keeps_it_in_the_log_with_the_background()
    {
        WriteShapes("pictures", count: 60);
        System.IO.File.WriteAllBytes(File("pictures", "0", "x.tif"), Tiff);
        Directory.CreateDirectory(File("pictures", "__MACOSX", "0"));
        System.IO.File.WriteAllText(File("tiny.toml"), TinyTraining.Toml);
        string[] settings = ["data.name=pictures", "data.background=white", "data.train_count=0", "data.test_count=0",
            "training.epochs=1", "training.batch_size=16"];
        string[] overrides = [.. settings.SelectMany(setting => new[] { "--set", setting })];
        var trained = Command.RunIn(_scratch.Path, ["train", "tiny.toml", "--out", "run", "--json", .. overrides]);
        Assert.True(trained.ExitCode == 0, trained.Error);
        Assert.Equal(1, Count(trained.Error, "left out 1 file of a format that is not read: 0/x.tif"));
        Assert.Equal(1, Count(trained.Error, "left out 1 hidden file or folder: __MACOSX/"));
        var data = JsonNode.Parse(System.IO.File.ReadLines(File("run", "log.jsonl")).First())!["data"]!;
        Assert.Equal(60, (int)data["train"]!["images"]! + (int)data["test"]!["images"]!);
        var reading = data["train"]!["reading"]!;
        Assert.Equal("white", (string)reading["background"]!);
        Assert.Equal("0/x.tif", (string)reading["notes"]!["format"]!["first"]![0]!);
        Assert.Equal(1, (int)reading["notes"]!["hidden"]!["count"]!);

        string config = System.IO.File.ReadAllText(File("run", "config.toml"));
        Assert.Contains("background = \"white\"", config, StringComparison.Ordinal);
        using var model = ModelFolder.Read(File("run", "model"));
        Assert.Equal("white", model.Info.Background);
        // The model is measured on the background that it was trained with.
        Assert.Equal(Loss("--background", "white"), Loss());
        Assert.NotEqual(Loss("--background", "black"), Loss());
    }

    [Fact]
    public void The_same_cut_outs_in_a_flat_folder_and_by_class_are_as_far_from_real_images()
    {
        TinyMnist.Write(File("data"), train: 200, test: 40);
        var network = new ClassifierConfig { Architecture = "plain" };
        using (var classifier = Classifier.Create(network, seed: 3))
            ClassifierFolder.Write(File("judge"), classifier, new ClassifierInfo
            {
                Name = "nothing", Network = network, ClassNames = [.. Enumerable.Range(0, 10).Select(i => $"{i}")],
                Dataset = "nothing", Epochs = 1, Provenance = "Made for the tests.",
            });
        WriteShapes("labelled", count: 12);
        foreach (string file in Directory.GetFiles(File("labelled"), "*.png", SearchOption.AllDirectories))
            System.IO.File.Copy(file, File("flat", Path.GetFileName(file)));
        JsonElement Figures(string folder, string background)
        {
            var outcome = Command.RunIn(
                _scratch.Path, "evaluate", folder, "--data", "data", "--classifier", "judge", "--background", background,
                "--json");
            Assert.True(outcome.ExitCode == 0, outcome.Error);
            return JsonDocument.Parse(outcome.Out).RootElement.GetProperty("figures");
        }
        double Value(JsonElement figures, string key) => figures.GetProperty(key).GetProperty("value").GetDouble();
        var (flat, labelled, white) = (Figures("flat", "black"), Figures("labelled", "black"), Figures("flat", "white"));
        string[] distances = [.. flat.EnumerateObject().Select(figure => figure.Name)
            .Where(key => key.Split('_')[0] is "frechet" or "kernel")];
        Assert.Contains("frechet_pixels_coarse_train", distances);
        Assert.All(distances, key => Assert.Equal(Value(labelled, key), Value(flat, key), 1e-9));
        Assert.NotEqual(Value(flat, "frechet_pixels_coarse_test"), Value(white, "frechet_pixels_coarse_test"), 1.0);
    }

    [Theory]
    [InlineData("data show data --out g.png --background red")]
    [InlineData("evaluate data --background #12")]
    [InlineData("train-classifier --out c --background White")]
    public void A_background_that_is_no_colour_is_refused(string commandLine)
    {
        var outcome = Command.RunIn(_scratch.Path, commandLine.Split(' '));
        Assert.NotEqual(0, outcome.ExitCode);
        Assert.Contains("--background takes black, white or a colour as #RRGGBB", outcome.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("data show strokes --out g.png --background white", "data.background")]
    [InlineData("train tiny.toml --set data.background=white", "data.background")]
    [InlineData("train-classifier --set strokes --out c --background black", "data.background")]
    [InlineData("likelihood tiny --data strokes --background white", "data.background")]
    [InlineData("evaluate tiny --data strokes --loss --background white", "data.background")]
    [InlineData("evaluate x.npz --data strokes --background white", "--background is for the pictures in folders")]
    [InlineData("evaluate x.npz --data strokes --size 28", "--size is for the pictures in folders")]
    public void What_does_nothing_beside_data_without_pictures_is_refused(string commandLine, string named)
    {
        System.IO.File.WriteAllText(File("tiny.toml"), TinyTraining.Toml);
        TinyTraining.WriteModel(File("tiny"));
        var refused = Command.RunIn(_scratch.Path, commandLine.Split(' '));
        Assert.Equal((1, ""), (refused.ExitCode, refused.Out));
        Assert.Contains(named, refused.ErrorLine, StringComparison.Ordinal);
        Assert.EndsWith("leave it out.", refused.ErrorLine.ToLowerInvariant(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_model_of_pictures_is_measured_on_data_without_a_background()
    {
        string model = TinyTraining.WriteModel(File("tiny"));
        var info = ModelFolder.ReadInfo(model);
        using (var network = info.Model.Build(seed: 1))
            ModelFolder.Write(model, network, info with { Background = "white", Size = 28 });
        Assert.Equal(
            0, Command.RunIn(_scratch.Path, "evaluate", "tiny", "--data", "strokes", "--loss", "--count", "16").ExitCode);
    }

    [Fact]
    public void Pictures_of_different_sizes_are_shown_and_measured_once_the_size_that_the_message_advises_is_given()
    {
        PictureFolder.Write(File("pictures"), ["0", "1", "2", "3", "4"], (13, 20));
        Follow("data", "show", "pictures", "--out", "g.png");

        TinyMnist.Write(File("data"), train: 200, test: 40);
        var network = new ClassifierConfig { Architecture = "plain" };
        using (var classifier = Classifier.Create(network, seed: 3))
            ClassifierFolder.Write(File("judge"), classifier, new ClassifierInfo
            {
                Name = "nothing", Network = network, ClassNames = [.. Enumerable.Range(0, 10).Select(i => $"{i}")],
                Dataset = "nothing", Epochs = 1, Provenance = "Made for the tests.",
            });
        foreach (string file in Directory.GetFiles(File("pictures"), "*.png", SearchOption.AllDirectories))
            System.IO.File.Copy(file, File("flat", Path.GetRelativePath(File("pictures"), file).Replace('/', '-')));
        Outcome Evaluate(string images, string size) => Command.RunIn(
            _scratch.Path, "evaluate", images, "--data", "data", "--size", size, "--classifier", "judge", "--json");
        foreach (string images in new[] { "pictures", "flat" })
        {
            var outcome = Evaluate(images, "28");
            Assert.True(outcome.ExitCode == 0, outcome.Error);
            Assert.Equal(20, JsonDocument.Parse(outcome.Out).RootElement.GetProperty("count").GetInt32());
            Assert.Contains("with --size 28", Evaluate(images, "12").ErrorLine, StringComparison.Ordinal);
        }
    }

    /// <summary>Runs a command that is refused for a size, then again with what the message advises.</summary>
    private void Follow(params string[] args)
    {
        var refused = Command.RunIn(_scratch.Path, args);
        Assert.Equal(1, refused.ExitCode);
        var advice = System.Text.RegularExpressions.Regex.Match(refused.ErrorLine, "--size ([0-9]+)");
        Assert.True(advice.Success, refused.ErrorLine);
        var done = Command.RunIn(_scratch.Path, [.. args, "--size", advice.Groups[1].Value]);
        Assert.True(done.ExitCode == 0, done.Error);
    }

    private string File(params string[] names)
    {
        string path = Path.Combine([_scratch.Path, .. names]);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        return path;
    }

    private static int Count(string text, string part) => text.Split(part).Length - 1;

    private double Loss(params string[] options)
    {
        var outcome = Command.RunIn(_scratch.Path, ["evaluate", "run", "--loss", "--json", .. options]);
        Assert.True(outcome.ExitCode == 0, outcome.Error);
        return JsonDocument.Parse(outcome.Out).RootElement.GetProperty("loss").GetDouble();
    }

    /// <summary>White squares in ten classes, 28 x 28 pixels, whose opacity is their ink: the background shows around
    /// them.</summary>
    private void WriteShapes(string folder, int count)
    {
        for (int i = 0; i < count; i++)
        {
            using var bitmap = new SkiaSharp.SKBitmap(
                new SkiaSharp.SKImageInfo(28, 28, SkiaSharp.SKColorType.Rgba8888, SkiaSharp.SKAlphaType.Unpremul));
            for (int y = 0; y < 28; y++)
                for (int x = 0; x < 28; x++)
                {
                    bool ink = x > 4 + i % 10 && x < 20 && y > 6 + i % 7 && y < 22;
                    bitmap.SetPixel(x, y, new(255, 255, 255, (byte)(ink ? 255 : 0)));
                }
            using var data = bitmap.Encode(SkiaSharp.SKEncodedImageFormat.Png, 100);
            System.IO.File.WriteAllBytes(File(folder, $"{i % 10}", $"{i:D4}.png"), data.ToArray());
        }
    }
}
