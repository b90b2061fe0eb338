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
public sealed class UNet : DenoisingNetwork
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
    public UNet(UNetConfig config, long seed = 0) : base(config ?? throw new ArgumentNullException(nameof(config)), nameof(UNet), seed)
    {
        int time = config.ModelChannels;
        int[] widths = [.. config.ChannelMultipliers.Select(m => m * config.ModelChannels)];
        int levels = widths.Length;
        TransformerConfig? TransformerAt(int level) => config.AttentionLevels.Contains(level) ? config.Transformer : null;

        context_embed = nn.Embedding(config.EmbeddingRows, config.Transformer.ContextDim);
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

    /// <summary>Predicts h, which for a <see cref="Noise.ScoreParameterisation"/> is -z where x = x_0 + std(t) z.</summary>
    /// <inheritdoc/>
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
        x = proj[1].call(proj[0].call(x));
        return ((Conv2d)proj[2]).Apply(x);
    }

    internal override void CopyFrozenFrom(DenoisingNetwork other)
    {
        using var noGrad = no_grad();
        time_embed.Frequencies.copy_(((UNet)other).time_embed.Frequencies);
    }
}
