namespace Mezzotint.Networks;

/// <summary>
/// The shape of Stable Diffusion's U-Net, <c>UNet2DConditionModel</c> of the library diffusers: kind "unet-2d-condition". Its
/// keys, and what a missing one means, are those of that library's <c>unet/config.json</c>.
/// </summary>
/// <remarks>
/// The network is asked by a context, such as an encoded prompt, and knows no classes. Lists have a number for each level, or one
/// for all. Rombach et al. 2022, arXiv 2112.10752; Podell et al. 2023, arXiv 2307.01952, for <see cref="TextTime"/>.
/// </remarks>
public sealed record ConditionalUNetConfig : NetworkConfig
{
    /// <summary>The blocks of the encoder, with and without transformers.</summary>
    public const string AttendingDown = "CrossAttnDownBlock2D", Down = "DownBlock2D";

    /// <summary>Those of the decoder.</summary>
    public const string AttendingUp = "CrossAttnUpBlock2D", Up = "UpBlock2D";

    /// <summary>The <see cref="AdditionEmbedType"/> of Stable Diffusion XL.</summary>
    public const string TextTime = "text_time";

    private const string ScaleShift = "scale_shift", Plain = "default";

    /// <summary>The channels of each level; every level after the first has maps of half the side.</summary>
    public IReadOnlyList<int> BlockOutChannels { get; init; } = [320, 640, 1280, 1280];

    /// <summary>Residual blocks of each level of the encoder; the decoder has one more.</summary>
    public IReadOnlyList<int> LayersPerBlock { get; init; } = [2];

    /// <summary>The levels of the encoder: <see cref="AttendingDown"/> or <see cref="Down"/>.</summary>
    public IReadOnlyList<string> DownBlockTypes { get; init; } = [AttendingDown, AttendingDown, AttendingDown, Down];

    /// <summary>The levels of the decoder, the smallest maps first: <see cref="AttendingUp"/> or <see cref="Up"/>.</summary>
    public IReadOnlyList<string> UpBlockTypes { get; init; } = [Up, AttendingUp, AttendingUp, AttendingUp];

    /// <summary>The width of the context's tokens, D.</summary>
    public int CrossAttentionDim { get; init; } = 1280;

    /// <summary>The number of heads of each level's attention. The name is diffusers', and not what it says.</summary>
    public IReadOnlyList<int> AttentionHeadDim { get; init; } = [8];

    /// <summary>Attention blocks of each transformer, by level.</summary>
    public IReadOnlyList<int> TransformerLayersPerBlock { get; init; } = [1];

    /// <summary>Whether the first attention of the levels' blocks, too, is to the context.</summary>
    public bool OnlyCrossAttention { get; init; }

    /// <summary>Whether a transformer's projections are of tokens, instead of convolutions of 1 x 1.</summary>
    public bool UseLinearProjection { get; init; }

    /// <summary>Groups of every group normalisation; they divide all channels.</summary>
    public int NormNumGroups { get; init; } = 32;

    /// <summary>What group normalisations of residual blocks add to the variance.</summary>
    public double NormEps { get; init; } = 1e-5;

    /// <summary>What the time does in a residual block: "default" adds, "scale_shift" scales and shifts.</summary>
    public string ResnetTimeScaleShift { get; init; } = Plain;

    /// <summary>Whether the cosines of the time come before its sines.</summary>
    public bool FlipSinToCos { get; init; } = true;

    /// <summary>What the number of the time's frequencies is lessened by, where they are spaced: 0 or 1.</summary>
    public int FreqShift { get; init; }

    /// <summary>The side of the first convolution's kernel: odd.</summary>
    public int ConvInKernel { get; init; } = 3;

    /// <summary>The side of the last convolution's kernel: odd.</summary>
    public int ConvOutKernel { get; init; } = 3;

    /// <summary><see cref="TextTime"/> for a network that is also given a vector; null for one that is not.</summary>
    public string? AdditionEmbedType { get; init; }

    /// <summary>How many sines and cosines stand in that vector for each number of the picture's size, after the text's vector;
    /// null where there is none.</summary>
    public int? AdditionTimeEmbedDim { get; init; }

    /// <summary>The width of that vector; null where there is none.</summary>
    public int? ProjectionClassEmbeddingsInputDim { get; init; }

    /// <summary>The width of the vector that tells a latent consistency model the weight of its guidance; null for networks that
    /// are told none. Luo et al. 2023, arXiv 2310.04378.</summary>
    public int? TimeCondProjDim { get; init; }

    /// <summary>1: maps of any sides are halved, rounded up, and doubled to what they were.</summary>
    public override int Stride => 1;

    /// <summary>False: it has a context.</summary>
    public override bool HasClasses => false;

    /// <summary>Whether time scales and shifts.</summary>
    internal bool TimeScales => ResnetTimeScaleShift == ScaleShift;

    private protected override int DefaultChannels => 4;

    private protected override string WidthKey => "model.block_out_channels";

    /// <summary>Networks for inpainting see a mask and the masked picture beside the noisy one.</summary>
    private protected override bool SeesMore => true;

    /// <summary>The number of a list for a level.</summary>
    internal static int At(IReadOnlyList<int> list, int level) => list.Count == 1 ? list[0] : list[level];

    /// <inheritdoc/>
    public override NetworkDescription Describe() => ConditionalUNet.Describe(this);

    /// <inheritdoc/>
    internal override DenoisingNetwork BuildUnfilled() => new DescribedNetwork(this, seed: null);

    /// <inheritdoc/>
    public override void Validate()
    {
        base.Validate();
        int levels = BlockOutChannels.Count;
        Check.Range("model.norm_num_groups", NormNumGroups, NormNumGroups is >= 1 and <= 4096, "between 1 and 4096");
        CheckList("model.block_out_channels", BlockOutChannels,
            levels is >= 1 and <= 8 && BlockOutChannels.All(width =>
                width is >= 2 and <= 16_384 && width % 2 == 0 && width % NormNumGroups == 0),
            $"one to eight even numbers up to 16384, multiples of model.norm_num_groups ({NormNumGroups})");
        CheckLevels("model.layers_per_block", LayersPerBlock, 16);
        CheckLevels("model.attention_head_dim", AttentionHeadDim, 1024);
        CheckLevels("model.transformer_layers_per_block", TransformerLayersPerBlock, 64);
        CheckTypes("model.down_block_types", DownBlockTypes, AttendingDown, Down);
        CheckTypes("model.up_block_types", UpBlockTypes, AttendingUp, Up);
        for (int level = 0; level < levels; level++)
            CheckList("model.attention_head_dim", AttentionHeadDim,
                !Attends(level) || BlockOutChannels[level] % At(AttentionHeadDim, level) == 0,
                $"the number of heads, which divides the channels of each level that attends (here {BlockOutChannels[level]})");
        Check.Range("model.cross_attention_dim", CrossAttentionDim, CrossAttentionDim is >= 1 and <= 65_536,
            "between 1 and 65536");
        Check.Range("model.norm_eps", NormEps, NormEps is > 0 and < 1, "more than 0 and below 1");
        Check.Range("model.resnet_time_scale_shift", Printable.Quote(ResnetTimeScaleShift),
            ResnetTimeScaleShift is Plain or ScaleShift, $"\"{Plain}\" or \"{ScaleShift}\"");
        Check.Range("model.freq_shift", FreqShift, FreqShift is 0 || FreqShift is 1 && BlockOutChannels[0] > 2, "0 or 1");
        foreach (var (key, side) in new[] { ("conv_in_kernel", ConvInKernel), ("conv_out_kernel", ConvOutKernel) })
            Check.Range($"model.{key}", side, side is >= 1 and <= 15 && side % 2 == 1, "odd, between 1 and 15");
        Check.Range("model.addition_embed_type", Printable.Quote(AdditionEmbedType ?? ""), AdditionEmbedType is null or TextTime,
            $"\"{TextTime}\", or left out");
        Check.Range("model.projection_class_embeddings_input_dim", ProjectionClassEmbeddingsInputDim?.ToString() ?? "missing",
            AdditionEmbedType is null ? ProjectionClassEmbeddingsInputDim is null
                : ProjectionClassEmbeddingsInputDim is >= 1 and <= 65_536,
            AdditionEmbedType is null ? "left out without model.addition_embed_type" : "between 1 and 65536");
        Check.Range("model.time_cond_proj_dim", TimeCondProjDim?.ToString() ?? "missing",
            TimeCondProjDim is null || AdditionEmbedType is null && TimeCondProjDim is >= 2 and <= 65_536
                && TimeCondProjDim % 2 == 0,
            "left out, or even, between 2 and 65536, and then without model.addition_embed_type");
        Check.Range("model.addition_time_embed_dim", AdditionTimeEmbedDim?.ToString() ?? "missing",
            AdditionEmbedType is null ? AdditionTimeEmbedDim is null
                : AdditionTimeEmbedDim is >= 2 && AdditionTimeEmbedDim % 2 == 0
                    && AdditionTimeEmbedDim < ProjectionClassEmbeddingsInputDim,
            AdditionEmbedType is null ? "left out without model.addition_embed_type"
                : "even, and below model.projection_class_embeddings_input_dim");
    }

    /// <inheritdoc/>
    public bool Equals(ConditionalUNetConfig? other) => base.Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => base.GetHashCode();

    private protected override IEnumerable<double> Numbers() =>
    [
        .. base.Numbers(), BlockOutChannels.Count, .. BlockOutChannels, .. Each(LayersPerBlock), .. Each(AttentionHeadDim),
        .. Each(TransformerLayersPerBlock), DownBlockTypes.Count, .. DownBlockTypes.Select(type => type == Down ? 0.0 : 1),
        UpBlockTypes.Count, .. UpBlockTypes.Select(type => type == Up ? 0.0 : 1), CrossAttentionDim, OnlyCrossAttention ? 1 : 0,
        UseLinearProjection ? 1 : 0, NormNumGroups, NormEps, TimeScales ? 1 : 0, FlipSinToCos ? 1 : 0, FreqShift, ConvInKernel,
        ConvOutKernel, AdditionEmbedType is null ? 0 : 1, AdditionTimeEmbedDim ?? 0, ProjectionClassEmbeddingsInputDim ?? 0,
        TimeCondProjDim ?? 0,
    ];

    /// <summary>A list as it counts: the same for all levels and named once, or one for each.</summary>
    private IEnumerable<double> Each(IReadOnlyList<int> list) =>
        (list.Count == 1 ? Enumerable.Repeat(list[0], BlockOutChannels.Count) : list).Select(number => (double)number)
        .Prepend(list.Count == 1 ? BlockOutChannels.Count : list.Count);

    /// <summary>Whether a level has transformers; the middle, of the last level's channels, has.</summary>
    private bool Attends(int level) => DownBlockTypes[level] == AttendingDown || level == BlockOutChannels.Count - 1
        || UpBlockTypes[BlockOutChannels.Count - 1 - level] == AttendingUp;

    private void CheckLevels(string key, IReadOnlyList<int> list, int most) =>
        CheckList(key, list,
            (list.Count == 1 || list.Count == BlockOutChannels.Count) && list.All(number => number >= 1 && number <= most),
            $"one number between 1 and {most}, or one for each of the {BlockOutChannels.Count} levels");

    private void CheckTypes(string key, IReadOnlyList<string> types, string attending, string plain) =>
        Check.Range(key, $"[{string.Join(", ", types.Select(Printable.Quote))}]",
            types.Count == BlockOutChannels.Count && types.All(type => type == attending || type == plain),
            $"\"{attending}\" or \"{plain}\" for each of the {BlockOutChannels.Count} levels");

    private static void CheckList(string key, IReadOnlyList<int> list, bool holds, string mustBe) =>
        Check.Range(key, $"[{string.Join(", ", list)}]", holds, mustBe);
}
