using Mezzotint.IO;

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

    private Outcome Done(params string[] args)
    {
        var outcome = Command.RunIn(_scratch.Path, args);
        Assert.True(outcome.ExitCode == 0, outcome.Error);
        return outcome;
    }
}
