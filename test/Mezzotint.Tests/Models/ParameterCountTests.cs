using CsCheck;
using Mezzotint.Networks;

namespace Mezzotint.Tests.Models;

public class ParameterCountTests
{
    [Fact]
    public void The_seeds_network_has_770865_parameters() => Assert.Equal(770_865, new UNetConfig().ParameterCount);

    [Fact]
    public void The_count_is_that_of_the_network_of_any_shape() =>
        Gen.Select(
            Gen.Int[1, 12], Gen.Int[1, 3], Gen.Int[1, 3], Gen.Int[1, 3].Array[1, 3], Gen.Int[0, 3].Array[0, 3],
            Gen.Select(Gen.Int[1, 40], Gen.Int[1, 3]),
            (classes, channels, blocks, multipliers, attention, transformer) => new UNetConfig
            {
                CorpusLength = classes,
                InChannels = channels,
                OutChannels = channels,
                NumResBlocks = blocks,
                ChannelMultipliers = multipliers,
                AttentionLevels = attention,
                Transformer = new TransformerConfig
                    { ContextDim = transformer.Item1, NumLayers = transformer.Item2, NumHeads = 4 },
            }).Sample(
            config =>
            {
                using var network = new UNet(config);
                Assert.Equal(network.named_parameters().Sum(named => named.parameter.numel()), config.ParameterCount);
            },
            iter: 25, threads: 1);

    [Fact]
    public void The_largest_shape_is_counted_without_overflow() =>
        Assert.InRange(
            new UNetConfig
            {
                CorpusLength = 100_000,
                InChannels = 64,
                OutChannels = 64,
                NumResBlocks = 16,
                ModelChannels = 4096,
                ChannelMultipliers = [64, 64, 64, 64, 64, 64, 64, 64],
                AttentionLevels = [0, 1, 2, 3, 4, 5, 6, 7],
                Transformer = new TransformerConfig { ContextDim = 65_536, NumLayers = 64, NumHeads = 1 },
            }.ParameterCount,
            100_000_000_000_000L, long.MaxValue / 1000);
}
