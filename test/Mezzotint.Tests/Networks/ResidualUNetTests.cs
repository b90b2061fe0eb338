using CsCheck;
using Mezzotint.Networks;
using Mezzotint.Noise;
using Mezzotint.Runtime;
using Mezzotint.Training;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Mezzotint.Tests.Networks;

public class ResidualUNetTests
{
    private static readonly ResidualUNetConfig Small = new()
        { ModelChannels = 8, ResidualBlocks = [1, 2], HeadChannels = 8, AttentionLevels = [1], Unconditional = true };

    private static readonly Gen<ResidualUNetConfig> AnyShape = Gen.Select(
        Gen.Int[1, 12], Gen.Int[1, 3], Gen.Select(Gen.Int[1, 3], Gen.Int[1, 2]).Array[1, 3], Gen.Int[0, 2].Array[0, 3],
        Gen.Int[0, 2], Gen.Bool,
        (classes, channels, levels, attention, patch, unconditional) => new ResidualUNetConfig
        {
            CorpusLength = classes,
            Unconditional = unconditional,
            InChannels = channels,
            OutChannels = channels,
            PatchSize = 1 << patch,
            Anchors = [.. Enumerable.Range(0, patch)],
            ModelChannels = 8,
            ChannelMultipliers = [.. levels.Select(level => level.Item1)],
            ResidualBlocks = [.. levels.Select(level => level.Item2)],
            AttentionLevels = [.. attention.Where(level => level < levels.Length)],
            HeadChannels = 4,
        });

    [Fact]
    public void Any_shape_makes_images_of_its_size_and_has_as_many_parameters_as_it_says() =>
        AnyShape.Sample(config =>
        {
            using var network = (ResidualUNet)config.Build(seed: 5);
            using var scope = NewDisposeScope();
            using var noGrad = no_grad();
            Assert.Equal(network.named_parameters().Sum(named => named.parameter.numel()), config.ParameterCount);
            Assert.Equal([2, config.InChannels, config.Stride, 2 * config.Stride],
                network.call(
                    zeros(2, config.InChannels, config.Stride, 2 * config.Stride), ones(2),
                    Condition.OfClasses(zeros(2, 1, dtype: int64))).shape);
        }, iter: 25, threads: 1);

    [Fact]
    public void Anchors_say_how_far_a_pixel_is_from_them_in_deviations_of_the_noise()
    {
        var config = Small with { Anchors = [-0.25, 1.5], AnchorDataStd = 0.7 };
        using var scope = NewDisposeScope();
        double[] levels = [0.001, 0.5, 80];
        var (clean, noise) = (rand(3, 1, 2, 2, dtype: float64), randn(3, 1, 2, 2, dtype: float64));
        for (int i = 0; i < 3; i++)
        {
            double level = levels[i], scale = 1 / Math.Sqrt(level * level + 0.49);
            var noisy = clean.narrow(0, i, 1).add(noise.narrow(0, i, 1).mul(level));
            noisy[0, 0, 0, 0] = noise[i, 0, 0, 0].mul(level).sub(0.25); // exactly the first anchor, before the noise
            var seen = AnchorInputs.Beside(
                noisy.mul(scale).to(float32), tensor([(float)(Math.Log(level) / 4)]), config.Anchors, config.AnchorDataStd);
            Assert.Equal([1, 3, 2, 2], seen.shape);
            TensorAssert.Same(noisy.mul(scale).to(float32), seen.narrow(1, 0, 1));
            foreach (var (anchor, channel) in new[] { (-0.25, 1), (1.5, 2) })
                Assert.True(
                    noisy.sub(anchor).div(level).clamp(-4, 4).mul(0.5).to(float32)
                        .allclose(seen.narrow(1, channel, 1), 1e-4, 2e-3));
            Assert.Equal(Math.Clamp(noise[i, 0, 0, 0].item<double>(), -4, 4) / 2, seen[0, 1, 0, 0].item<float>(), 1e-3);
        }
        Assert.Contains(
            "model.anchors", Assert.Throws<MezzotintException>((config with { Anchors = [double.NaN] }).Validate).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Anchors_need_the_preconditioning_that_they_undo()
    {
        var config = new ExperimentConfig
            { Process = new Edm(), Parameterisation = new EdmPreconditioning(), Model = Small with { Anchors = [0] } };
        config = config with { Sampling = new() { Sampler = "heun", Levels = "karras", Steps = 20 } };
        config.Validate();
        foreach (
            var other in new[]
            {
                config with { Parameterisation = new EdmPreconditioning { DataStd = 0.4 } },
                config with { Parameterisation = new ImageParameterisation() },
            })
            Assert.Contains(
                "model.anchor_data_std", Assert.Throws<MezzotintException>(other.Validate).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_fresh_network_predicts_nothing()
    {
        using var network = Small.Build(seed: 3);
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        Assert.Equal(
            0,
            network.call(randn(2, 1, 4, 4), ones(2), Condition.OfClasses(zeros(2, 1, dtype: int64))).abs().max().item<float>());
    }

    [Fact]
    public void Image_time_and_label_each_change_the_output_and_other_images_of_the_batch_do_not()
    {
        using var network = Trained(Small);
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var (x, t, labels) = (randn(3, 1, 8, 4), tensor([0.1f, 0.5f, 0.9f]), tensor([0L, 3, 10], [3, 1]));
        var all = network.call(x, t, Condition.OfClasses(labels));
        for (int i = 0; i < 3; i++)
        {
            Tensor One(Tensor images, Tensor times, Tensor classes) =>
                network.call(images.narrow(0, i, 1), times.narrow(0, i, 1), Condition.OfClasses(classes.narrow(0, i, 1)));
            Assert.True(One(x, t, labels).allclose(all.narrow(0, i, 1), 1e-4, 1e-5));
            Assert.False(One(x.Plus(0.1), t, labels).allclose(all.narrow(0, i, 1), 1e-3, 1e-4));
            Assert.False(One(x, t.Plus(0.05), labels).allclose(all.narrow(0, i, 1), 1e-3, 1e-4));
            Assert.False(One(x, t, labels.sub(5).abs()).allclose(all.narrow(0, i, 1), 1e-3, 1e-4));
        }
    }

    /// <summary>The same formula in plain float64 loops, written from the papers.</summary>
    [Fact]
    public void A_block_is_its_formula()
    {
        random.manual_seed(7);
        using var block = new DescribedPart(net =>
            ResidualUNet.Block(net, "it", net.Map("x", 16), net.Vector("condition", Small.EmbeddingWidth), 8));
        Randomise(block);
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var (x, condition) = (randn(1, 16, 3, 2), randn(1, Small.EmbeddingWidth));
        var weights = block.Weights().ToDictionary(named => named.Name, named => Doubles(named.Weights));
        double[] modulation = PlainLayers.Linear(Doubles(condition), weights["modulation.weight"], weights["modulation.bias"]);

        double[] input = Doubles(x);
        double[] h = PlainLayers.Silu(PlainLayers.GroupNorm(input, 16, 8, weights["norm1.weight"], weights["norm1.bias"]));
        h = PlainLayers.GroupNorm(
            PlainLayers.Convolution(h, 16, 3, 2, weights["conv1.weight"], weights["conv1.bias"], 3), 8, 8,
            weights["norm2.weight"], weights["norm2.bias"]);
        h = PlainLayers.Silu([.. h.Select((value, i) => (1 + modulation[i / 6]) * value + modulation[8 + i / 6])]);
        h = PlainLayers.Convolution(h, 8, 3, 2, weights["conv2.weight"], weights["conv2.bias"], 3);
        double[] skip = PlainLayers.Convolution(input, 16, 3, 2, weights["skip.weight"], weights["skip.bias"], 1);
        Near([.. h.Zip(skip, (a, b) => a + b)], block.Run(x, condition));
    }

    /// <summary>The same formula in plain float64 loops.</summary>
    [Fact]
    public void Attention_is_its_formula()
    {
        random.manual_seed(8);
        using var attention = new DescribedPart(net => ResidualUNet.Attention(net, "it", net.Map("x", 8), headChannels: 4));
        Randomise(attention);
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var x = randn(1, 8, 3, 2);
        var weights = attention.Weights().ToDictionary(named => named.Name, named => Doubles(named.Weights));

        double[] input = Doubles(x), normed = PlainLayers.GroupNorm(input, 8, 8, weights["norm.weight"], weights["norm.bias"]);
        double[] all = PlainLayers.Convolution(normed, 8, 3, 2, weights["qkv.weight"], weights["qkv.bias"], 1);
        double At(int part, int head, int place, int i) => all[((part * 2 + head) * 4 + i) * 6 + place];
        var mixed = new double[48];
        for (int head = 0; head < 2; head++)
            for (int place = 0; place < 6; place++)
            {
                double[] weight =
                [
                    .. Enumerable.Range(0, 6).Select(other =>
                        Math.Exp(Enumerable.Range(0, 4).Sum(i => At(0, head, place, i) * At(1, head, other, i)) / 2)),
                ];
                for (int i = 0; i < 4; i++)
                    mixed[(head * 4 + i) * 6 + place] =
                        Enumerable.Range(0, 6).Sum(other => weight[other] * At(2, head, other, i)) / weight.Sum();
            }
        double[] projected = PlainLayers.Convolution(mixed, 8, 3, 2, weights["proj.weight"], weights["proj.bias"], 1);
        Near([.. projected.Zip(input, (a, b) => a + b)], attention.Run(x));
    }

    [Fact]
    public void Wrong_shapes_are_refused_before_libtorch_sees_them()
    {
        using var network = Small.Build();
        using var scope = NewDisposeScope();
        var (x, t, labels) = (zeros(2, 1, 4, 4), ones(2), zeros(2, 1, dtype: int64));
        Assert.Throws<ArgumentException>("x", () => network.call(zeros(2, 1, 4, 3), t, Condition.OfClasses(labels)));
        Assert.Throws<ArgumentException>("x", () => network.call(zeros(2, 2, 4, 4), t, Condition.OfClasses(labels)));
        Assert.Throws<ArgumentException>("t", () => network.call(x, ones(3), Condition.OfClasses(labels)));
        Assert.Throws<ArgumentException>("classes", () => network.call(x, t, Condition.OfClasses(zeros(2, dtype: int64))));
    }

    [Fact]
    public void Impossible_shapes_are_refused_by_name()
    {
        void Refused(string key, ResidualUNetConfig config) =>
            Assert.StartsWith(
                $"model.{key} ", Assert.Throws<MezzotintException>(() => config.Build()).Message, StringComparison.Ordinal);
        Refused("patch_size", Small with { PatchSize = 3 });
        Refused("model_channels", Small with { ModelChannels = 12 });
        Refused("channel_multipliers", Small with { ChannelMultipliers = [] });
        Refused("residual_blocks", Small with { ResidualBlocks = [1] });
        Refused("attention_levels", Small with { AttentionLevels = [2] });
        Refused("head_channels", Small with { HeadChannels = 5 });
        Refused("out_channels", Small with { InChannels = 1, OutChannels = 3 });
    }

    [Fact]
    public void The_seed_decides_the_weights()
    {
        using var one = Small.Build(seed: 1);
        using var same = Small.Build(seed: 1);
        using var other = Small.Build(seed: 2);
        Assert.Equal(Models.SmallNetwork.Weights(one), Models.SmallNetwork.Weights(same));
        Assert.NotEqual(Models.SmallNetwork.Weights(one), Models.SmallNetwork.Weights(other));
    }

    /// <summary>A network in which no layer is at 0 any more.</summary>
    private static DenoisingNetwork Trained(ResidualUNetConfig config)
    {
        var network = config.Build(seed: 6);
        Randomise(network);
        return network;
    }

    private static void Randomise(nn.Module module)
    {
        using var noGrad = no_grad();
        foreach (var (_, parameter) in module.named_parameters())
            parameter.normal_(0, 0.3);
    }

    private static double[] Doubles(Tensor tensor) => tensor.to(float64).contiguous().data<double>().ToArray();

    private static void Near(double[] expected, Tensor actual)
    {
        double[] values = Doubles(actual);
        double scale = expected.Max(Math.Abs);
        Assert.Equal(expected.Length, values.Length);
        for (int i = 0; i < values.Length; i++)
            Assert.Equal(expected[i], values[i], 1e-5 * scale);
    }
}
