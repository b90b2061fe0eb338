using Mezzotint.Data;
using Mezzotint.Engine;
using Mezzotint.Networks;
using Mezzotint.Runtime;
using Mezzotint.Tests.Engine;
using Mezzotint.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace Mezzotint.Tests.Training;

/// <summary>Changes of training images that the network is told of.</summary>
public class ChangedImagesTests
{
    private const int Height = 24, Width = 32;

    private static readonly ResidualUNetConfig Network = new()
    {
        ModelChannels = 16, HeadChannels = 16, ChannelMultipliers = [1], ResidualBlocks = [1], CorpusLength = 10,
    };

    [Fact]
    public void An_image_that_nothing_happens_to_stays_to_the_bit_and_the_network_is_told_zeros()
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(1, CPU);
        var images = randn([20, 3, Height, Width], generator: generator);
        var drawn = ChangedImages.From(generator, 20, 0.05, Height, Width);
        var changed = drawn.Apply(images);
        bool[] still = [.. Enumerable.Range(0, 20).Select(i => drawn.Numbers[i].abs().max().item<float>() == 0)];
        Assert.Contains(true, still);
        Assert.Contains(false, still);
        for (int i = 0; i < 20; i++)
            Assert.Equal(still[i], changed[i].Equals(images[i]));
    }

    [Fact]
    public void Each_change_has_its_probability()
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(1, CPU);
        const int count = 20_000;
        var numbers = ChangedImages.From(generator, count, 0.12, Height, Width).Numbers;
        foreach (int number in (int[])[0, 1, 2, 3, 5, 7, 8])
        {
            double share = numbers.select(1, number).ne(0).to(float64).mean().item<double>();
            Assert.InRange(share, 0.11, 0.13); // 4 deviations
        }
    }

    [Fact]
    public void Mirrors_are_exact()
    {
        using var scope = NewDisposeScope();
        var images = randn(2, 1, Height, Width);
        var changed = ChangedImages.Of([new() { Mirror = true }, new() { UpsideDown = true }], Height, Width).Apply(images);
        Assert.True(changed[0].Equals(images[0].flip(2)));
        Assert.True(changed[1].Equals(images[1].flip(1)));
    }

    // a spot 4 columns right of the centre and 2 rows below it
    [Theory]
    [InlineData(0, 0, 0, 0, 1, 0, 8, 2)] // moved right by an eighth of the width
    [InlineData(0, 0, 0, 0, 0, -1, 4, -1)] // up by an eighth of the height
    [InlineData(5, 0, 0, 0, 0, 0, 8, 4)] // 2^(5 x 0.2) = 2 times as large
    [InlineData(0, 90, 0, 0, 0, 0, -2, 4)] // turned clockwise by 90 degrees
    [InlineData(0, 0, 2.5, 0, 0, 0, 5.657, 1.414)] // wider and lower by the root of 2
    [InlineData(0, 0, 2.5, 90, 0, 0, 2.828, 2.828)] // higher and narrower
    [InlineData(2.5, 90, 0, 0, 1, 0, 1.172, 5.657)] // turned, enlarged, and then moved
    public void A_spot_comes_where_the_change_takes_it(
        double size, double turn, double stretch, double along, double right, double down, double x, double y)
    {
        using var scope = NewDisposeScope();
        var rows = arange(Height, dtype: float32) - (Height - 1) / 2.0;
        var columns = arange(Width, dtype: float32) - (Width - 1) / 2.0;
        var image = ((rows - 2).pow(2).unsqueeze(1) + (columns - 4).pow(2).unsqueeze(0)).mul(-0.5f).exp();
        var change = new ImageChange(false, false, size, turn * Math.PI / 180, stretch, along * Math.PI / 180, right, down);
        var changed = ChangedImages.Of([change], Height, Width).Apply(image.view(1, 1, Height, Width))[0, 0].clamp_min(0);
        var mass = changed.sum();
        Assert.Equal(x, (changed * columns).sum().item<float>() / mass.item<float>(), 0.15);
        Assert.Equal(y, (changed * rows.unsqueeze(1)).sum().item<float>() / mass.item<float>(), 0.15);
    }

    [Theory]
    [InlineData(nameof(EngineKind.On))]
    [InlineData(nameof(EngineKind.Plain))]
    public void Images_as_they_are_are_to_a_network_that_knows_of_changes_what_they_are_to_one_that_does_not(string kind)
    {
        using var chosen = Engines.Use(kind);
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        using var knowing = (Network with { KnowsChanges = true }).Build(seed: 3);
        using var plain = Network.Build(seed: 4);
        foreach (var (_, parameter) in knowing.named_parameters())
            parameter.normal_(0, 0.2);
        var theirs = knowing.named_parameters().ToDictionary(named => named.name, named => named.parameter);
        foreach (var (name, parameter) in plain.named_parameters())
            parameter.copy_(theirs[name]);
        Assert.Equal(theirs.Count - 1, plain.named_parameters().Count());

        var (x, t, asked) = (randn(3, 1, 8, 8), rand(3), Condition.OfLabels([1, 2, 3]));
        var told = asked.WithChanges(randn(3, ImageChanges.Numbers));
        var expected = plain.call(x, t, asked);
        TensorAssert.Close(expected, knowing.call(x, t, asked), 1e-6);
        Assert.False(expected.allclose(knowing.call(x, t, told)));
        using var engine = NetworkEngine.For(knowing, 8, 8, bfloat16: false, training: false);
        Assert.NotNull(engine);
        TensorAssert.Close(expected, NetworkEvaluator.Evaluate(engine, x, t, asked), 1e-5);
        TensorAssert.Close(knowing.call(x, t, told), NetworkEvaluator.Evaluate(engine, x, t, told), 1e-5);
    }

    [Fact]
    public void Replicas_share_the_changes_of_a_batch_and_the_test_loss_has_none()
    {
        float[][] losses = [.. ((int[])[1, 2]).Select(replicas =>
        {
            var config = SmallExperiment.Config with { Model = Network with { KnowsChanges = true } };
            config = config.WithTraining(config.Training with { Replicas = replicas, Augment = 0.5 });
            using var trainer = new Trainer(config, SmallExperiment.Train, SmallExperiment.Test);
            double before = trainer.Evaluate();
            for (int i = 0; i < 3; i++)
                trainer.TrainStep();
            Assert.NotEqual(before, trainer.Evaluate());
            return trainer.ReadLosses();
        })];
        Assert.All(losses[0].Zip(losses[1]), pair => Assert.Equal(pair.First, pair.Second, 1e-3f * pair.First));
        using var drawn = NewDisposeScope();
        using var generator = new Generator(2, CPU);
        using var data = new ResidentImages(SmallExperiment.Train, CPU);
        var task = new DenoisingTask(Network with { KnowsChanges = true }, new TrainingObjective()) { Augment = 0.5 };
        Assert.Null(((NoiseDraw)task.DrawForTest(generator, data, arange(4, dtype: int64))).Changes);
        Assert.NotNull(((NoiseDraw)task.Draw(generator, data, arange(4, dtype: int64), 0)).Changes);
    }

    [Fact]
    public void A_network_that_cannot_be_told_is_refused()
    {
        var config = SmallExperiment.Config.WithTraining(SmallExperiment.Config.Training with { Augment = 0.1 });
        Assert.Equal("training.augment", Assert.Throws<MezzotintException>(config.Validate).Key);
        (config with { Model = Network with { KnowsChanges = true } }).Validate();
    }
}
