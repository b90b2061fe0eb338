using System.Text.Json;
using Mezzotint.Formats;
using Mezzotint.Models;

namespace Mezzotint.Cli.Tests;

/// <summary>Models whose labels are several attributes at once.</summary>
public sealed class AttributeTests : IDisposable
{
    private static readonly string[] Network =
    [
        "--set", "data.label=colour, shape", "--set", "model.kind=residual-unet", "--set", "model.model_channels=16",
        "--set", "model.head_channels=16", "--set", "model.unconditional=true", "--set", "training.label_dropout=0.2",
        "--set", "data.split=part",
    ];

    private readonly ScratchFolder _scratch = new();

    public AttributeTests()
    {
        _scratch.Write("tiny.toml", """
            [data]
            name = "pictures"

            [training]
            epochs = 1
            replicas = 1
            samples_per_label = 0
            """);
        PictureFolder.Write(_scratch["drawn"], ["a", "b"], (8, 8), channels: 3);
        Directory.Move(_scratch["drawn", "train"], _scratch["pictures"]);
        // a red square is in no row
        static string Row(string name, string colour, string shape, string part) =>
            $$"""{"file_name": "{{name}}.png", "colour": "{{colour}}", "shape": "{{shape}}", "part": "{{part}}"}""";
        File.WriteAllLines(_scratch["pictures", "metadata.jsonl"], [
            Row("a/0", "red", "disk", "train"), Row("a/1", "blue", "square", "train"), Row("b/0", "blue", "disk", "train"),
            Row("b/1", "blue", "square", "test")]);
    }

    public void Dispose() => _scratch.Dispose();

    [Fact]
    public void A_combination_that_no_picture_shows_is_a_class_and_is_drawn_by_the_sum_of_its_rows()
    {
        Done(["train", "tiny.toml", .. Network, "--set", "model.attributes=[2, 2]", "--out", "run",
            "--set", "training.epochs=40", "--set", "training.learning_rate=1e-2"]); // a fresh network sees no difference
        var info = ModelFolder.ReadInfo(_scratch["run", "model"]);
        Assert.Equal(["blue disk", "blue square", "red disk", "red square"], info.ClassNames);
        Assert.Equal([5, 64], SafetensorsFile.Read(_scratch["run", "model", "model.safetensors"])
            .Tensors["embedding.labels.weight"].Shape);
        Done("sample", "run", "--label", "red square", "--count", "1", "--steps", "2", "--guidance", "2", "--out", "one.png");
        Done("sample", "run", "a red square", "--count", "1", "--steps", "2", "--guidance", "2", "--out", "two.png");
        Assert.Equal(PngFile.Read(_scratch["one.png"]).Pixels, PngFile.Read(_scratch["two.png"]).Pixels);
        Done("sample", "run", "--label", "blue square", "--count", "1", "--steps", "2", "--guidance", "2", "--out", "other.png");
        Assert.NotEqual(PngFile.Read(_scratch["one.png"]).Pixels, PngFile.Read(_scratch["other.png"]).Pixels);
        Done("evaluate", "run", "--loss");
        Done("train", "--out", "run", "--resume", "--set", "training.epochs=41");
        Done(["train", "tiny.toml", .. Network, "--set", "model.attributes=[2, 2]", "--from", "run", "--out", "tuned"]);
    }

    [Theory]
    [InlineData("model.attributes=[2, 3]", "model.attributes")]
    [InlineData("data.label=colour, size", "has no column 'size'")]
    public void Attributes_that_are_not_those_of_the_data_are_refused_and_leave_no_run(string setting, string expected)
    {
        var refused = Command.RunIn(_scratch.Path, ["train", "tiny.toml", .. Network, "--set", setting]);
        Assert.Equal(1, refused.ExitCode);
        Assert.Contains(expected, refused.ErrorLine, StringComparison.Ordinal);
        Assert.False(Directory.Exists(_scratch["runs"]));
    }

    [Fact]
    public void The_engine_computes_them_as_libtorch_does()
    {
        Done(["train", "tiny.toml", .. Network, "--set", "model.attributes=[2, 2]", "--out", "run"]);
        double Loss() => JsonDocument.Parse(Done("evaluate", "run", "--loss", "--json").Out).RootElement.GetProperty("loss")
            .GetDouble();
        double engine = Loss();
        Environment.SetEnvironmentVariable("MEZZOTINT_ENGINE", "off");
        try
        {
            double libtorch = Loss();
            Assert.Equal(libtorch, engine, 1e-3 * libtorch);
        }
        finally
        {
            Environment.SetEnvironmentVariable("MEZZOTINT_ENGINE", null);
        }
    }

    private Outcome Done(params string[] args)
    {
        var outcome = Command.RunIn(_scratch.Path, args);
        Assert.True(outcome.ExitCode == 0, outcome.Error);
        return outcome;
    }
}
