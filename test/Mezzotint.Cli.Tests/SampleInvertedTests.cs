using System.Text.Json;
using Mezzotint.Data;
using Mezzotint.Formats;

namespace Mezzotint.Cli.Tests;

public sealed class SampleInvertedTests : IDisposable
{
    /// <summary>The model that ships: an untrained network is rough in time, and takes several hundred steps to walk
    /// back.</summary>
    private const string Trained = "seed";

    private readonly ScratchFolder _scratch = new();
    private readonly byte[] _three, _five;

    public SampleInvertedTests()
    {
        var strokes = Strokes.Make(2, seed: 1);
        (_three, _five) = (strokes.Image(0).ToArray(), strokes.Image(1).ToArray());
        PngFile.Write(_scratch["three.png"], new ImageBatch(1, 1, 28, 28, _three));
        PngFile.Write(_scratch["five.png"], new ImageBatch(1, 1, 28, 28, _five));
    }

    public void Dispose() => _scratch.Dispose();

    [Fact]
    public void A_picture_comes_back_as_its_own_label_beside_another()
    {
        var outcome = Command.Run(
            "sample", Trained, "--image", _scratch["three.png"], "--invert", "3", "--label", "3,4", "--out", _scratch["two/"],
            "--json");
        Assert.Equal(0, outcome.ExitCode);
        var facts = JsonDocument.Parse(outcome.Out).RootElement;
        Assert.Equal(
            (2, "heun", "karras"),
            (
                facts.GetProperty("count").GetInt32(), facts.GetProperty("sampler").GetString(),
                facts.GetProperty("levels").GetString()));
        Assert.InRange(facts.GetProperty("round_trip_error").GetDouble(), 1e-9, 1e-3);
        AssertNear(_three, PngFile.Read(_scratch["two", "3", "00000.png"]).Pixels);
        Assert.Equal("three.png", PngFile.ReadText(_scratch["two", "3", "00000.png"])["From"]);
        var other = JsonDocument.Parse(
            Command.Run(
                "sample", Trained, "--image", _scratch["three.png"], "--invert", "3", "--label", "4", "--out",
                _scratch["four.png"], "--json").Out).RootElement;
        Assert.Equal(
            (100, JsonValueKind.Null), (other.GetProperty("steps").GetInt32(), other.GetProperty("round_trip_error").ValueKind));
    }

    [Fact]
    public void From_zero_a_picture_counts_as_clean_and_comes_back_less_exactly()
    {
        string[] asked = ["sample", Trained, "--image", _scratch["three.png"], "--invert", "3", "--label", "3", "--steps", "20"];
        double Error(bool fromZero)
        {
            string[] clean = fromZero ? ["--from-zero"] : [];
            var outcome = Command.Run([.. asked, .. clean, "--out", _scratch["back.png"], "--json"]);
            Assert.Equal(0, outcome.ExitCode);
            var facts = JsonDocument.Parse(outcome.Out).RootElement;
            Assert.Equal(fromZero, facts.GetProperty("from_zero").GetBoolean());
            return facts.GetProperty("round_trip_error").GetDouble();
        }
        double clean = Error(true), noisy = Error(false);
        Assert.InRange(clean, 1e-4, 0.05);
        Assert.True(noisy < clean, $"{noisy} and {clean}");
        Assert.Contains(
            "add --invert", Command.Run("sample", Trained, "--from-zero", "--out", _scratch["none.png"]).ErrorLine,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Between_two_pictures_lies_a_strip_that_begins_and_ends_with_them()
    {
        var outcome = Command.Run(
            "sample", Trained, "--image", _scratch["three.png"], "--interpolate", _scratch["five.png"], "--label", "3,5",
            "--count", "4", "--out", _scratch["walk.png"]);
        Assert.Equal(0, outcome.ExitCode);
        Assert.Matches(
            @"walk\.png: 4 images of 3,5 from three\.png to five\.png, drawn in .* comes back to \d.* of the range \(RMS\)\n$",
            outcome.Out);
        var strip = PngFile.Read(_scratch["walk.png"]);
        Assert.Equal((2 * 32, 2 * (4 * 30 + 2)), (strip.Height, strip.Width));
        Command.Run(
            "sample", Trained, "--image", _scratch["three.png"], "--interpolate", _scratch["five.png"], "--label", "3,5",
            "--count", "4", "--out", _scratch["walk.npz"]);
        byte[] images = NpzFile.Read(_scratch["walk.npz"])["images"].Bytes.ToArray();
        AssertNear(_three, images[..784]);
        AssertNear(_five, images[^784..]);
    }

    [Fact]
    public void Between_two_seeds_lies_a_strip_too()
    {
        Assert.Equal(
            0,
            Command.Run(
                "sample", Trained, "--label", "1", "--seed", "5", "--interpolate", "9", "--count", "4", "--steps", "2", "--out",
                _scratch["seeds.png"]).ExitCode);
        Assert.Equal(2 * (4 * 30 + 2), PngFile.Read(_scratch["seeds.png"]).Width);
    }

    [Fact]
    public void Without_out_the_file_says_what_it_is()
    {
        TinyTraining.WriteModel(_scratch["model"]);
        var outcome = Command.RunIn(
            _scratch.Path, "sample", "model", "--image", "three.png", "--invert", "3", "--label", "3", "--steps", "2");
        Assert.Contains("mezzotint-3-inverted.png: 1 image of 3 from three.png", outcome.Out, StringComparison.Ordinal);
        Assert.True(File.Exists(_scratch["mezzotint-3-inverted.png"]));
    }

    private static void AssertNear(byte[] expected, byte[] actual) =>
        // of 255: the steps' error at single pixels
        Assert.All(expected.Zip(actual), pair => Assert.InRange(pair.First - pair.Second, -6, 6));
}
