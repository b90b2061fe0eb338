using Mezzotint.Runtime;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Mezzotint.Networks;

/// <summary>
/// Attention over a feature map, with the asked class as context: b c h w -> b (h w) c, the attention blocks, back through a
/// 1 x 1 convolution, added to the map. Rombach et al. 2022, "High-Resolution Image Synthesis with Latent Diffusion Models",
/// arXiv 2112.10752, appendix E.2.1.
/// </summary>
public sealed class SpatialTransformer : nn.Module<Tensor, Tensor?, Tensor>
{
    private readonly ModuleList<AttentionBlock> blocks;
    private readonly Conv2d proj_out;

    internal SpatialTransformer(int channels, TransformerConfig config) : base(nameof(SpatialTransformer))
    {
        blocks = new([.. Enumerable.Range(0, config.NumLayers).Select(_ => new AttentionBlock(channels, config))]);
        proj_out = nn.Conv2d(channels, channels, 1);
        RegisterComponents();
    }

    /// <summary>Maps x [B, C, H, W] and the context [B, K, D] to [B, C, H, W].</summary>
    public override Tensor forward(Tensor x, Tensor? context)
    {
        using var scope = NewDisposeScope();
        var tokens = x.Rearrange("b c h w -> b (h w) c");
        foreach (var block in blocks)
            tokens = block.call(tokens, context);
        var map = tokens.Rearrange("b (h w) c -> b c h w", ("h", x.shape[2]));
        return x.Plus(proj_out.call(map)).MoveToOuterDisposeScope();
    }
}

/// <summary>Self attention, cross attention to the context, and a perceptron; each on normalised input, each added to what it was given.</summary>
public sealed class AttentionBlock : nn.Module<Tensor, Tensor?, Tensor>
{
    private readonly MultiHeadAttention self_attn;
    private readonly LayerNorm self_attn_norm;
    private readonly MultiHeadAttention cross_attn;
    private readonly LayerNorm cross_attn_norm;
    private readonly Mlp mlp;
    private readonly LayerNorm mlp_norm;

    internal AttentionBlock(int channels, TransformerConfig config) : base(nameof(AttentionBlock))
    {
        self_attn = new(channels, channels, config.NumHeads);
        self_attn_norm = nn.LayerNorm(channels);
        cross_attn = new(channels, config.ContextDim, config.NumHeads);
        cross_attn_norm = nn.LayerNorm(channels);
        mlp = new(channels);
        mlp_norm = nn.LayerNorm(channels);
        RegisterComponents();
    }

    /// <summary>Maps tokens [B, T, C] and the context [B, K, D] to [B, T, C].</summary>
    /// <exception cref="ArgumentNullException">There is no context for the cross attention.</exception>
    public override Tensor forward(Tensor x, Tensor? context)
    {
        if (context is null)
            throw new ArgumentNullException(nameof(context), "The cross attention needs a context: the labels of what to draw.");
        using var scope = NewDisposeScope();
        var normed = self_attn_norm.call(x);
        x = self_attn.call(normed, normed).Plus(x);
        x = cross_attn.call(cross_attn_norm.call(x), context).Plus(x);
        return mlp.call(mlp_norm.call(x)).Plus(x).MoveToOuterDisposeScope();
    }
}

/// <summary>
/// softmax(q k^T / sqrt(d)) v in several heads, without an output projection. Vaswani et al. 2017, "Attention Is All You Need",
/// arXiv 1706.03762, equation 1.
/// </summary>
public sealed class MultiHeadAttention : nn.Module<Tensor, Tensor, Tensor>
{
    private readonly Linear q_proj, k_proj, v_proj;
    private readonly int _heads;

    internal MultiHeadAttention(int channels, int contextChannels, int heads) : base(nameof(MultiHeadAttention))
    {
        _heads = heads;
        q_proj = nn.Linear(channels, channels, hasBias: false);
        k_proj = nn.Linear(contextChannels, channels, hasBias: false);
        v_proj = nn.Linear(contextChannels, channels, hasBias: false);
        RegisterComponents();
    }

    /// <summary>Lets each of the tokens [B, T, C] attend to the context [B, K, D]; returns [B, T, C].</summary>
    public override Tensor forward(Tensor x, Tensor context)
    {
        var q = Heads(q_proj.call(x));        // [B, n, T, d]
        var k = Heads(k_proj.call(context));    // [B, n, K, d]
        var v = Heads(v_proj.call(context));
        return nn.functional.scaled_dot_product_attention(q, k, v).Rearrange("b n t d -> b t (n d)");
    }

    private Tensor Heads(Tensor x) => x.Rearrange("b t (n d) -> b n t d", ("n", _heads));
}

/// <summary>Two linear layers of the same width with a ReLU between.</summary>
public sealed class Mlp : nn.Module<Tensor, Tensor>
{
    private readonly Sequential net;

    internal Mlp(int channels) : base("MLP")
    {
        net = nn.Sequential(nn.Linear(channels, channels), nn.ReLU(), nn.Linear(channels, channels));
        RegisterComponents();
    }

    /// <summary>Maps [B, T, C] to [B, T, C].</summary>
    public override Tensor forward(Tensor x) => net.call(x);
}
