using Mezzotint.Networks;

namespace Mezzotint.Tests.Networks;

public class UNetConfigTests
{
    [Fact]
    public void Defaults_are_the_seeds_and_valid()
    {
        var config = new UNetConfig();
        config.Validate();
        Assert.Equal(4, config.Stride);
        Assert.Equal(
            (10, 1, 1, 2, 32),
            (config.CorpusLength, config.InChannels, config.OutChannels, config.NumResBlocks, config.ModelChannels));
        Assert.Equal((256, 8, 1), (config.Transformer.ContextDim, config.Transformer.NumHeads, config.Transformer.NumLayers));
    }

    public static TheoryData<string, UNetConfig> Impossible => new()
    {
        { "model.corpus_length = 0", new() { CorpusLength = 0 } },
        { "model.in_channels = 65", new() { InChannels = 65 } },
        { "model.out_channels = 3", new() { InChannels = 1, OutChannels = 3 } },
        { "model.num_res_blocks = 0", new() { NumResBlocks = 0 } },
        { "model.model_channels = 33", new() { ModelChannels = 33 } },
        { "model.model_channels = 0", new() { ModelChannels = 0 } },
        { "model.channel_multipliers = []", new() { ChannelMultipliers = [] } },
        { "model.channel_multipliers = [1, 0]", new() { ChannelMultipliers = [1, 0] } },
        { "model.attention_levels = [-1]", new() { AttentionLevels = [-1] } },
        { "model.transformer.context_dim = 0", new() { Transformer = new() { ContextDim = 0 } } },
        { "model.transformer.num_layers = 0", new() { Transformer = new() { NumLayers = 0 } } },
        { "model.transformer.num_heads = 0", new() { Transformer = new() { NumHeads = 0 } } },
        { "model.transformer.num_heads = 7", new() { Transformer = new() { NumHeads = 7 } } },
        { "model.transformer.num_heads = 64", new() { AttentionLevels = [0], Transformer = new() { NumHeads = 64 } } },
    };

    [Theory]
    [MemberData(nameof(Impossible))]
    public void Validate_names_the_key_and_the_value(string start, UNetConfig config)
    {
        ArgumentNullException.ThrowIfNull(config);
        string message = Assert.Throws<MezzotintException>(config.Validate).Message;
        Assert.StartsWith(start + ": must be ", message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', message);
    }

    [Fact]
    public void Equality_is_by_the_numbers_in_the_lists_too()
    {
        Assert.Equal(
            new UNetConfig { ChannelMultipliers = [1, 2] }, new UNetConfig { ChannelMultipliers = new List<int> { 1, 2 } });
        Assert.Equal(
            new UNetConfig { AttentionLevels = [1] }.GetHashCode(),
            new UNetConfig { AttentionLevels = new List<int> { 1 } }.GetHashCode());
        Assert.NotEqual(
            new UNetConfig { ChannelMultipliers = [1, 2], AttentionLevels = [] },
            new UNetConfig { ChannelMultipliers = [1], AttentionLevels = [2] });
        Assert.NotEqual(new UNetConfig(), new UNetConfig { Transformer = new() { NumHeads = 4 } });
    }
}
