using Mezzotint.Data;
using Mezzotint.Formats;
using Mezzotint.Models;
using Mezzotint.Runs;
using Mezzotint.Tests.Formats;
using Mezzotint.Tests.Training;
using Mezzotint.Training;
using static TorchSharp.torch;

namespace Mezzotint.Tests.Runs;

/// <summary>The run of a text-image model and the folder that it leaves.</summary>
public class TextImageRunTests
{
    [Fact]
    public void A_run_leaves_a_folder_that_is_read_back_with_its_figures_and_its_tokenizer()
    {
        using var temporary = new TemporaryFolder();
        using var folder = RunFolder.Open(temporary.Name);
        var result = new TrainingRun(Shapes.Experiment, folder, Shapes.All, Shapes.All).Run();
        Assert.Equal((true, 9), (result.Finished, result.Step));
        Assert.All(result.Epochs, line => Assert.Equal(["caption_first", "picture_first"], line.Figures!.Keys.Order()));
        using var kept = TextImageFolder.Read(folder.Model);
        Assert.Equal((3, "shapes", Shapes.Experiment.Data), (kept.Info.Epochs, kept.Info.Dataset, kept.Info.Data));
        Assert.Equal(result.Epochs[^1].Figures!["picture_first"], kept.Info.PictureFirst);
        Assert.Equal(Shapes.Tokenizer.Texts, kept.Tokenizer.Texts);
        Assert.Equal(12, kept.Tokenizer.Length);
        Assert.Equal(Shapes.Fitted.TextEncoder, kept.Network.Text.Config);
        // the text encoder and the image encoder are read alone, too
        using var scope = NewDisposeScope();
        using var text = TextEncoderFolder.Read(Path.Combine(folder.Model, "text_encoder"));
        using var image = TextImageFolder.ReadImageEncoder(Path.Combine(folder.Model, "image_encoder"));
        var pictures = rand(2, 3, Shapes.Side, Shapes.Side);
        TensorAssert.Same(kept.Network.Image.call(pictures), image.call(pictures));
        TensorAssert.Same(kept.Network.Text.parameters().First(), text.parameters().First());
    }

    [Fact]
    public void Stopped_and_resumed_it_ends_the_same_to_the_bit()
    {
        using var straight = new TemporaryFolder();
        using var stopped = new TemporaryFolder();
        _ = Run(straight.Name);
        using var cancel = new CancellationTokenSource();
        Assert.False(
            Run(stopped.Name, new Progress(report => { if (report.Step >= 4) cancel.Cancel(); }), cancel.Token).Finished);
        Assert.True(Run(stopped.Name).Finished);
        foreach (string part in new[] { "", "text_encoder", "image_encoder" })
            Assert.Equal(File.ReadAllBytes(Path.Combine(straight.Name, "model", part, "model.safetensors")),
                File.ReadAllBytes(Path.Combine(stopped.Name, "model", part, "model.safetensors")));
    }

    [Fact]
    public void Settings_come_back_from_the_configuration_as_they_were()
    {
        string toml = Configuration.Write(Shapes.Fitted);
        Assert.StartsWith("kind = \"text-image\"", toml, StringComparison.Ordinal);
        Assert.Equal(Shapes.Fitted, Configuration.ParseExperiment(toml, "shapes.toml"));
        var refused = Assert.Throws<MezzotintException>(
            () => Configuration.ParseExperiment("kind = \"text-image\"\n[vocabulary]\nsize = 100", "shapes.toml"));
        Assert.Equal("shapes.toml, line 3: vocabulary.size = 100: must be between 514 and 1048576.", refused.Message);
    }

    [Fact]
    public void A_folder_whose_parts_do_not_belong_together_is_named_in_one_line()
    {
        using var temporary = new TemporaryFolder();
        var none = Assert.Throws<MezzotintException>(() => TextImageFolder.Read(temporary.Name));
        Assert.Contains("is not a text-image model: it must have model.safetensors", none.Message, StringComparison.Ordinal);
        using var model = (Mezzotint.Networks.TextImageModel)Shapes.Fitted.Task(Shapes.Tokenizer).Build(3);
        TextImageFolder.Write(temporary.Name, model, Shapes.Tokenizer, new());
        string At(string file) => Path.Combine(temporary.Name, file);

        Refused("lacks the weights 'logit_scale'", () => SafetensorsFile.Write(At("model.safetensors"),
            SafetensorsFile.Read(At("model.safetensors")).Tensors.Where(weights => weights.Key != "logit_scale")));
        Refused("image_encoder/config.json, line 2: architecture = 'other': must be residual or plain", () => File.WriteAllText(
            At("image_encoder/config.json"), "{\n\"architecture\": \"other\"}"));
        Refused("the two do not belong together", () => File.WriteAllText(
            At("tokenizer/tokenizer_config.json"), """{"model_max_length": 13}"""));

        void Refused(string message, Action damage)
        {
            TextImageFolder.Write(temporary.Name, model, Shapes.Tokenizer, new());
            using (TextImageFolder.Read(temporary.Name))
                damage();
            var refused = Assert.Throws<MezzotintException>(() => TextImageFolder.Read(temporary.Name));
            Assert.Contains(message, refused.Message, StringComparison.Ordinal);
            Assert.DoesNotContain('\n', refused.Message);
        }
    }

    private static TrainingResult Run(
        string path, IProgress<TrainingProgress>? progress = null, CancellationToken cancellation = default)
    {
        using var folder = RunFolder.Open(path);
        return new TrainingRun(Shapes.Experiment, folder, Shapes.All, Shapes.All).Run(progress, cancellation);
    }

    private sealed class Progress(Action<TrainingProgress> report) : IProgress<TrainingProgress>
    {
        public void Report(TrainingProgress value) => report(value);
    }
}
