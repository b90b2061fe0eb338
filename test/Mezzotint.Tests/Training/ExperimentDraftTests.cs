using Mezzotint.Data;
using Mezzotint.Formats;
using Mezzotint.Networks;
using Mezzotint.Tests.Formats;
using Mezzotint.Training;

namespace Mezzotint.Tests.Training;

/// <summary>A configuration made for a data set: complete, explained, and of a network that fits.</summary>
public class ExperimentDraftTests
{
    [Fact]
    public void It_is_read_back_as_it_is_and_every_setting_of_data_training_and_model_is_explained()
    {
        var draft = Draft(SmallExperiment.Images("train", 40, seed: 1, channels: 3, height: 16, width: 16, classes: 3));
        string text = draft.Write();
        Assert.Equal(Configuration.Write(draft.Config), Configuration.Write(Configuration.Parse(text, "draft")));
        string table = "", before = "";
        foreach (string line in text.Split('\n'))
        {
            if (line.StartsWith('['))
            {
                table = line;
                Assert.True(before.StartsWith('#') || line is "[parameterisation]", $"{line} is not explained");
            }
            bool isSetting = line.Contains(" = ", StringComparison.Ordinal) && !line.StartsWith('#');
            bool counts = table is "[data]" or "[pixels]" or "[training]";
            Assert.True(!isSetting || !counts || line.StartsWith("kind", StringComparison.Ordinal)
                || line.StartsWith("beta", StringComparison.Ordinal) || line.Contains("  # ", StringComparison.Ordinal)
                || before.StartsWith("# ", StringComparison.Ordinal), $"{table} {line} is not explained");
            Assert.InRange(line.Length, 0, 130);
            before = line;
        }
    }

    [Fact]
    public void Pixels_are_scaled_to_a_deviation_of_a_half_and_classes_decide_on_label_dropout()
    {
        var train = SmallExperiment.Images("train", 40, seed: 1, height: 16, width: 16, classes: 3);
        var config = Draft(train).Config;
        var scaling = Assert.IsType<PixelScaling>(config.Pixels);
        double[] numbers = [.. train.Pixels.Select(pixel => (pixel / 255.0 - scaling.Mean) / scaling.Scale)];
        Assert.Equal(0, numbers.Average(), 1e-3);
        Assert.Equal(0.5, Math.Sqrt(numbers.Average(x => x * x)), 1e-3);
        Assert.Equal((0.1, true), (config.Training.LabelDropout, config.Model.Unconditional));
        config = Draft(train.Renamed("plain", new byte[40], [])).Config;
        Assert.Equal((0, false), (config.Training.LabelDropout, config.Model.Unconditional));
    }

    [Fact]
    public void Settings_of_ones_own_are_taken_before_it_is_measured()
    {
        var train = SmallExperiment.Images("train", 40, seed: 1, height: 16, width: 16);
        var draft = Draft(train, config => config with { Model = SmallExperiment.Model with { Unconditional = true } });
        Assert.IsType<UNetConfig>(draft.Config.Model);
        Assert.True(draft.Speed.ImagesPerSecond > 0 && draft.Speed.Memory > 0);
    }

    [Fact]
    public void Networks_take_images_of_any_side_the_best_first()
    {
        for (int height = 2; height <= 200; height++)
            foreach (int width in (int[])[height, height / 2 + 1])
            {
                var networks = DraftNetwork.For(height, width, classes: true);
                long last = long.MaxValue;
                foreach (var network in networks)
                {
                    network.Validate();
                    Assert.Equal((0, 0), (height % network.Stride, width % network.Stride));
                    long places = (long)height * width / network.PatchSize / network.PatchSize;
                    Assert.True(places < last && (last == long.MaxValue || places >= 16));
                    last = places;
                }
            }
        var flagship = DraftNetwork.For(28, 28, classes: true)[0];
        Assert.Equal((2, 48, 4), (flagship.PatchSize, flagship.ModelChannels, flagship.Stride));
    }

    [Theory]
    [InlineData(new[] { 100, 80, 70, 90 }, 64)]
    [InlineData(new[] { 40, 33, 50, 60 }, 32)]
    [InlineData(new[] { 9, 12 }, 8)]
    [InlineData(new[] { 128, 128 }, 64)]
    [InlineData(new[] { 32, 32 }, null)]
    public void Pictures_are_brought_to_a_side_that_does_not_enlarge_most_of_them(int[] sides, int? side)
    {
        using var folder = new TemporaryFolder();
        for (int i = 0; i < sides.Length; i++)
            PngFile.Write(folder.File($"{i}.png"), new ImageBatch(1, 1, sides[i], sides[i], Pixels(sides[i], i)));
        var check = DataCheck.Of(folder.Name);
        var data = ExperimentDraft.Of(check, new DataConfig { Name = folder.Name });
        Assert.Equal((side, 1), (data.Size, data.Channels));
        Assert.NotEmpty(DataSource.Load(folder.Name, data.Reading(ImageSplit.Train)).Labels);
        Assert.NotEmpty(DataSource.Load(folder.Name, data.Reading(ImageSplit.Test)).Labels);
        Assert.Equal(24, ExperimentDraft.Of(check, new DataConfig { Name = folder.Name, Size = 24 }).Size);
    }

    private static byte[] Pixels(int side, int shade)
    {
        byte[] pixels = new byte[side * side];
        Array.Fill(pixels, (byte)(50 * shade));
        return pixels;
    }

    private static ExperimentDraft Draft(ImageSet train, Func<ExperimentConfig, ExperimentConfig>? settings = null)
    {
        var check = new DataCheck
        {
            Source = train.Name, Layout = "arrays", Reading = new ReadingReport { Source = train.Name, Taken = train.Count },
            Sheet = new ImageBatch(1, train.Channels, train.Height, train.Width, train.Image(0).ToArray()),
            Sizes = [(train.Width, train.Height, train.Count)],
        };
        return ExperimentDraft.For(
            check, ExperimentDraft.Of(check, new DataConfig { Name = "strokes" }), train, train, TimeSpan.FromSeconds(1),
            config => (settings?.Invoke(config) ?? config) with
            {
                Training = config.Training with { Replicas = 1, BatchSize = 8 },
            });
    }
}
