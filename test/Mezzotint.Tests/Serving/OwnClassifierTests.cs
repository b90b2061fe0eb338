using Mezzotint.Models;
using Mezzotint.Networks;
using Mezzotint.Networks.Classifiers;
using Mezzotint.Runs;
using Mezzotint.Sampling;
using Mezzotint.Serving;
using Mezzotint.Tests.Data;
using Mezzotint.Tests.Training;
using Mezzotint.Training;

namespace Mezzotint.Tests.Serving;

/// <summary>A model that comes with a classifier, which guides it: the table <c>[sampling.classifier]</c>.</summary>
public sealed class OwnClassifierTests : IDisposable
{
    private static readonly ClassifierConfig Seen =
        new() { Architecture = PlainClassifier.Name, Classes = 10, Channels = 1, Height = 8, Width = 8 };

    private readonly ScratchFolder _scratch = new();

    public void Dispose() => _scratch.Dispose();

    [Fact]
    public void A_model_is_read_back_with_its_classifier_and_drawn_as_with_one_that_is_named()
    {
        using var pipeline = Open(Write(Recipe));
        Assert.Equal(ModelFolder.Hash(_scratch["model/classifier"]), pipeline.Model.Sampling.Classifier!.Sha256);
        byte[] own = Draw(pipeline, new());
        Assert.Equal(own, Draw(Plain(), new()
        {
            Classifier = ClassifierFolder.Read(_scratch["classifier"]), ClassifierScale = 30, ClassifierInterval = (0.01, 20),
        }));
        byte[] without = Draw(Plain(), new());
        Assert.NotEqual(without, own);
        Assert.Equal(without, Draw(pipeline, new() { ClassifierScale = 0 }));
        Assert.NotEqual(own, Draw(pipeline, new() { ClassifierScale = 60 }));
        Assert.NotEqual(own, Draw(pipeline, new() { ClassifierInterval = (2, 20) }));
    }

    [Fact]
    public void A_guided_image_depends_on_its_seed_alone()
    {
        using var pipeline = Open(Write(Recipe));
        var all = pipeline.Generate([0, 1, 2, 3, 4, 5, 6, 7, 8, 9], new() { Seed = 5, Count = 3 }).Images;
        foreach (int index in new[] { 0, 7, 16, 29 })
        {
            byte[] alone = pipeline.Generate([index / 3], new() { Seed = 5 + index }).Images.Pixels;
            Assert.Equal(alone, all.Pixels[(64 * index)..(64 * (index + 1))]);
        }
    }

    [Fact]
    public void A_file_says_how_to_draw_it_again_with_that_classifier_and_with_no_other()
    {
        using var pipeline = Open(Write(Recipe));
        var images = pipeline.Generate([3, 5], new() { Seed = 2, ClassifierScale = 40 });
        images.SavePng(_scratch["grid.png"]);
        var receipt = ImageReceipt.Read(_scratch["grid.png"]);
        Assert.StartsWith("40 by small, levels 0.01 to 20, SHA-256 ", receipt.Classifier, StringComparison.Ordinal);
        Assert.Equal(images.Images.Pixels, Drawn(pipeline, receipt).Images.Pixels);

        pipeline.Generate([3, 5], new() { Seed = 2, ClassifierScale = 0 }).SavePng(_scratch["without.png"]);
        var without = ImageReceipt.Read(_scratch["without.png"]);
        Assert.Equal(Draw(Plain(), new() { Seed = 2 }), Drawn(pipeline, without).Images.Pixels);

        using var other = Plain();
        var refused = Assert.Throws<MezzotintException>(() => other.Prepare(receipt));
        Assert.Equal("guidance_classifier", refused.Key);
        Assert.Contains("the model has none", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_classifier_that_was_exchanged_or_is_missing_is_refused()
    {
        string model = Write(Recipe);
        WriteClassifier(_scratch["model/classifier"], seed: 9);
        Assert.Contains("another one than the model was chosen with", Refusal(), StringComparison.Ordinal);
        Directory.Delete(_scratch["model/classifier"], recursive: true);
        Assert.Contains("is not a classifier", Refusal(), StringComparison.Ordinal);

        string Refusal()
        {
            var refused = Assert.Throws<MezzotintException>(() => ModelFolder.Read(model).Dispose());
            Assert.Equal("sampling.classifier.folder", refused.Key);
            return refused.Message;
        }
    }

    [Fact]
    public void A_classifier_of_noisy_images_is_refused()
    {
        WriteClassifier(_scratch["noisy"], seed: 2, noise: true);
        var config = SmallExperiment.Config with { Sampling = new() { Classifier = new() { Folder = _scratch["noisy"] } } };
        var refused = Assert.Throws<MezzotintException>(() => ExperimentParts.Open(config).Dispose());
        Assert.Equal("sampling.classifier.folder", refused.Key);
        Assert.Contains("train one without --noise", refused.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(-1, 0, 1, "sampling.classifier.scale")]
    [InlineData(10, 2, 1, "sampling.classifier.low, high")]
    [InlineData(10, -1, 1, "sampling.classifier.low, high")]
    public void Numbers_out_of_range_are_refused(double scale, double low, double high, string key) => Assert.Equal(key,
        Assert.Throws<MezzotintException>((SmallPipeline.Info with
        {
            Sampling = SmallPipeline.Info.Sampling with { Classifier = new() { Scale = scale, Low = low, High = high } },
        }).Validate).Key);

    [Fact]
    public void Without_classes_there_is_no_class_to_guide_to()
    {
        var info = SmallPipeline.Info with
        {
            Model = SmallPipeline.Config with { CorpusLength = 0 }, ClassNames = [], Sampling = new() { Classifier = new() },
        };
        Assert.Throws<MezzotintException>(info.Validate);
    }

    [Fact]
    public void A_training_puts_the_classifier_into_its_model_and_an_average_can_choose_another_way_to_draw()
    {
        WriteClassifier(_scratch["classifier"], seed: 2, prefix: "class ");
        var config = SmallExperiment.Config with
        {
            Sampling = SmallPipeline.Info.Sampling with { Classifier = Recipe with { Folder = _scratch["classifier"] } },
            Training = SmallExperiment.Config.Training with
                { Epochs = 1, Average = new PowerAverage { Widths = [0.1, 0.2], SnapshotEvery = 2 } },
        };
        string run = _scratch["run"];
        using (var folder = RunFolder.Open(run))
        {
            File.WriteAllText(folder.Configuration, Configuration.Write(config));
            Assert.True(new TrainingRun(config, folder, SmallExperiment.Train, SmallExperiment.Test).Run().Finished);
        }
        Directory.Delete(_scratch["classifier"], recursive: true); // the run's model has it
        using (var pipeline = Open(Path.Combine(run, "model")))
            Assert.NotEqual(Draw(pipeline, new() { ClassifierScale = 0 }), Draw(pipeline, new()));

        using (var model = RunModels.Average(run, null, 0.1, ["sampling.classifier.scale=3", "sampling.steps=4"]).Model)
        {
            Assert.Equal((3, 4), (model.Info.Sampling.Classifier!.Scale, model.Info.Sampling.Steps));
            ModelFolder.Write(_scratch["average"], model.Network, model.Info);
        }
        Open(_scratch["average"]).Dispose();
        WriteClassifier(_scratch["other"], seed: 4, prefix: "class ");
        using (var model = RunModels.Average(run, null, 0.1, [$"sampling.classifier.folder={_scratch["other"]}"]).Model)
            ModelFolder.Write(_scratch["average"], model.Network, model.Info);
        Assert.Equal(ModelFolder.Hash(_scratch["other"]), ModelFolder.Hash(_scratch["average/classifier"]));
        Assert.Contains("only [sampling] can be chosen", Assert.Throws<MezzotintException>(
            () => RunModels.Average(run, null, 0.1, ["training.epochs=3"])).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_training_refuses_a_classifier_of_other_classes_before_its_first_step()
    {
        WriteClassifier(_scratch["classifier"], seed: 2, prefix: "digit ");
        var config = SmallExperiment.Config with
        {
            Sampling = new() { Classifier = Recipe with { Folder = _scratch["classifier"] } },
        };
        using var folder = RunFolder.Open(_scratch["run"]);
        var run = new TrainingRun(config, folder, SmallExperiment.Train, SmallExperiment.Test);
        var refused = Assert.Throws<MezzotintException>(() => run.Run());
        Assert.Contains("knows no class 'class 0'", refused.Message, StringComparison.Ordinal);
        Assert.False(File.Exists(folder.Log));
    }

    private static ClassifierRecipe Recipe { get; } = new() { Scale = 30, Low = 0.01, High = 20 };

    private static byte[] Draw(DiffusionPipeline pipeline, GenerationOptions options) =>
        pipeline.Generate([3, 5], options with { Seed = 2 }).Images.Pixels;

    private static GeneratedImages Drawn(DiffusionPipeline pipeline, ImageReceipt receipt) =>
        pipeline.Prepare(receipt).RunAsync().GetAwaiter().GetResult();

    /// <summary>The small model, with a classifier of random weights of its own.</summary>
    private string Write(ClassifierRecipe recipe)
    {
        WriteClassifier(_scratch["classifier"], seed: 2);
        using var classifier = ClassifierFolder.Read(_scratch["classifier"]);
        using var network = new UNet(SmallPipeline.Config, seed: 3);
        ModelFolder.Write(_scratch["model"], network, SmallPipeline.Info with
        {
            Sampling = SmallPipeline.Info.Sampling with { Classifier = recipe }, Classifier = classifier,
        });
        return _scratch["model"];
    }

    private static void WriteClassifier(string folder, long seed, bool noise = false, string prefix = "")
    {
        using var classifier = Classifier.Create(Seen, seed);
        ClassifierFolder.Write(folder, classifier, new ClassifierInfo
        {
            Name = "small", Network = Seen, Dataset = "squares", Epochs = 1, Noise = noise, Provenance = "This test.",
            ClassNames = [.. Enumerable.Range(0, 10).Select(i => $"{prefix}{i}")],
        });
    }

    private static DiffusionPipeline Plain() => SmallPipeline.Create();

    private static DiffusionPipeline Open(string folder) =>
        new(ModelFolder.Read(folder), "small", ModelFolder.Hash(folder), threads: 2, ownsModel: true);
}
