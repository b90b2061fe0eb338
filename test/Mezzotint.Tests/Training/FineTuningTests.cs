using Mezzotint.Data;
using Mezzotint.Formats;
using Mezzotint.Models;
using Mezzotint.Networks;
using Mezzotint.Noise;
using Mezzotint.Runs;
using Mezzotint.Runtime;
using Mezzotint.Tests.Formats;
using Mezzotint.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace Mezzotint.Tests.Training;

/// <summary>A training that begins with a model: other classes, frozen parts, low-rank changes.</summary>
public class FineTuningTests
{
    private static readonly ImageSet Twelve = SmallExperiment.Images("twelve", 20, seed: 3, classes: 12);

    private static ExperimentConfig With(Func<TrainingConfig, TrainingConfig> change, bool unconditional = false) =>
        SmallExperiment.Config with
        {
            Model = SmallExperiment.Model with { Unconditional = unconditional },
            Training = change(SmallExperiment.Config.Training),
        };

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void More_classes_get_more_rows_and_the_models_own_stay(bool unconditional)
    {
        using var start = (SmallExperiment.Model with { Unconditional = unconditional }).Build(seed: 7);
        using var trainer = new Trainer(With(training => training, unconditional), Twelve, Twelve, start: start);
        var (before, after) = (Rows(start), Rows((DenoisingNetwork)trainer.Network));
        Assert.Equal([unconditional ? 13 : 12, 8], after.shape);
        Assert.True(after.narrow(0, 0, 10).Equals(before.narrow(0, 0, 10)));
        if (unconditional)
            Assert.True(after[12].Equals(before[10]));
        AssertSameBut("context_embed", start, trainer.Network);
        trainer.TrainStep();
    }

    [Fact]
    public void New_classes_begin_with_fresh_rows_and_the_row_of_no_class_stays()
    {
        using var start = (SmallExperiment.Model with { Unconditional = true }).Build(seed: 7);
        var three = SmallExperiment.Images("three", 20, seed: 4, classes: 3);
        using var trainer = new Trainer(With(training => training with { NewClasses = true }, true), three, three, start: start);
        var (before, after) = (Rows(start), Rows((DenoisingNetwork)trainer.Network));
        Assert.Equal([4, 8], after.shape);
        Assert.False(after[0].Equals(before[0]));
        Assert.True(after[3].Equals(before[10]));
    }

    [Fact]
    public void Anchors_may_lie_elsewhere_than_those_of_the_model_and_their_number_counts()
    {
        var network = new ResidualUNetConfig
        {
            ModelChannels = 8, ChannelMultipliers = [1], ResidualBlocks = [1], HeadChannels = 8, Anchors = [-0.2, 1.4],
        };
        var config = SmallExperiment.Config with
        {
            Model = network with { Anchors = [-0.4, 1.0] }, Process = new Edm(), Parameterisation = new EdmPreconditioning(),
            Loss = new EdmWeighting(), Times = new LogNormalLevels(),
        };
        using var start = network.Build(seed: 7);
        using var trainer = new Trainer(config, SmallExperiment.Train, SmallExperiment.Train, start: start);
        AssertSameBut("-", start, trainer.Network);
        Assert.Equal([-0.4, 1.0], ((ResidualUNetConfig)((DenoisingNetwork)trainer.Network).Config).Anchors);

        using var fewer = (network with { Anchors = [-0.2] }).Build(seed: 7);
        var refused = Assert.Throws<MezzotintException>(
            () => new Trainer(config, SmallExperiment.Train, SmallExperiment.Train, start: fewer));
        Assert.Contains("another shape", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Another_size_of_images_goes_on_with_the_same_network()
    {
        using var start = SmallExperiment.Model.Build(seed: 7);
        var larger = SmallExperiment.Images("larger", 8, seed: 5, height: 12, width: 16);
        using var trainer = new Trainer(SmallExperiment.Config, larger, larger, start: start);
        AssertSameBut("-", start, trainer.Network);
        trainer.TrainStep();
        Assert.True(float.IsFinite(trainer.ReadLosses()[0]));
    }

    [Theory]
    [InlineData("encoder")]
    [InlineData("encoder.*")]
    [InlineData("*conv*, time_embed")]
    public void Frozen_parts_stay_and_the_others_learn(string freeze)
    {
        using var start = SmallExperiment.Model.Build(seed: 7);
        using var trainer = new Trainer(
            With(training => training with { Freeze = freeze, Average = new ExponentialAverage { Decay = 0.5 } }),
            SmallExperiment.Train, SmallExperiment.Test, start: start);
        for (int i = 0; i < 3; i++)
            trainer.TrainStep();
        var before = start.named_parameters().ToDictionary(named => named.name, named => named.parameter);
        string[] patterns = FrozenParts.Patterns(freeze);
        var frozen = trainer.Network.named_parameters().ToLookup(
            named => patterns.Any(pattern => FrozenParts.Fits(pattern, named.name)));
        Assert.NotEmpty(frozen[true]);
        foreach (var (name, parameter) in frozen[true])
            Assert.True(parameter.Equals(before[name]), name);
        // all but queries and keys, which have no gradient where there is one token
        Assert.True(frozen[false].Count(named => !named.parameter.Equals(before[named.name])) > 0.5 * frozen[false].Count());
    }

    [Theory]
    [InlineData("nothing", "fits no part of the network")]
    [InlineData("*", "freezes the whole network")]
    public void A_pattern_that_freezes_nothing_or_everything_is_refused(string freeze, string expected)
    {
        var refused = Assert.Throws<MezzotintException>(() => new Trainer(
            With(training => training with { Freeze = freeze }), SmallExperiment.Train, SmallExperiment.Test));
        Assert.Equal("training.freeze", refused.Key);
        Assert.Contains(expected, refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_low_rank_step_has_the_gradients_that_autograd_gives_up_and_down()
    {
        using var scope = NewDisposeScope();
        var (up, down, g) = (randn(6, 2).requires_grad_(), randn(2, 5).requires_grad_(), randn(6, 5));
        using var layer = nn.Linear(5, 6, hasBias: false);
        using var network = nn.Sequential(("layer", layer));
        using var flat = FlatParameters.Of(network);
        using var changes = new LowRankWeights(network, flat.Weights, new() { Rank = 2, Alpha = 3 }, replicas: 1, seed: 1);
        using (no_grad())
        {
            changes.Changes[0].Down.copy_(down);
            changes.Changes[0].Up.copy_(up);
            changes.Apply();
            flat.Gradients.view(6, 5).copy_(g);
            changes.Take(0, flat.Gradients);
        }
        var weight = changes.Base.view(6, 5).Plus(up.matmul(down).Times(1.5));
        TensorAssert.Close(weight.detach(), layer.weight!.detach(), 1e-6, "weights");
        (weight * g).sum().backward();
        TensorAssert.Close(down.grad!.flatten(), changes.Gradients[0].narrow(0, 0, 10), 1e-5, "down");
        TensorAssert.Close(up.grad!.flatten(), changes.Gradients[0].narrow(0, 10, 12), 1e-5, "up");
        Assert.Equal(0, flat.Gradients.abs().sum().item<float>());
    }

    [Fact]
    public void A_low_rank_training_lowers_the_loss_and_goes_on_to_the_bit()
    {
        using var start = SmallExperiment.Model.Build(seed: 7);
        var config = With(training =>
            training with { LowRank = new() { Rank = 2 }, LearningRate = 3e-3 });
        Trainer Begin() => new(config, SmallExperiment.Train, SmallExperiment.Test, start: start);
        using var straight = Begin();
        double before = straight.Evaluate();
        Run(straight, 9);
        using var first = Begin();
        Run(first, 4);
        using var second = Begin();
        second.Restore(CheckpointOf(first));
        Run(second, 5);
        Assert.True(straight.Evaluate() < before);
        AssertSameBut("-", straight.Network, second.Network);
        Assert.True(first.Tensors()["weights"].Bytes.Length < 0.25 * 4 * SmallExperiment.Model.ParameterCount);
    }

    [Fact]
    public void The_adapter_of_a_run_gives_its_start_the_weights_of_its_model()
    {
        using var temporary = new TemporaryFolder();
        using var folder = RunFolder.Open(temporary.Name);
        using (var network = SmallExperiment.Model.Build(seed: 7))
            ModelFolder.Write(folder.Start, network, new ModelInfo
            {
                Name = "start", Model = SmallExperiment.Model, Height = 8, Width = 8,
                ClassNames = SmallExperiment.Train.ClassNames, Dataset = "train",
            });
        var config = With(training => training with { LowRank = new() { Rank = 2, Alpha = 4, Parts = "encoder, mid_block" } });
        Assert.True(new TrainingRun(config, folder, SmallExperiment.Train, SmallExperiment.Test).Run().Finished);

        Assert.All(SafetensorsFile.Read(folder.Adapter).Tensors.Keys,
            name => Assert.StartsWith("lora_unet_", name, StringComparison.Ordinal));
        using var adapted = ModelFolder.Read(folder.Start).Adapt(folder.Adapter);
        using var trained = ModelFolder.Read(folder.Model);
        var wanted = trained.Network.named_parameters().ToDictionary(named => named.name, named => named.parameter);
        foreach (var (name, parameter) in adapted.Network.named_parameters())
            Assert.True((wanted[name] - parameter).abs().max().item<float>() < 1e-6, name);
        adapted.RemoveAdapters();
        adapted.Adapt(folder.Adapter, 0.5);
    }

    private static TorchSharp.Modules.Parameter Rows(DenoisingNetwork network) =>
        network.named_parameters().Single(named => named.name.Contains("context_embed", StringComparison.Ordinal)).parameter;

    private static void AssertSameBut(string part, nn.Module expected, nn.Module actual)
    {
        var weights = actual.named_parameters().ToDictionary(named => named.name, named => named.parameter);
        foreach (var (name, parameter) in expected.named_parameters())
            if (!name.Contains(part, StringComparison.Ordinal))
                Assert.True(parameter.Equals(weights[name]), name);
    }

    private static void Run(Trainer trainer, int steps)
    {
        for (int i = 0; i < steps; i++)
        {
            trainer.TrainStep();
            trainer.ReadLosses();
        }
    }

    private static Checkpoint CheckpointOf(Trainer trainer) => new()
    {
        Step = trainer.Step, EpochsReported = 0, EpochLoss = 0, SinceLog = (0, 0), Elapsed = TimeSpan.Zero,
        Tensors = trainer.Tensors(),
    };
}
