using System.Text.Json;
using Mezzotint.Formats;
using Mezzotint.Models;
using Mezzotint.Training;

namespace Mezzotint.Cli.Tests;

/// <summary>From a folder of pictures to a model that draws, by one command.</summary>
public sealed class NewTests : IDisposable
{
    /// <summary>Small enough for a test; all else is what the command chooses.</summary>
    private static readonly string[] Quick =
    [
        "--set", "training.epochs=1", "--set", "training.repeats=1", "--set", "data.size=16", "--set", "training.replicas=1",
        "--set", "model.model_channels=32", "--set", "model.patch_size=2", "--set", "training.sample_steps=2",
        "--set", "sampling.steps=2", "--set", "data.split=0.3",
    ];

    private readonly ScratchFolder _scratch = new();

    public void Dispose() => _scratch.Dispose();

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Forty_pictures_of_mixed_sizes_and_modes_and_a_damaged_one_become_a_model_by_one_command(bool classes)
    {
        MixedPictures.Write(_scratch["pictures"], 40, classes);
        var trained = Done(["train", "pictures", .. Quick]);
        Assert.Contains("left out 1 picture that is damaged or too large", trained.Error, StringComparison.Ordinal);
        Assert.Contains("cut-off.png", trained.Error, StringComparison.Ordinal);
        var info = ModelFolder.ReadInfo(_scratch["runs", "pictures", "model"]);
        Assert.Equal(classes ? ["disk", "square"] : ["picture"], info.ClassNames);
        Assert.Equal((3, 16, 16), (info.Channels, info.Height, info.Width));
        Assert.Equal(("white", true), (info.Background, info.Data!.SkipDamaged));
        Done(["sample", "runs/pictures", "--count", "2", "--out", "drawn.png"]);
        Assert.True(File.Exists(_scratch["drawn.png"]));
        Assert.NotEmpty(Directory.GetFiles(_scratch["runs", "pictures", "samples"], "*.png"));

        var measured = Done(
            "evaluate", "runs/pictures", "--count", "12", "--likelihood", "0", "--report", "report", "--out", "drawn.npz");
        Assert.Contains("the figures are those that need none", measured.Error, StringComparison.Ordinal);
        Assert.Contains("differ in effect", measured.Out, StringComparison.Ordinal);
        Assert.True(File.Exists(_scratch["report", "index.html"]));

        // The images as other evaluators read them: bytes, channels last.
        var arrays = NpzFile.Read(_scratch["drawn.npz"]);
        Assert.Equal(ElementType.UInt8, arrays["arr_0"].Type);
        Assert.Equal([12, 16, 16, 3], arrays["arr_0"].Shape);
        Assert.Equal(classes, arrays.ContainsKey("arr_1"));

        // The run's configuration explains itself, also when it goes on.
        string config = File.ReadAllText(_scratch["runs", "pictures", "config.toml"]);
        Assert.StartsWith("# pictures: ", config, StringComparison.Ordinal);
        Done("train", "pictures", "--resume");
        Assert.Equal(config, File.ReadAllText(_scratch["runs", "pictures", "config.toml"]));
        Done("train", "pictures", "--resume", "--set", "training.epochs=2");
        Refused("There is a run in", "train", "pictures");
    }

    [Fact]
    public void A_configuration_is_written_once_and_trains_what_it_says()
    {
        MixedPictures.Write(_scratch["pictures"], 12, classes: true);
        var made = Done(["new", "pictures", "--json", .. Quick]);
        using var facts = JsonDocument.Parse(made.Out);
        Assert.Equal("pictures.toml", facts.RootElement.GetProperty("out").GetString());
        Assert.True(facts.RootElement.GetProperty("images_per_second").GetDouble() > 0);
        var config = Configuration.Read(_scratch["pictures.toml"]);
        Assert.Equal((1, 16, "best"), (config.Training.Epochs, config.Data.Size, config.Training.Keep));
        Done("train", "pictures.toml");
        Refused("'pictures.toml' is there already", "new", "pictures");
        Done(["new", "pictures", "--out", "other.toml", .. Quick]);
    }

    [Fact]
    public void What_is_no_data_or_too_little_of_it_is_refused_in_one_line_and_leaves_nothing()
    {
        Directory.CreateDirectory(_scratch["empty"]);
        Refused("put PNG, JPEG, WebP, BMP or GIF files into it", "train", "empty");
        Refused("put PNG, JPEG, WebP, BMP or GIF files into it", "new", "empty");
        MixedPictures.Write(_scratch["one"], 1, classes: false);
        Refused("has 1 picture: a model needs more", "train", "one");
        Refused("There is no data set 'nowhere'", "new", "nowhere");
        _scratch.Write("text.txt", "no pictures");
        Refused("'text.txt' is no data set", "new", "text.txt");
        TinyTraining.WriteModel(_scratch["model"]);
        Refused("'model' is a run or a model, not data", "train", "model");
        _scratch.Write("tiny.toml", TinyTraining.Toml);
        Refused("--minutes is for a training on data", "train", "tiny.toml", "--minutes", "3");
        Assert.False(Directory.Exists(_scratch["runs"]));
    }

    [Fact]
    public void A_learning_rate_is_looked_for_without_a_run_and_drawn()
    {
        _scratch.Write("tiny.toml", TinyTraining.Toml);
        var found = Done("train", "tiny.toml", "--find-rate", "--out", "rate.png");
        Assert.Contains("learning rate 0.", found.Out, StringComparison.Ordinal);
        Assert.Contains("the lowest", found.Out, StringComparison.Ordinal);
        Assert.True(File.Exists(_scratch["rate.png"]));
        Assert.False(Directory.Exists(_scratch["runs"]));
        Refused("with --find-rate it is a .png file", "train", "tiny.toml", "--find-rate", "--out", "rate");
        Refused("leave --resume out", "train", "tiny.toml", "--find-rate", "--resume");
    }

    [Fact]
    public void A_training_is_estimated_without_a_run()
    {
        _scratch.Write("tiny.toml", TinyTraining.Toml);
        var told = Done("train", "tiny.toml", "--estimate", "--json", "--set", "training.epochs=7");
        var facts = System.Text.Json.JsonDocument.Parse(told.Out).RootElement;
        Assert.Equal(7, facts.GetProperty("epochs").GetInt32());
        Assert.True(facts.GetProperty("images_per_second").GetDouble() > 0);
        Assert.True(facts.GetProperty("memory_gigabytes").GetDouble() > 0);
        Assert.True(facts.GetProperty("seconds").GetDouble() >= 0);
        Assert.Contains("7 epochs of", Done("train", "tiny.toml", "--estimate", "--set", "training.epochs=7").Out,
            StringComparison.Ordinal);
        Assert.False(Directory.Exists(_scratch["runs"]));
        Refused("leave --resume out", "train", "tiny.toml", "--estimate", "--resume");
        Refused("leave one of the two out", "train", "tiny.toml", "--estimate", "--find-rate");
    }

    private Outcome Done(params string[] args)
    {
        var outcome = Command.RunIn(_scratch.Path, args);
        Assert.True(outcome.ExitCode == 0, outcome.Error);
        return outcome;
    }

    private void Refused(string why, params string[] args)
    {
        var outcome = Command.RunIn(_scratch.Path, args);
        Assert.Equal(1, outcome.ExitCode);
        Assert.Contains(why, outcome.ErrorLine, StringComparison.Ordinal);
    }
}
