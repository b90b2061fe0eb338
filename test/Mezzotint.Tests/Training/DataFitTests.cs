using Mezzotint.Data;
using Mezzotint.Models;
using Mezzotint.Networks;
using Mezzotint.Runs;
using Mezzotint.Tests.Formats;
using Mezzotint.Training;

namespace Mezzotint.Tests.Training;

/// <summary>Classes, their names and the channels of a network are those of the data that it learns.</summary>
public class DataFitTests
{
    private static readonly ExperimentConfig Config = SmallExperiment.Config with
    {
        Training = SmallExperiment.Config.Training with { Epochs = 1 },
    };

    private static readonly ImageSet Three = SmallExperiment.Images("three", 8, seed: 1, classes: 3);

    /// <summary>As programs wrote it that took ten classes for any data.</summary>
    private static readonly ExperimentConfig Older = Config with { Model = SmallExperiment.Model with { CorpusLength = 10 } };

    [Fact]
    public void Open_numbers_are_those_of_the_data()
    {
        var colour = SmallExperiment.Images("colour", 4, seed: 1, channels: 3, classes: 2);
        var model = Config.Fit(colour).Model;
        Assert.Equal((2, 3, 3), (model.CorpusLength, model.InChannels, model.OutChannels));
        Assert.Equal(SmallExperiment.Model with { CorpusLength = 2, InChannels = 3, OutChannels = 3 }, model);
    }

    [Theory]
    [InlineData(10, null, null, "model.corpus_length = 10, but colour has 3 classes")]
    [InlineData(2, null, null, "model.corpus_length = 2, but colour has 3 classes")]
    [InlineData(null, 1, null, "model.in_channels = 1, but colour has 3 channels")]
    [InlineData(null, null, 1, "model.out_channels = 1, but colour has 3 channels")]
    public void A_number_that_differs_is_refused_with_both_and_the_key(int? classes, int? input, int? output, string message)
    {
        var model = SmallExperiment.Model;
        model = classes is { } count ? model with { CorpusLength = count } : model;
        model = input is { } taken ? model with { InChannels = taken } : model;
        model = output is { } given ? model with { OutChannels = given } : model;
        var colour = SmallExperiment.Images("colour", 4, seed: 1, channels: 3, classes: 3);
        var error = Assert.Throws<MezzotintException>(() => (Config with { Model = model }).Fit(colour));
        Assert.StartsWith(message, error.Message, StringComparison.Ordinal);
        Assert.Equal(message.Split(' ')[0], error.Key);
    }

    [Fact]
    public void Images_without_classes_make_a_network_of_one_and_are_refused_by_one_of_several()
    {
        var plain = SmallExperiment.Train.Renamed("plain", new byte[SmallExperiment.Train.Count], []);
        Assert.Equal(1, Config.Fit(plain).Model.CorpusLength);
        var error = Assert.Throws<MezzotintException>(() => Older.Fit(plain));
        Assert.Contains("plain has no classes, and the model has 10", error.Message, StringComparison.Ordinal);
        Assert.Equal("data.label", error.Key);
        Assert.Throws<MezzotintException>(() => Config.Fit(plain, begun: Older.Model));
    }

    [Fact]
    public void Sides_that_do_not_fit_name_the_setting_that_mends_them()
    {
        var odd = SmallExperiment.Images("odd", 4, seed: 1, height: 15, width: 13);
        var error = Assert.Throws<MezzotintException>(() => Config.Fit(odd));
        Assert.Contains("multiples of 2. Pictures in a folder are brought to one with data.size, for instance 12.", error.Message,
            StringComparison.Ordinal);
        Assert.Equal("data.size", error.Key);
        error = Assert.Throws<MezzotintException>(() => new Trainer(Config, SmallExperiment.Train,
            SmallExperiment.Images("large", 4, seed: 1, height: 16, width: 16)));
        Assert.Contains("train is 8 x 8, but large is 16 x 16", error.Message, StringComparison.Ordinal);
        Assert.Equal("data.size", error.Key);
    }

    [Fact]
    public void What_is_open_is_not_written_and_what_is_filled_in_is()
    {
        string open = Configuration.Write(Config), filled = Configuration.Write(Config.Fit(Three));
        Assert.DoesNotContain("corpus_length", open, StringComparison.Ordinal);
        Assert.DoesNotContain("_channels = 1\n", open, StringComparison.Ordinal);
        Assert.Contains("corpus_length = 3\n", filled, StringComparison.Ordinal);
        Assert.Contains("in_channels = 1\nout_channels = 1\n", filled, StringComparison.Ordinal);
        Assert.Equal(3, Configuration.Parse(open, "open").Fit(Three).Model.CorpusLength);
    }

    [Fact]
    public void A_network_that_is_built_is_open_no_more()
    {
        using var network = SmallExperiment.Model.Build();
        Assert.Equal(10, Config.Fit(Three, network.Config).Model.CorpusLength);
    }

    [Fact]
    public void A_run_writes_a_model_of_the_classes_of_its_data()
    {
        var info = Train(Config with { Data = new() { Size = 8 } });
        Assert.Equal(8, info.Size);
        Assert.Equal(3, info.Model.CorpusLength);
        Assert.Equal(["class 0", "class 1", "class 2"], info.ClassNames);
    }

    [Fact]
    public void A_run_of_more_classes_than_its_data_have_is_refused_unless_it_goes_on()
    {
        Assert.Equal("model.corpus_length", Assert.Throws<MezzotintException>(() => { Train(Older); }).Key);
        using var temporary = new TemporaryFolder();
        using var folder = RunFolder.Open(temporary.Name);
        Keep(folder);
        Assert.True(new TrainingRun(Older, folder, Three, Three).Run().Finished);
        Assert.Equal(10, ModelFolder.ReadInfo(folder.Model).ClassNames.Distinct().Count());
    }

    [Fact]
    public void A_run_that_begins_with_an_older_model_keeps_its_classes_and_their_names_once_each()
    {
        using var network = Older.Model.Build();
        var older = new ModelInfo
        {
            Name = "older", Model = Older.Model, Height = 8, Width = 8,
            ClassNames = ["class 0", "class 1", "class 2", "class 2", "4", "5", "6", "7", "8", "9"],
        };
        var info = Train(Config, folder => ModelFolder.Write(folder.Start, network, older));
        Assert.Equal(["class 0", "class 1", "class 2", "class 2 (label 3)", "4", "5", "6", "7", "8", "9"], info.ClassNames);
    }

    /// <summary>A checkpoint of an older run, before its first step.</summary>
    private static void Keep(RunFolder folder)
    {
        using var trainer = new Trainer(Older, Three, Three, begun: Older.Model);
        trainer.TrainStep();
        folder.Save(new Checkpoint
        {
            Step = 0, EpochsReported = 0, EpochLoss = 0, SinceLog = (0, 0), Elapsed = TimeSpan.Zero, Tensors = trainer.Tensors(),
        });
    }

    private static ModelInfo Train(ExperimentConfig config, Action<RunFolder>? prepare = null)
    {
        using var temporary = new TemporaryFolder();
        using var folder = RunFolder.Open(temporary.Name);
        prepare?.Invoke(folder);
        new TrainingRun(config, folder, Three, Three).Run();
        return ModelFolder.ReadInfo(folder.Model);
    }
}
