using System.Runtime.InteropServices;
using System.Text.Json;
using Mezzotint.Cli.Output;
using Mezzotint.Formats;
using Mezzotint.Models;
using Mezzotint.Plots;

namespace Mezzotint.Cli.Tests;

public sealed class SampleTests : IDisposable
{
    private readonly ScratchFolder _scratch = new();
    private readonly string _model;

    public SampleTests() => _model = TinyTraining.WriteModel(_scratch["model"]);

    public void Dispose() => _scratch.Dispose();

    [Fact]
    public void A_png_is_a_square_grid_that_says_how_it_was_made()
    {
        string path = _scratch["new folder", "grid.png"];
        var outcome = Command.Run("sample", _model, "--label", "3", "--count", "9", "--steps", "2", "--seed", "5", "--out", path);
        Assert.Equal(0, outcome.ExitCode);
        Assert.StartsWith($"{path}: 9 images of 3 from seed 5", outcome.Out, StringComparison.Ordinal);
        var grid = PngFile.Read(path);
        Assert.Equal((1, 2 * (3 * 30 + 2), 2 * (3 * 30 + 2)), (grid.Channels, grid.Height, grid.Width));
        var text = PngFile.ReadText(path);
        Assert.Equal(
            ("3", "5", "2", "euler-maruyama", "tiny"),
            (text["Label"], text["Seed"], text["Steps"], text["Sampler"], text["Model"]));
        Assert.Equal(ModelFolder.Hash(_model), text["Model SHA-256"]);
        Assert.Equal($"mezzotint {CommandLine.Version}", text["Software"]);
    }

    // Each of the two numbers is within its limit.
    [Fact]
    public void A_grid_that_cannot_be_written_is_refused_before_anything_is_drawn()
    {
        string wide = TinyTraining.WriteModel(_scratch["wide"], side: 2000);
        foreach (string[] output in new string[][] { [], ["--out", _scratch["grid.png"]] })
        {
            var outcome = Command.RunIn(_scratch.Path, ["sample", wide, "--label", "1", "--count", "200", .. output]);
            Assert.Equal((1, ""), (outcome.ExitCode, outcome.Out));
            Assert.StartsWith("mezzotint: A grid of 200 images would have ", outcome.ErrorLine, StringComparison.Ordinal);
            Assert.Contains("--out FILE.npz", outcome.ErrorLine, StringComparison.Ordinal);
        }
        Assert.Empty(Directory.GetFiles(_scratch.Path, "*.png"));
    }

    [Fact]
    public void An_npz_holds_images_and_labels()
    {
        string path = _scratch["images.npz"];
        Assert.Equal(0, Command.Run("sample", _model, "--label", "2,0", "--count", "3", "--steps", "2", "--out", path).ExitCode);
        var arrays = NpzFile.Read(path);
        Assert.Equal(["images", "labels"], arrays.Keys.Order());
        Assert.Equal(ElementType.UInt8, arrays["images"].Type);
        Assert.Equal([6, 28, 28], arrays["images"].Shape);
        Assert.Equal(ElementType.Int64, arrays["labels"].Type);
        Assert.Equal([2, 2, 2, 0, 0, 0], MemoryMarshal.Cast<byte, long>(arrays["labels"].Bytes.Span).ToArray());
    }

    [Fact]
    public void A_folder_gets_an_image_a_file_by_label_and_seed()
    {
        string path = _scratch["drawn"];
        Assert.Equal(
            0,
            Command.Run("sample", _model, "--label", "all", "--count", "2", "--steps", "2", "--seed", "40", "--out", path)
                .ExitCode);
        string[] files =
        [
            .. Directory.GetFiles(path, "*", SearchOption.AllDirectories).Select(file =>
                Path.GetRelativePath(path, file).Replace('\\', '/')).Order(StringComparer.Ordinal),
        ];
        Assert.Equal([.. Enumerable.Range(0, 20).Select(i => $"{i / 2}/{40 + i:D5}.png")], files);
        Assert.Equal("43", PngFile.ReadText(Path.Combine(path, "1", "00043.png"))["Seed"]);
        Assert.Equal(
            (28, 28),
            (
                PngFile.Read(Path.Combine(path, "1", "00043.png")).Height,
                PngFile.Read(Path.Combine(path, "1", "00043.png")).Width));
    }

    [Fact]
    public void An_image_depends_on_its_seed_alone()
    {
        Assert.Equal(
            0,
            Command.Run(
                "sample", _model, "--label", "6", "--count", "5", "--steps", "4", "--seed", "40", "--out",
                _scratch["five/"]).ExitCode);
        Assert.Equal(
            0,
            Command.Run(
                "sample", _model, "--label", "6", "--count", "1", "--steps", "4", "--seed", "43", "--out",
                _scratch["one/"]).ExitCode);
        byte[] five = PngFile.Read(_scratch["five", "6", "00043.png"]).Pixels;
        byte[] one = PngFile.Read(_scratch["one", "6", "00043.png"]).Pixels;
        Assert.All(five.Zip(one), pair => Assert.InRange(pair.First - pair.Second, -1, 1)); // rounding aside
    }

    /// <summary>Some systems take capitals for small letters.</summary>
    [Fact]
    public void Class_names_with_strange_characters_stay_inside_the_folder_and_each_has_one_of_its_own()
    {
        string model = TinyTraining.WriteModel(
            _scratch["strange"], ["../up", "..", "a/b", "a_b", "Cat", "cat", "CAT", "g", "h", "i"]);
        Assert.Equal(
            0,
            Command.Run("sample", model, "--label", "all", "--count", "1", "--steps", "2", "--out", _scratch["out/"]).ExitCode);
        Assert.Equal([".._up", "CAT 3", "Cat", "_", "a_b", "a_b 2", "cat 2", "g", "h", "i"],
            Directory.GetDirectories(_scratch["out"]).Select(folder => Path.GetFileName(folder)).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Json_is_one_object_on_stdout()
    {
        var outcome =
            Command.Run("sample", _model, "--label", "1", "--count", "4", "--steps", "2", "--json", "--out", _scratch["x.npz"]);
        var facts = JsonDocument.Parse(outcome.Out).RootElement;
        Assert.Equal(
            (4, 42, 2),
            (facts.GetProperty("count").GetInt32(), facts.GetProperty("seed").GetInt32(), facts.GetProperty("steps").GetInt32()));
        Assert.Equal(_scratch["x.npz"], facts.GetProperty("out").GetString());
    }

    [Fact]
    public void Guidance_changes_the_images_and_is_written_with_them()
    {
        string taught = TinyTraining.WriteModel(_scratch["taught"], unconditional: true);
        byte[] Drawn(string name, params string[] guidance)
        {
            Assert.Equal(
                0,
                Command.Run(
                    [
                        "sample", taught, "--label", "3", "--count", "1", "--sampler", "ddim", "--steps", "3", "--out",
                        _scratch[name], .. guidance]).ExitCode);
            return PngFile.Read(_scratch[name]).Pixels;
        }
        byte[] plain = Drawn("plain.png");
        Assert.Equal(plain, Drawn("one.png", "--guidance", "1"));
        Assert.False(PngFile.ReadText(_scratch["one.png"]).ContainsKey("Guidance"));
        Assert.NotEqual(
            plain, Drawn("cfg.png", "--guidance", "4", "--guidance-rescale", "0.5", "--guidance-interval", "0.1,1e3"));
        Assert.Equal("cfg 4, rescale 0.5, levels 0.1 to 1000", PngFile.ReadText(_scratch["cfg.png"])["Guidance"]);
        Assert.NotEqual(plain, Drawn("cfg++.png", "--guidance", "0.6", "--guidance-kind", "cfg++"));
        Assert.NotEqual(plain, Drawn("auto.png", "--guidance", "2", "--guidance-model", _model));
        Assert.Equal(plain, Drawn("itself.png", "--guidance", "2", "--guidance-model", taught));
    }

    [Fact]
    public void Without_out_the_images_are_drawn_and_the_grid_gets_a_free_name()
    {
        var first = Command.RunProgram(_scratch.Path, "sample", "model", "--label", "5", "--count", "4", "--steps", "2");
        var second =
            Command.RunProgram(_scratch.Path, "sample", "model", "--label", "5", "--count", "4", "--steps", "2", "--json");
        Assert.Equal((0, 0), (first.ExitCode, second.ExitCode));
        Assert.Contains("\nmezzotint-5-seed42.png: 4 images of 5 from seed 42", first.Out, StringComparison.Ordinal);
        Assert.True(first.Out.Split('\n').Length > 28, "two rows of images, at two pixels a line");
        Assert.DoesNotContain('\e', first.Out + first.Error);
        Assert.Equal("mezzotint-5-seed42-2.png", JsonDocument.Parse(second.Out).RootElement.GetProperty("out").GetString());
        Assert.True(File.Exists(_scratch["mezzotint-5-seed42.png"]) && File.Exists(_scratch["mezzotint-5-seed42-2.png"]));
    }

    [Fact]
    public void In_colour_the_terminal_gets_half_blocks()
    {
        using var output = new StringWriter();
        var terminal = new Terminal(TextReader.Null, output, TextWriter.Null) { OutColors = TerminalColors.TrueColor };
        Directory.SetCurrentDirectory(_scratch.Path);
        try
        {
            Assert.Equal(0, CommandLine.Run(["sample", "model", "--label", "5", "--count", "1", "--steps", "2"], terminal));
        }
        finally
        {
            Directory.SetCurrentDirectory(AppContext.BaseDirectory);
        }
        Assert.Contains('\u2580', output.ToString());
    }

    [Fact]
    public void Demo_asks_until_it_is_told_to_end_and_explains_wrong_answers()
    {
        var outcome = Command.RunIn(_scratch.Path, "3\neleven\n1,2\n4\nq\n5\n", ["demo", "model", "--steps", "2", "--json"]);
        Assert.Equal(0, outcome.ExitCode);
        var answers = outcome.Out.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line =>
            JsonDocument.Parse(line).RootElement).ToList();
        Assert.Equal(["3", "4"], answers.Select(answer => answer.GetProperty("label").GetString()));
        Assert.Equal([42, 51], answers.Select(answer => answer.GetProperty("seed").GetInt32()));
        Assert.All(answers, answer => Assert.True(File.Exists(_scratch[answer.GetProperty("out").GetString()!])));
        Assert.Contains("The model has no label 'eleven'", outcome.Error, StringComparison.Ordinal);
        Assert.Contains("One at a time", outcome.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("\n")]
    [InlineData("q\n")]
    public void Demo_ends_at_the_end_of_its_input(string input)
    {
        var outcome = Command.RunWithInput(input, "demo", _model);
        Assert.Equal((0, ""), (outcome.ExitCode, outcome.Out));
    }
}
