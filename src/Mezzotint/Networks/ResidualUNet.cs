using Mezzotint.Runtime;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Mezzotint.Networks;

/// <summary>
/// A U-Net of pre-activation residual blocks, which time and class scale and shift: the network of a modern diffusion model, in a small size.
/// Each block of the encoder leaves its map for one of the decoder; the middle attends over the whole map.
/// </summary>
/// <remarks>
/// After Dhariwal, Nichol 2021, "Diffusion Models Beat GANs on Image Synthesis", arXiv 2105.05233, section 3 (the blocks), with patches of pixels
/// taken together as in Hoogeboom et al. 2023, arXiv 2301.11093. The last layer of each branch starts at 0, so that the fresh network predicts 0 and
/// every block starts as the identity.
/// </remarks>
public sealed class ResidualUNet : DenoisingNetwork
{
    private readonly ConditionEmbedding embedding;
    private readonly Conv2d input;
    private readonly ModuleList<ModulatedLevel> encoder;
    private readonly ModuleList<Conv2d> down;
    private readonly ModulatedBlock middle;
    private readonly MapAttention middle_attention;
    private readonly ModuleList<ConvTranspose2d> up;
    private readonly ModuleList<ModulatedLevel> decoder;
    private readonly GroupNorm output_norm;
    private readonly Conv2d output;
    private readonly ResidualUNetConfig _config;
    private readonly int _patch;

    /// <summary>Builds the network with fresh weights.</summary>
    /// <param name="config">The shape.</param>
    /// <param name="seed">Of the weights: the same seed gives the same weights, bit for bit. 0 to 2^32 - 1.</param>
    /// <exception cref="MezzotintException">The shape is impossible.</exception>
    public ResidualUNet(ResidualUNetConfig config, long seed = 0) : base(config ?? throw new ArgumentNullException(nameof(config)), nameof(ResidualUNet), seed)
    {
        int[] widths = config.Widths;
        int levels = widths.Length;
        (_config, _patch) = (config, config.PatchSize);
        embedding = new(config);
        input = nn.Conv2d(config.InputChannels, widths[0], 3, padding: 1);
        encoder = new([.. Enumerable.Range(0, levels).Select(level => new ModulatedLevel(config, level, joins: false))]);
        down = new([.. Enumerable.Range(1, levels - 1).Select(level => nn.Conv2d(widths[level - 1], widths[level], 2, stride: 2))]);
        middle = new(widths[^1], widths[^1], config);
        middle_attention = new(widths[^1], config.HeadChannels);
        up = new([.. Enumerable.Range(1, levels - 1).Reverse().Select(level => nn.ConvTranspose2d(widths[level], widths[level - 1], 2, stride: 2))]);
        decoder = new([.. Enumerable.Range(0, levels).Reverse().Select(level => new ModulatedLevel(config, level, joins: true))]);
        output_norm = ModulatedBlock.Norm(widths[0]);
        output = ModulatedBlock.StartAtZero(nn.Conv2d(widths[0], config.PatchChannels, 3, padding: 1));
        RegisterComponents();
    }

    /// <inheritdoc/>
    public override Tensor forward(Tensor x, Tensor t, Tensor labels)
    {
        CheckShapes(x, t, labels);
        using var scope = NewDisposeScope();
        var condition = embedding.call(t, labels); // [B, E]
        var skips = new Stack<Tensor>();

        x = input.Apply(nn.functional.pixel_unshuffle(AnchorInputs.Beside(x, t, _config), _patch)); // [B, C, H / patch, W / patch]
        for (int level = 0; level < encoder.Count; level++)
        {
            if (level > 0)
                x = down[level - 1].Apply(x);
            x = encoder[level].Encode(x, condition, skips);
        }
        x = middle_attention.call(middle.call(x, condition));
        for (int level = 0; level < decoder.Count; level++)
        {
            if (level > 0)
                x = up[level - 1].Apply(x);
            x = decoder[level].Decode(x, condition, skips);
        }
        x = output.Apply(nn.functional.silu(output_norm.call(x)));
        return nn.functional.pixel_shuffle(x, _patch).MoveToOuterDisposeScope();
    }
}

/// <summary>silu(MLP(features of the time) + the sum of the labels' embeddings).</summary>
public sealed class ConditionEmbedding : nn.Module<Tensor, Tensor, Tensor>
{
    private const double LowestFrequency = 0.25, HighestFrequency = 32;

    private readonly Linear time1;
    private readonly Linear time2;
    private readonly Embedding labels;
    private readonly double[] _frequencies;

    internal ConditionEmbedding(ResidualUNetConfig config) : base(nameof(ConditionEmbedding))
    {
        _frequencies = FrequenciesOf(config);
        time1 = nn.Linear(config.ModelChannels, config.EmbeddingWidth);
        time2 = nn.Linear(config.EmbeddingWidth, config.EmbeddingWidth);
        labels = nn.Embedding(config.EmbeddingRows, config.EmbeddingWidth);
        RegisterComponents();
    }

    /// <summary>The frequencies of the time's features, in turns per unit of time: evenly apart on a logarithmic scale.</summary>
    internal static double[] FrequenciesOf(ResidualUNetConfig config)
    {
        int half = config.ModelChannels / 2;
        return [.. Enumerable.Range(0, half).Select(i => LowestFrequency * Math.Pow(HighestFrequency / LowestFrequency, i / Math.Max(1.0, half - 1)))];
    }

    /// <summary>Maps times [B] and labels, int64 [B, K], to [B, E].</summary>
    public override Tensor forward(Tensor t, Tensor label)
    {
        using var scope = NewDisposeScope();
        var time = time2.call(nn.functional.silu(time1.call(Features(t))));
        return nn.functional.silu(time.Plus(labels.call(label).sum(1))).MoveToOuterDisposeScope();
    }

    /// <summary>[cos(2 pi f t), sin(2 pi f t)]: [B, C].</summary>
    private Tensor Features(Tensor t)
    {
        var frequencies = tensor(_frequencies, t.dtype, t.device).Times(2 * Math.PI);
        var angle = t.unsqueeze(1) * frequencies; // [B, C / 2]
        return cat([angle.cos(), angle.sin()], 1);
    }
}
