using Mezzotint.Networks;
using Mezzotint.Engine;
using Mezzotint.Runtime;
using Mezzotint.Sampling;
using Mezzotint.Training;
using TorchSharp;

namespace Mezzotint.Tests.Runtime;

/// <summary>What cannot fit into memory is refused from its description alone, with the figures and the setting to
/// lower.</summary>
public class MemoryNeedTests
{
    private static readonly ExperimentConfig Large = new()
    {
        Model = new ResidualUNetConfig { ModelChannels = 4096, ChannelMultipliers = [1, 64], ResidualBlocks = [16, 16] },
    };

    public static TheoryData<string> Shapes => ["unet", "wide unet", "residual", "residual with attention"];

    [Theory]
    [MemberData(nameof(Shapes))]
    public void The_layers_that_are_counted_are_those_of_the_network(string shape)
    {
        var config = Of(shape);
        using var network = config.Build();
        string[] vectors = ["time", "modulation", "cross_attn.k", "cross_attn.v", "embed", "labels"];
        double weights = network.named_parameters()
            .Where(named => named.parameter.dim() > 1)
            .Where(named => !vectors.Any(part => named.name.Contains(part, StringComparison.Ordinal)))
            .Sum(named => (double)named.parameter.numel());
        Assert.Equal(weights, LayerShape.Of(config.Describe(), 32, 32).Sum(layer => layer.Weights));
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Maps_grow_with_the_pixels(string shape)
    {
        var config = Of(shape);
        double Maps(int side) => LayerShape.Of(config.Describe(), side, side).Sum(layer => layer.InputMap + layer.OutputMap);
        Assert.Equal(4 * Maps(32), Maps(64));
    }

    [Fact]
    public void A_network_that_cannot_fit_is_refused_wherever_it_is_made()
    {
        foreach (Action make in new Action[]
        {
            () => Large.Model.Build(),
            () => _ = new ResidualUNet((ResidualUNetConfig)Large.Model),
            () => TrainingMemory.Of(Large).Check(),
        })
        {
            var refused = Assert.Throws<MezzotintException>(make);
            Assert.Equal("model.model_channels", refused.Key);
            Assert.Matches(
                @"does not fit into memory: it takes about [\d.]+ GB, .* parameters.*Lower model\.model_channels",
                refused.Message);
        }
    }

    [Fact]
    public void The_remedy_is_the_one_that_helps()
    {
        using var libtorch = EngineChoice.Use(EngineKind.Off); // whose maps grow with the batch
        var config = new ExperimentConfig
        {
            Model = new ResidualUNetConfig { ModelChannels = 512, HeadChannels = 8 },
            Training = new() { Replicas = 8, BatchSize = 64, Precision = ComputePrecision.Float32 },
        };
        double Need(int replicas, int batch)
        {
            var training = config.Training with { Replicas = replicas, BatchSize = batch };
            return TrainingMemory.Of(config with { Training = training }, 28, 28).Bytes;
        }

        string Key(double available)
        {
            var need = TrainingMemory.Of(config, 28, 28, available);
            return Assert.Throws<MezzotintException>(() => need.Check(available, held: 0)).Key!;
        }

        Assert.Equal("training.replicas", Key(Need(3, 64)));
        Assert.Equal("training.batch_size", Key(Need(8, 16)));
        Assert.Equal("model.model_channels", Key(Need(8, 1) / 100));
        TrainingMemory.Of(config, 28, 28, Need(8, 64)).Check(Need(8, 64), held: 0);
        Assert.Throws<MezzotintException>(() => TrainingMemory.Of(config, 28, 28).Check(Need(8, 64), held: 1));
    }

    [Fact]
    public void Every_kind_of_training_has_an_estimate_that_grows_with_its_images_and_a_setting_to_lower()
    {
        var training = new TrainingConfig { Replicas = 1, BatchSize = 1 };
        foreach (var (experiment, key) in new (Experiment, string)[]
        {
            (new ExperimentConfig { Training = training }, "model.model_channels"),
            (new AutoencoderExperiment { Training = training, Network = new() { BlockOutChannels = [32, 64] } },
                "network.block_out_channels"),
            (new TextImageExperiment { Training = training }, "image_encoder.model_channels"),
            (new ClassifierExperiment { Training = training }, "training.batch_size"),
        })
        {
            Assert.True(experiment.Memory(64, 64).Maps > experiment.Memory(32, 32).Maps, key);
            Assert.True(experiment.Memory(32, 32).Weights > 3 * sizeof(float) * 10_000, key);
            var need = TrainingMemory.Of(experiment, 32, 32, available: 1);
            Assert.Equal(key, Assert.Throws<MezzotintException>(() => need.Check(available: 1, held: 0)).Key);
        }
    }

    [Theory]
    [InlineData(28)]   // an engine holds the maps of one image
    [InlineData(1024)] // libtorch those of a batch
    public void Drawing_takes_more_for_more_threads_and_more_images(int side)
    {
        var network = new ResidualUNetConfig();
        MemoryNeed Need(int threads, int images) =>
            DrawingMemory.Of(network, side, side, threads, images, ComputePrecision.Float32);
        Assert.Equal(2 * Need(1, 8).Bytes, Need(2, 8).Bytes);
        Assert.True(Need(1, 16).Bytes > Need(1, 8).Bytes);
        var refused = Assert.Throws<MezzotintException>(() => Need(2, 8).Check(available: Need(1, 8).Bytes, held: 0));
        Assert.Equal("count", refused.Key);
        Assert.StartsWith("Drawing 16 images at once does not fit into memory: ", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Native_errors_of_memory_are_told_from_others()
    {
        var native = Assert.ThrowsAny<Exception>(() => torch.zeros(1L << 50));
        Assert.True(OutOfMemory.Is(native), native.Message);
        Assert.True(OutOfMemory.Is(new AggregateException(new InvalidOperationException("", native))));
        Assert.True(OutOfMemory.Is(Assert.Throws<OutOfMemoryException>(() => new string('x', 0x3fff_ffff))));
        Assert.False(OutOfMemory.Is(Assert.ThrowsAny<Exception>(() => torch.zeros(2).reshape(3))));
        Assert.Contains("training.batch_size", OutOfMemory.Message, StringComparison.Ordinal);
    }

    private static NetworkConfig Of(string shape) => shape switch
    {
        "unet" => new UNetConfig(),
        "wide unet" => new UNetConfig
        {
            NumResBlocks = 3, ChannelMultipliers = [1, 3, 2], AttentionLevels = [0, 2], Transformer = new() { NumLayers = 2 },
        },
        "residual" => new ResidualUNetConfig(),
        _ => new ResidualUNetConfig
        {
            PatchSize = 2, ChannelMultipliers = [1, 2, 3], ResidualBlocks = [1, 3, 2], AttentionLevels = [0, 2], Anchors = [0, 1],
        },
    };
}
