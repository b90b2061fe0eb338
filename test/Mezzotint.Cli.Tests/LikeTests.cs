using System.Text.Json;
using Mezzotint.Engine;
using Mezzotint.Formats;
using Mezzotint.Models;
using Mezzotint.Serving;

namespace Mezzotint.Cli.Tests;

/// <summary><c>sample --like</c> draws a picture again to the bit, whoever drew it.</summary>
public sealed class LikeTests : IDisposable
{
    private readonly ScratchFolder _scratch = new();
    private readonly string _model;

    public LikeTests() => _model = TinyTraining.WriteModel(_scratch["models", "tiny"]);

    public void Dispose() => _scratch.Dispose();

    [Theory]
    [InlineData("--label 3 --count 5 --steps 3")]
    [InlineData("--label 1,2 --count 3 --steps 3 --seed 4294967290 --sampler dpmpp-2m-sde --eta 0.7")]
    [InlineData("--label 1 --count 1 --steps 4 --sampler euler --levels exponential --churn 3")]
    [InlineData("--label 1 --count 4 --steps 3 --interpolate 77")]
    [InlineData("--label 1 --count 2 --steps 4 --image {picture} --mask {picture} --resample 2")]
    public void A_picture_is_drawn_again_to_the_byte(string options)
    {
        PngFile.Write(
            _scratch["picture.png"], new ImageBatch(1, 1, 28, 28, [.. Enumerable.Range(0, 784).Select(i => (byte)(i * 37))]));
        string[] words = options.Replace("{picture}", _scratch["picture.png"], StringComparison.Ordinal).Split(' ');
        Assert.Equal(0, Command.Run(["sample", _model, .. words, "--out", _scratch["first.png"]]).ExitCode);
        // Without the model's name: it is found by its fingerprint.
        var outcome = Command.RunIn(_scratch.Path, "sample", "--like", "first.png", "--out", "again.png");
        Assert.Equal(0, outcome.ExitCode);
        Assert.Matches(@"^(engine|libtorch): [^\n]+\n$", outcome.Error);
        Assert.Equal(File.ReadAllBytes(_scratch["first.png"]), File.ReadAllBytes(_scratch["again.png"]));
    }

    [Fact]
    public void One_image_of_many_is_drawn_again_alone()
    {
        foreach (string options in new[] { "--seed 40", "--interpolate 9" })
        {
            Assert.Equal(
                0,
                Command.Run(
                    [
                        "sample", _model, "--label", "6", "--count", "5", "--steps", "3", .. options.Split(' '), "--out",
                        _scratch["five/"]]).ExitCode);
            string file =
                Directory.GetFiles(_scratch["five"], "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal).ElementAt(3);
            Assert.Equal(0, Command.Run("sample", _model, "--like", file, "--out", _scratch["again.png"]).ExitCode);
            Assert.Equal(File.ReadAllBytes(file), File.ReadAllBytes(_scratch["again.png"]));
            Directory.Delete(_scratch["five"], recursive: true);
        }
    }

    [Fact]
    public void What_the_library_drew_is_drawn_again()
    {
        using (var pipeline = DiffusionPipeline.Load(_model))
            pipeline.Generate("a seven", new() { Count = 6, Steps = 4, Sampler = "heun" }).SavePng(
                _scratch["library.png"], scale: 3);
        Assert.Equal(
            0, Command.Run("sample", _model, "--like", _scratch["library.png"], "--out", _scratch["again.png"]).ExitCode);
        Assert.Equal(File.ReadAllBytes(_scratch["library.png"]), File.ReadAllBytes(_scratch["again.png"]));
    }

    [Fact]
    public void The_precision_is_the_files_unless_another_is_asked_for()
    {
        string Draw(string name, params string[] options)
        {
            Assert.Equal(0, Command.Run(["sample", _model, .. options, "--out", _scratch[name]]).ExitCode);
            return ImageReceipt.Read(_scratch[name]).Precision;
        }
        string[] three = ["--label", "3", "--count", "3", "--steps", "3"];
        Assert.Equal(ComputePrecision.Float32, Draw("single.png", [.. three, "--precision", "float32"]));
        Assert.Equal(
            ComputePrecision.Resolve(ComputePrecision.Automatic, TorchSharp.torch.CPU), Draw("auto.png", three));
        foreach (string name in new[] { "single", "auto" })
        {
            Draw("again.png", "--like", _scratch[$"{name}.png"]);
            Assert.Equal(File.ReadAllBytes(_scratch[$"{name}.png"]), File.ReadAllBytes(_scratch["again.png"]));
        }
        Assert.Equal(ComputePrecision.Float32, Draw("other.png", "--like", _scratch["auto.png"], "--precision", "float32"));
        Assert.Equal(File.ReadAllBytes(_scratch["single.png"]), File.ReadAllBytes(_scratch["other.png"]));
    }

    [Fact]
    public void Another_model_is_refused_by_its_fingerprint()
    {
        Assert.Equal(
            0,
            Command.Run("sample", _model, "--label", "1", "--count", "1", "--steps", "2", "--out", _scratch["x.png"]).ExitCode);
        string other = TinyTraining.WriteModel(_scratch["other"], ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"]);
        var outcome = Command.Run("sample", other, "--like", _scratch["x.png"]);
        Assert.Equal(1, outcome.ExitCode);
        Assert.Contains(
            $"was drawn with another model than '{other}': their fingerprints are {ModelFolder.Hash(_model)[..12]}... and "
            + $"{ModelFolder.Hash(other)[..12]}...",
            outcome.ErrorLine, StringComparison.Ordinal);
        Directory.Delete(_scratch["models"], recursive: true);
        outcome = Command.RunIn(_scratch.Path, "sample", "--like", "x.png");
        Assert.Equal(1, outcome.ExitCode);
        Assert.Contains("which none of those at hand has", outcome.ErrorLine, StringComparison.Ordinal);
    }

    [Fact]
    public void A_picture_without_a_word_is_refused()
    {
        PngFile.Write(_scratch["x.png"], new ImageBatch(1, 1, 28, 28, new byte[784]));
        Assert.Contains(
            "does not say how it was drawn", Command.Run("sample", _model, "--like", _scratch["x.png"]).ErrorLine,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Json_tells_what_the_file_says()
    {
        Assert.Equal(
            0,
            Command.Run(
                "sample", _model, "--label", "4", "--count", "2", "--steps", "3", "--seed", "11", "--out",
                _scratch["x.png"]).ExitCode);
        var facts = JsonDocument.Parse(
            Command.Run("sample", _model, "--like", _scratch["x.png"], "--json", "--out", _scratch["y.png"]).Out).RootElement;
        Assert.Equal(
            (2, 11, 3, "4"),
            (
                facts.GetProperty("count").GetInt32(), facts.GetProperty("seed").GetInt32(),
                facts.GetProperty("steps").GetInt32(), facts.GetProperty("labels")[0].GetString()));
    }
}
