using Mezzotint.Models;

namespace Mezzotint.Cli.Tests;

/// <summary>Training on a folder of pictures: what the model knows is what the folder has.</summary>
public sealed class FolderTrainingTests : IDisposable
{
    private readonly ScratchFolder _scratch = new();

    public FolderTrainingTests() =>
        _scratch.Write("tiny.toml", TinyTraining.Toml.Replace("strokes", "pictures", StringComparison.Ordinal));

    public void Dispose() => _scratch.Dispose();

    [Fact]
    public void Three_class_folders_make_a_model_of_three_classes_which_all_draws()
    {
        PictureFolder.Write(_scratch["pictures"], ["1", "2", "3"], (8, 8));
        Done("train", "tiny.toml");
        Assert.Equal(["1", "2", "3"], ModelFolder.ReadInfo(_scratch["runs", "tiny", "model"]).ClassNames);
        Done("sample", "runs/tiny", "--label", "all", "--count", "1", "--steps", "2", "--out", "drawn/");
        Assert.Equal(["1", "2", "3"], Directory.GetDirectories(_scratch["drawn"]).Select(Path.GetFileName).Order());
        Assert.Equal(3, Directory.GetFiles(_scratch["drawn"], "*.png", SearchOption.AllDirectories).Length);
    }

    [Fact]
    public void A_number_of_classes_that_the_folder_has_not_is_refused_and_leaves_no_run()
    {
        PictureFolder.Write(_scratch["pictures"], ["1", "2", "3"], (8, 8));
        var refused = Command.RunIn(_scratch.Path, "train", "tiny.toml", "--set", "model.corpus_length=10");
        Assert.Equal(1, refused.ExitCode);
        Assert.Contains(
            "model.corpus_length = 10, but pictures train has 3 classes", refused.ErrorLine, StringComparison.Ordinal);
        Assert.False(Directory.Exists(_scratch["runs"]));
    }

    [Fact]
    public void A_run_goes_on_and_begins_another_with_the_numbers_that_it_was_written_with()
    {
        PictureFolder.Write(_scratch["pictures"], ["a", "b", "c"], (8, 8));
        Done("train", "tiny.toml", "--set", "training.epochs=1");
        var resumed = Done("train", "tiny.toml", "--resume", "--set", "training.epochs=2");
        Assert.DoesNotContain("has others", resumed.Error, StringComparison.Ordinal);

        // The same run as a program wrote it that took ten classes for any data.
        string model = TinyTraining.WriteModel(_scratch["older"], ["a", "b", "c", "3", "4", "5", "6", "7", "8", "9"], side: 8);
        Done("train", "tiny.toml", "--from", model, "--out", "ten");
        Assert.Contains("corpus_length = 10", File.ReadAllText(_scratch["ten", "config.toml"]), StringComparison.Ordinal);
        Done("train", "--out", "ten", "--resume", "--set", "training.epochs=3");
    }

    [Fact]
    public void A_run_goes_on_where_its_pictures_have_moved_and_with_no_others()
    {
        PictureFolder.Write(_scratch["pictures"], ["a", "b"], (8, 8));
        Done("train", "tiny.toml", "--set", "training.epochs=1", "--set", "data.name=./pictures");
        Directory.CreateDirectory(_scratch["moved"]);
        Directory.Move(_scratch["pictures"], _scratch["moved", "pictures"]);
        string[] resume = ["train", "--resume", "--out", "runs/tiny", "--set", "training.epochs=2"];
        Assert.Contains("--set data.name=PATH", Command.RunIn(_scratch.Path, resume).ErrorLine, StringComparison.Ordinal);
        Done([.. resume, "--set", "data.name=moved/pictures"]);
        var others = Command.RunIn(_scratch.Path, [.. resume, "--set", "data.name=moved"]);
        Assert.Contains("cannot change on the way", others.ErrorLine, StringComparison.Ordinal);
    }

    [Fact]
    public void Pictures_of_different_sizes_are_brought_to_data_size_in_training_and_whatever_is_done_with_the_model()
    {
        PictureFolder.Write(_scratch["pictures"], ["a", "b"], (13, 20));
        var refused = Command.RunIn(_scratch.Path, "train", "tiny.toml");
        Assert.Equal(1, refused.ExitCode);
        Assert.Contains("is 20 x 20, but", refused.ErrorLine, StringComparison.Ordinal);
        Assert.Contains("data.size", refused.ErrorLine, StringComparison.Ordinal);

        Done("train", "tiny.toml", "--set", "data.size=12", "--set", "training.epochs=1");
        var info = ModelFolder.ReadInfo(_scratch["runs", "tiny", "model"]);
        Assert.Equal((12, 12, 12), (info.Size, info.Height, info.Width));
        Done("train", "tiny.toml", "--resume", "--set", "training.epochs=2");
        Done("evaluate", "runs/tiny", "--loss");
        Done("likelihood", "runs/tiny", "--steps", "2");
        string picture = _scratch["pictures", "test", "a", "1.png"];
        Done("sample", "runs/tiny", "--label", "a", "--steps", "2", "--image", picture, "--mask", picture, "--out", "drawn.png");
        Done("distill", "runs/tiny", "--out", "distilled", "--set", "training.epochs=1");
        Done("train-classifier", "--set", "pictures", "--size", "12", "--epochs", "1", "--out", "classifier");
    }

    [Fact]
    public void Colour_is_learned_unless_data_channels_makes_it_grey()
    {
        PictureFolder.Write(_scratch["pictures"], ["a", "b"], (8, 8), channels: 3);
        Done("train", "tiny.toml", "--out", "colour", "--set", "training.epochs=1");
        Assert.Equal(3, ModelFolder.ReadInfo(_scratch["colour", "model"]).Model.InChannels);
        Done("train", "--out", "colour", "--resume", "--set", "training.epochs=2");
        Done("train", "tiny.toml", "--out", "grey", "--set", "training.epochs=1", "--set", "data.channels=1");
        Assert.Equal(1, ModelFolder.ReadInfo(_scratch["grey", "model"]).Model.InChannels);
        Done("evaluate", "grey", "--loss");
        var refused = Command.RunIn(_scratch.Path, "train", "tiny.toml", "--out", "other", "--set", "model.in_channels=1");
        Assert.Contains("model.in_channels = 1, but pictures train has 3 channels", refused.ErrorLine, StringComparison.Ordinal);
        Assert.Contains("Set data.channels to 1", refused.ErrorLine, StringComparison.Ordinal);
    }

    [Fact]
    public void Classes_parts_and_mirror_images_of_metadata_are_learned_and_the_model_remembers_them()
    {
        PictureFolder.Write(_scratch["drawn"], ["a", "b"], (8, 8), channels: 3);
        Directory.Move(_scratch["drawn", "train"], _scratch["pictures"]);
        static string Row(string name, string part) =>
            $$"""{"file_name": "{{name}}.png", "kind": "{{name[0]}}-kind", "part": "{{part}}"}""";
        File.WriteAllLines(
            _scratch["pictures", "metadata.jsonl"],
            [Row("a/0", "train"), Row("a/1", "test"), Row("b/0", "train"), Row("b/1", "test")]);
        var refused = Command.RunIn(
            _scratch.Path, "train", "tiny.toml", "--set", "data.split=part", "--set", "model.corpus_length=2");
        Assert.Contains("pictures train has no classes", refused.ErrorLine, StringComparison.Ordinal);
        Assert.False(Directory.Exists(_scratch["runs"]));

        string[] settings = ["--set", "data.split=part", "--set", "data.label=kind", "--set", "data.flip=true"];
        var done = Done(["train", "tiny.toml", .. settings, "--set", "training.epochs=1"]);
        Assert.Contains(
            "Training on 2 images of pictures train, each as it is or mirrored,", done.Error, StringComparison.Ordinal);
        var info = ModelFolder.ReadInfo(_scratch["runs", "tiny", "model"]);
        Assert.Equal(["a-kind", "b-kind"], info.ClassNames);
        Assert.Equal(("part", "kind", true), (info.Data!.Split, info.Data.Label, info.Data.Flip));
        Assert.Contains("on 2 images of pictures test", Done("evaluate", "runs/tiny", "--loss").Out, StringComparison.Ordinal);
        Done("train", "tiny.toml", "--resume", "--set", "training.epochs=2");
    }

    [Fact]
    public void Pictures_without_classes_make_a_model_that_draws_goes_on_and_is_measured_without_being_asked_for_any()
    {
        PictureFolder.Write(_scratch["drawn"], ["a", "b"], (8, 8));
        Directory.CreateDirectory(_scratch["pictures"]);
        foreach (string label in (string[])["a", "b"])
            foreach (string part in (string[])["train", "test"])
                File.Copy(_scratch["drawn", part, label, "0.png"], _scratch["pictures", $"{label}{part}.png"]);
        var done = Done("train", "tiny.toml", "--set", "training.epochs=1", "--set", "data.split=0.5");
        Assert.Contains("of pictures train without classes for 1 epoch", done.Error, StringComparison.Ordinal);
        Assert.Equal(["picture"], ModelFolder.ReadInfo(_scratch["runs", "tiny", "model"]).ClassNames);
        Done("train", "tiny.toml", "--resume", "--set", "training.epochs=2");
        Done("sample", "runs/tiny", "--steps", "2", "--out", "a.png");
        Done("sample", "runs/tiny", "a picture", "--steps", "2", "--out", "b.png");
        Done("evaluate", "runs/tiny", "--loss");
        Done("likelihood", "runs/tiny", "--steps", "2");
        Done("distill", "runs/tiny", "--out", "distilled", "--set", "training.epochs=1");
        // Folders that are no classes to the eye of whoever sorted them.
        Done("train", "tiny.toml", "--out", "other", "--set", "data.name=drawn", "--set", "data.classes=false",
            "--set", "training.epochs=1");
        Assert.Equal(["picture"], ModelFolder.ReadInfo(_scratch["other", "model"]).ClassNames);
    }

    private Outcome Done(params string[] args)
    {
        var outcome = Command.RunIn(_scratch.Path, args);
        Assert.True(outcome.ExitCode == 0, outcome.Error);
        return outcome;
    }
}
