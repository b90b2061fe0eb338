using Mezzotint.Formats;
using Mezzotint.Networks;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Mezzotint.Tests.Networks;

public class UNetTests
{
    private static readonly UNetConfig Small = new() { NumResBlocks = 1, Transformer = new() { ContextDim = 8, NumHeads = 4 } };

    [Fact]
    public void Output_has_the_shape_of_the_images()
    {
        using var network = new UNet(Small);
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        Assert.Equal(
            [3, 1, 8, 12], network.call(zeros(3, 1, 8, 12), ones(3), Condition.OfClasses(zeros(3, 1, dtype: int64))).shape);
    }

    [Fact]
    public void Image_sizes_that_pass_are_those_of_the_reference()
    {
        int[] passing = new SeedFixture("process_and_crop").FromMetadata<int[]>("two_levels_sizes"); // of 6 to 16 pixels
        using var network = new UNet(Small);
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        for (int size = 6; size <= 16; size++)
        {
            void Run() => network.call(zeros(1, 1, size, size), ones(1), Condition.OfClasses(zeros(1, 1, dtype: int64)));
            if (passing.Contains(size))
                Run();
            else
                Assert.Contains("multiples of 4", Assert.Throws<ArgumentException>("x", Run).Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Wrong_shapes_are_refused_before_libtorch_sees_them()
    {
        using var network = new UNet(Small);
        using var scope = NewDisposeScope();
        var (x, t, labels) = (zeros(2, 1, 8, 8), ones(2), zeros(2, 1, dtype: int64));
        void Refused(string parameter, Tensor images, Tensor times, Tensor classes) =>
            Assert.Throws<ArgumentException>(parameter, () => network.call(images, times, Condition.OfClasses(classes)));

        Refused("x", zeros(1, 8, 8), t, labels);
        Refused("x", zeros(2, 3, 8, 8), t, labels);
        Refused("x", zeros(2, 1, 8, 6), t, labels);
        Refused("x", zeros(2, 1, 0, 8), t, labels);
        Refused("t", x, ones(3), labels);
        Refused("t", x, ones(2, 1), labels);
        Refused("classes", x, t, zeros(2, dtype: int64));
        Refused("condition", x, t, zeros(3, 1, dtype: int64));
        Refused("classes", x, t, zeros(2, 1, dtype: float32));
    }

    [Fact]
    public void Cross_attention_without_a_context_is_an_error_that_says_so()
    {
        using var transformer = new DescribedPart(net =>
            UNet.SpatialTransformer(net, "it", net.Map("x", 128), net.Tokens("context", 8), Small.Transformer));
        using var scope = NewDisposeScope();
        var error = Assert.Throws<ArgumentNullException>("context", () => transformer.Run(zeros(1, 128, 2, 2), null));
        Assert.Contains("needs its input 'context'", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Every_group_normalisation_starts_as_the_identity()
    {
        using var network = new UNet(new UNetConfig());
        using var scope = NewDisposeScope();
        var norms = network.named_modules().Select(named => named.module).OfType<GroupNorm>().ToList();
        Assert.Equal(11, norms.Count); // two a level and side, two in the middle, one in the projection
        Assert.All(norms, norm =>
        {
            Assert.True(norm.weight!.eq(1).all().item<bool>());
            Assert.True(norm.bias!.eq(0).all().item<bool>());
        });
    }

    [Fact]
    public void Equal_seeds_give_equal_weights_and_others_do_not()
    {
        Assert.Equal(Weights(7), Weights(7));
        Assert.NotEqual(Weights(7), Weights(8));
    }

    [Fact]
    public void Frozen_frequencies_are_normal_with_standard_deviation_30()
    {
        using var network = new UNet(Small with { ModelChannels = 512, ChannelMultipliers = [1], AttentionLevels = [] }, seed: 1);
        using var scope = NewDisposeScope();
        var frequencies = network.named_parameters().Single(named => named.name == "time_embed.W").parameter; // [256]
        Assert.InRange(frequencies.std().item<float>(), 25, 35);   // 30 +- 1.3
        Assert.InRange(frequencies.mean().item<float>(), -8, 8);   // 0 +- 1.9
    }

    private static byte[] Weights(long seed)
    {
        using var network = new UNet(Small, seed);
        return [.. network.named_parameters().SelectMany(named => named.parameter.ToData().Bytes.ToArray())];
    }
}
