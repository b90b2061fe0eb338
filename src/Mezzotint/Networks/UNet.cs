using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Mezzotint.Networks;

/// <summary>
/// The seed's network h(x, t, label): an encoder that halves the map at each level, a middle with a spatial transformer, and a
/// decoder that doubles it back and joins what the encoder saw. The score of x at time t is h / std(t).
/// </summary>
/// <remarks>
/// After Ronneberger et al. 2015, "U-Net", arXiv 1505.04597, with the time embedding of Song et al. 2021 and the spatial
/// transformer of Rombach et al. 2022. TorchSharp names modules and parameters after the fields that hold them; the fields here
/// carry the seed system's names, so that its checkpoints load.
/// </remarks>
public sealed class UNet : nn.Module<Tensor, Tensor, Tensor, Tensor>
{
    private readonly Embedding context_embed;
    private readonly TimeEmbedding time_embed;
    private readonly ModuleList<EncoderBlock> encoder;
    private readonly MidBlock mid_block;
    private readonly ModuleList<DecoderBlock> decoder;
    private readonly Sequential proj;

    /// <summary>Builds the network with fresh weights, drawn as PyTorch draws them.</summary>
    /// <param name="config">The shape.</param>
    /// <param name="seed">Of the weights: the same seed gives the same weights, bit for bit. 0 to 2^32 - 1.</param>
    /// <exception cref="MezzotintException">The shape is impossible.</exception>
    public UNet(UNetConfig config, long seed = 0) : base(nameof(UNet))
    {
        ArgumentNullException.ThrowIfNull(config);
        config.Validate();
        Config = config;
        random.manual_seed(seed); // modules draw from the process's generator; nothing else in this library does

        int time = config.ModelChannels;
        int[] widths = [.. config.ChannelMultipliers.Select(m => m * config.ModelChannels)];
        int levels = widths.Length;
        TransformerConfig? TransformerAt(int level) => config.AttentionLevels.Contains(level) ? config.Transformer : null;

        context_embed = nn.Embedding(config.CorpusLength, config.Transformer.ContextDim);
        time_embed = new(time);
        encoder = new([.. Enumerable.Range(0, levels).Select(level =>
            new EncoderBlock(level == 0 ? config.InChannels : widths[level - 1], widths[level], time, config.NumResBlocks, TransformerAt(level)))]);
        mid_block = new(widths[^1], 2 * widths[^1], time, config.Transformer);
        decoder = new([.. Enumerable.Range(0, levels).Reverse().Select(level =>
            new DecoderBlock(level == levels - 1 ? 2 * widths[^1] : widths[level + 1], widths[level], time, config.NumResBlocks))]);
        proj = nn.Sequential(
            ResidualBlock.GroupNormalisation(widths[0]), nn.SiLU(), nn.Conv2d(widths[0], config.OutChannels, 3, padding: 1));
        RegisterComponents();
    }

    /// <summary>The shape of the network.</summary>
    public UNetConfig Config { get; }

    /// <summary>Predicts h, which is -z where x = x_0 + std(t) z.</summary>
    /// <param name="x">Noisy images: [B, C, H, W]; H and W are multiples of <see cref="UNetConfig.Stride"/>.</param>
    /// <param name="t">Times in (0, 1]: [B].</param>
    /// <param name="labels">The asked classes, int64: [B, K]; the seed has K = 1 token.</param>
    /// <returns>[B, C, H, W].</returns>
    /// <exception cref="ArgumentException">A shape does not fit.</exception>
    public override Tensor forward(Tensor x, Tensor t, Tensor labels)
    {
        CheckShapes(x, t, labels);
        var context = context_embed.call(labels);  // [B, K, D]
        var time = time_embed.call(t);             // [B, T]

        var skips = new Stack<Tensor>();
        foreach (var block in encoder)
            x = block.Encode(x, time, context, skips);
        x = mid_block.call(x, time, context);
        foreach (var block in decoder)
            x = block.call(x, skips.Pop(), time);
        return proj.call(x);
    }

    /// <summary>Takes over what training does not change: the frequencies of the time embedding.</summary>
    internal void CopyFrozenFrom(UNet other)
    {
        using var noGrad = no_grad();
        time_embed.Frequencies.copy_(other.time_embed.Frequencies);
    }

    private void CheckShapes(Tensor x, Tensor t, Tensor labels)
    {
        // libtorch ends the process over some wrong shapes, so they are found here.
        if (x.dim() != 4 || x.shape[1] != Config.InChannels)
            throw new ArgumentException($"Images must be [B, {Config.InChannels}, H, W], not [{string.Join(", ", x.shape)}].", nameof(x));
        if (x.shape[2] % Config.Stride != 0 || x.shape[3] % Config.Stride != 0 || x.shape[2] == 0 || x.shape[3] == 0)
            throw new ArgumentException($"Images of {x.shape[2]} x {x.shape[3]} do not fit a network of {Config.ChannelMultipliers.Count} levels: the sides must be multiples of {Config.Stride}.", nameof(x));
        if (t.dim() != 1 || t.shape[0] != x.shape[0])
            throw new ArgumentException($"Times must be [{x.shape[0]}], one an image, not [{string.Join(", ", t.shape)}].", nameof(t));
        if (labels.dim() != 2 || labels.shape[0] != x.shape[0] || labels.dtype != ScalarType.Int64)
            throw new ArgumentException($"Labels must be int64 [{x.shape[0]}, tokens], not {labels.dtype} [{string.Join(", ", labels.shape)}].", nameof(labels));
    }
}
