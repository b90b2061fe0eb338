using System.Text.Json;
using Mezzotint.Formats;
using Mezzotint.Models;
using Mezzotint.Networks;
using Mezzotint.Training;

namespace Mezzotint.Cli.Tests;

/// <summary>`mezzotint sample --guidance-classifier`: a classifier drives what a model draws.</summary>
public sealed class ClassifierGuidanceTests : IDisposable
{
    private const string Classifier = "mnist-plain";

    private readonly ScratchFolder _scratch = new();

    public void Dispose() => _scratch.Dispose();

    [Fact]
    public void A_classifier_changes_what_is_drawn_and_the_file_says_so_and_not_how_to_draw_it_again()
    {
        byte[] Draw(string file, params string[] more)
        {
            var outcome = Command.Run(
                ["sample", "seed", "--label", "1,7", "--count", "1", "--sampler", "heun", "--steps", "4", "--out",
                    _scratch[file], "--json", .. more]);
            Assert.True(outcome.ExitCode == 0, outcome.Error);
            var classifier = JsonDocument.Parse(outcome.Out).RootElement.GetProperty("classifier");
            if (more.Length == 0)
                Assert.Equal(JsonValueKind.Null, classifier.ValueKind);
            else
                Assert.StartsWith(
                    "3 by plain classifier of mnist, levels 0.3 to 5, SHA-256 ", classifier.GetString(),
                    StringComparison.Ordinal);
            return PngFile.Read(_scratch[file]).Pixels;
        }
        byte[] plain = Draw("plain.png"), guided = Draw(
            "guided.png", "--guidance-classifier", Classifier, "--classifier-guidance", "3", "--guidance-interval",
            "0.3,5");
        Assert.NotEqual(plain, guided);
        Assert.Equal(plain, Draw("again.png"));
        var text = PngFile.ReadText(_scratch["guided.png"]);
        Assert.StartsWith("3 by plain classifier", text["Classifier guidance"], StringComparison.Ordinal);
        Assert.False(text.ContainsKey("Mezzotint"));
        Assert.True(PngFile.ReadText(_scratch["plain.png"]).ContainsKey("Mezzotint"));
    }

    [Fact]
    public void A_model_without_classes_is_driven_to_the_classifiers_class_that_is_named()
    {
        string model = ModelWithoutClasses();
        string[] asked =
            ["sample", model, "--count", "2", "--sampler", "heun", "--steps", "2", "--guidance-classifier", Classifier, "--out",
                _scratch["grid.png"]];
        Assert.Contains(
            "The model has no classes: say which of the classifier's", Command.Run(asked).ErrorLine, StringComparison.Ordinal);
        byte[] Drawn(string label)
        {
            var outcome = Command.Run([.. asked, "--guidance-label", label, "--classifier-guidance", "30"]);
            Assert.True(outcome.ExitCode == 0, outcome.Error);
            return PngFile.Read(_scratch["grid.png"]).Pixels;
        }
        Assert.NotEqual(Drawn("1"), Drawn("0"));
        Assert.Contains(
            "knows no class 'ten'", Command.Run([.. asked, "--guidance-label", "ten"]).ErrorLine, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("seed", "--classifier-guidance and --guidance-label are for a classifier", "--classifier-guidance", "2")]
    [InlineData("seed", "are for a classifier", "--guidance-label", "2")]
    [InlineData("seed", "'nothing' is no classifier", "--guidance-classifier", "nothing")]
    [InlineData("seed", "-guidance -1: must be 0 to 1000", "--guidance-classifier", Classifier, "--classifier-guidance", "-1")]
    [InlineData("mnist-latent", "this model draws latents", "--guidance-classifier", Classifier)]
    public void What_cannot_guide_is_refused_in_a_line(string model, string why, params string[] options)
    {
        var outcome = Command.Run(["sample", model, "--out", _scratch["no.png"], .. options]);
        Assert.Equal(1, outcome.ExitCode);
        Assert.Contains(why, outcome.ErrorLine, StringComparison.Ordinal);
        Assert.False(File.Exists(_scratch["no.png"]));
    }

    private string ModelWithoutClasses()
    {
        var config = (UNetConfig)Configuration.Parse(TinyTraining.Toml, "tiny").Model with { CorpusLength = 1 };
        using var network = config.Build(1);
        ModelFolder.Write(_scratch["model"], network, new ModelInfo
        {
            Name = "tiny", Model = config, Height = 28, Width = 28, ClassNames = ["image"], Dataset = "strokes",
        });
        return _scratch["model"];
    }
}
