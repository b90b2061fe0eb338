using System.Globalization;

namespace Mezzotint.Networks;

/// <summary>The shape of a <see cref="ResidualUNet"/>: kind "residual-unet".</summary>
public sealed record ResidualUNetConfig : NetworkConfig
{
    /// <summary>The channels that a group normalisation takes together: every width is a multiple of it.</summary>
    public const int GroupChannels = 8;

    /// <summary>The width of an embedding of time and class, in <see cref="ModelChannels"/>.</summary>
    public const int EmbeddingMultiplier = 4;

    /// <summary>
    /// The side of the square of pixels that the first layer takes together: 1 for single pixels; 2 halves the maps, which makes
    /// a network of a quarter of the cost. Hoogeboom et al. 2023, "simple diffusion", arXiv 2301.11093, section 3.2.
    /// </summary>
    public int PatchSize { get; init; } = 1;

    /// <summary>Channels on the first level; a multiple of 8.</summary>
    public int ModelChannels { get; init; } = 64;

    /// <summary>One multiplier on <see cref="ModelChannels"/> a level: the number of levels is the length. Each level has maps of
    /// half the side.</summary>
    public IReadOnlyList<int> ChannelMultipliers { get; init; } = [1, 2];

    /// <summary>Residual blocks on each level, as many in the encoder as in the decoder: one number a level.</summary>
    public IReadOnlyList<int> ResidualBlocks { get; init; } = [2, 2];

    /// <summary>The levels, counted from 0, whose blocks are each followed by self-attention; the middle always has it.</summary>
    public IReadOnlyList<int> AttentionLevels { get; init; } = [];

    /// <summary>The width of a head of attention; it divides the widths that have one.</summary>
    public int HeadChannels { get; init; } = 32;

    /// <summary>
    /// Values that a pixel often has to the last digit, such as black, in the network's numbers. For each, the first layer sees
    /// beside the noisy image how far each pixel is from it, in deviations of the noise: see <see cref="AnchorInputs"/>. For an
    /// <see cref="Noise.EdmPreconditioning"/> alone. None by default.
    /// </summary>
    [DefaultWhenMissing]
    public IReadOnlyList<double> Anchors { get; init; } = [];

    /// <summary>The data_std of the preconditioning, from which anchors follow; more than 0.</summary>
    [DefaultWhenMissing]
    public double AnchorDataStd { get; init; } = 0.5;

    /// <summary>Whether a training tells it how an image was changed, so that it draws none that are changed: see
    /// <see cref="Training.TrainingConfig.Augment"/>.</summary>
    [DefaultWhenMissing]
    public bool KnowsChanges { get; init; }

    /// <inheritdoc/>
    public override int Stride => PatchSize << (ChannelMultipliers.Count - 1);

    /// <summary>The channels of each level.</summary>
    internal int[] Widths => [.. ChannelMultipliers.Select(multiplier => multiplier * ModelChannels)];

    /// <summary>The width of the embedding of time and class.</summary>
    internal int EmbeddingWidth => EmbeddingMultiplier * ModelChannels;

    /// <summary>Channels of the image once its patches are taken together.</summary>
    internal int PatchChannels => InChannels * PatchSize * PatchSize;

    /// <inheritdoc/>
    public override DenoisingNetwork Build(long seed = 0) => new ResidualUNet(this, seed);

    /// <inheritdoc/>
    public override NetworkDescription Describe() => ResidualUNet.Describe(this);

    /// <inheritdoc/>
    public override void Validate()
    {
        base.Validate();
        Check.Range("model.patch_size", PatchSize, PatchSize is 1 or 2 or 4 or 8, "1, 2, 4 or 8");
        Check.Range(
            "model.model_channels", ModelChannels,
            ModelChannels is >= GroupChannels and <= 4096 && ModelChannels % GroupChannels == 0,
            $"a multiple of {GroupChannels} up to 4096 (group normalisation takes {GroupChannels} channels together)");
        Check.Range(
            "model.channel_multipliers", $"[{string.Join(", ", ChannelMultipliers)}]",
            ChannelMultipliers.Count is >= 1 and <= 8 && ChannelMultipliers.All(m => m is >= 1 and <= 64),
            "one to eight whole numbers between 1 and 64");
        Check.Range(
            "model.residual_blocks", $"[{string.Join(", ", ResidualBlocks)}]",
            ResidualBlocks.Count == ChannelMultipliers.Count && ResidualBlocks.All(n => n is >= 1 and <= 16),
            $"a whole number between 1 and 16 for each of the {ChannelMultipliers.Count} levels of model.channel_multipliers");
        Check.Range(
            "model.attention_levels", $"[{string.Join(", ", AttentionLevels)}]",
            AttentionLevels.All(level => level >= 0 && level < ChannelMultipliers.Count),
            $"levels from 0 to {ChannelMultipliers.Count - 1}");
        Check.Range(
            "model.anchors", $"[{string.Join(", ", Anchors.Select(anchor => anchor.ToString(CultureInfo.InvariantCulture)))}]",
            Anchors.Count <= 16 && Anchors.All(anchor => Math.Abs(anchor) <= 1e6),
            "at most 16 numbers between -1000000 and 1000000");
        Check.Range("model.anchor_data_std", AnchorDataStd, AnchorDataStd is > 0 and < 1e6, "more than 0 and below 1000000");
        foreach (int width in AttentionLevels.Select(level => Widths[level]).Append(Widths[^1]))
            Check.Range(
                "model.head_channels", HeadChannels, HeadChannels >= 1 && width % HeadChannels == 0,
                $"a divisor of the width of each attention (here {width})");
    }

    /// <summary>The same network with the rows of another one's embedding and, where it has as many, its anchors.</summary>
    internal override NetworkConfig WithDataOf(NetworkConfig other)
    {
        var config = (ResidualUNetConfig)base.WithDataOf(other);
        return other is ResidualUNetConfig { Anchors: var anchors, AnchorDataStd: var std } && anchors.Count == Anchors.Count
            ? config with { Anchors = anchors, AnchorDataStd = std } : config;
    }

    /// <inheritdoc/>
    public bool Equals(ResidualUNetConfig? other) => base.Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => base.GetHashCode();

    private protected override IEnumerable<double> Numbers() =>
        [
            .. base.Numbers(), PatchSize, ModelChannels, ChannelMultipliers.Count, .. ChannelMultipliers, ResidualBlocks.Count,
            .. ResidualBlocks,
         AttentionLevels.Count, .. AttentionLevels, HeadChannels, Anchors.Count, .. Anchors, AnchorDataStd,
         KnowsChanges ? 1 : 0];
}
