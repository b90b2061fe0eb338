namespace Mezzotint.Networks;

/// <summary>The shape of the seed's U-Net: kind "unet", and <c>config.json</c> of a PyTorch checkpoint.</summary>
public sealed record UNetConfig : NetworkConfig
{
    /// <summary>The width of every group normalisation: channels come in multiples of it.</summary>
    public const int Groups = 32;

    /// <summary>Residual blocks on each level of encoder and decoder.</summary>
    public int NumResBlocks { get; init; } = 2;

    /// <summary>Channels on the first level, and the width of the time embedding; a multiple of 32.</summary>
    public int ModelChannels { get; init; } = 32;

    /// <summary>One multiplier on <see cref="ModelChannels"/> a level: the number of levels is the length.</summary>
    public IReadOnlyList<int> ChannelMultipliers { get; init; } = [1, 2];

    /// <summary>The encoder levels, counted from 0, that have a spatial transformer. A number past the last level names
    /// none.</summary>
    public IReadOnlyList<int> AttentionLevels { get; init; } = [2];

    /// <summary>The transformer of each attention level and of the middle.</summary>
    public TransformerConfig Transformer { get; init; } = new();

    /// <summary>The factor between the image and the middle of the U: the image's sides must be multiples of it, or the skips do
    /// not fit.</summary>
    public override int Stride => 1 << ChannelMultipliers.Count;

    /// <inheritdoc/>
    public override NetworkDescription Describe() => UNet.Describe(this);

    /// <inheritdoc/>
    public override DenoisingNetwork Build(long seed = 0) => new UNet(this, seed);

    /// <inheritdoc/>
    public override void Validate()
    {
        base.Validate();
        Check.Range("model.num_res_blocks", NumResBlocks, NumResBlocks is >= 1 and <= 16, "between 1 and 16");
        Check.Range(
            "model.model_channels", ModelChannels, ModelChannels is >= Groups and <= 4096 && ModelChannels % Groups == 0,
            $"a multiple of {Groups} up to 4096 (group normalisation has {Groups} groups)");
        Check.Range(
            "model.channel_multipliers", $"[{string.Join(", ", ChannelMultipliers)}]",
            ChannelMultipliers.Count is >= 1 and <= 8 && ChannelMultipliers.All(m => m is >= 1 and <= 64),
            "one to eight whole numbers between 1 and 64");
        Check.Range(
            "model.attention_levels", $"[{string.Join(", ", AttentionLevels)}]", AttentionLevels.All(level => level >= 0),
            "levels counted from 0");
        Check.Range(
            "model.transformer.context_dim", Transformer.ContextDim, Transformer.ContextDim is >= 1 and <= 65_536,
            "between 1 and 65536");
        Check.Range(
            "model.transformer.num_layers", Transformer.NumLayers, Transformer.NumLayers is >= 1 and <= 64, "between 1 and 64");
        foreach (int width in AttentionWidths())
            Check.Range(
                "model.transformer.num_heads", Transformer.NumHeads,
                Transformer.NumHeads >= 1 && width % Transformer.NumHeads == 0,
                $"a divisor of the width of each transformer (here {width})");
    }

    /// <inheritdoc/>
    public bool Equals(UNetConfig? other) => base.Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => base.GetHashCode();

    private protected override IEnumerable<double> Numbers() =>
        [.. base.Numbers(), NumResBlocks, ModelChannels, ChannelMultipliers.Count, .. ChannelMultipliers,
         AttentionLevels.Count, .. AttentionLevels, Transformer.ContextDim, Transformer.NumHeads, Transformer.NumLayers];

    private IEnumerable<int> AttentionWidths() =>
        ChannelMultipliers.Where((_, level) => AttentionLevels.Contains(level)).Append(2 * ChannelMultipliers[^1]).Select(m =>
            m * ModelChannels);
}

/// <summary>The shape of a spatial transformer: the <c>[model.transformer]</c> table.</summary>
public sealed record TransformerConfig
{
    /// <summary>The width of the embedding of the asked class.</summary>
    public int ContextDim { get; init; } = 256;

    /// <summary>Heads of each attention; they divide its width.</summary>
    public int NumHeads { get; init; } = 8;

    /// <summary>Attention blocks one after the other.</summary>
    public int NumLayers { get; init; } = 1;
}
