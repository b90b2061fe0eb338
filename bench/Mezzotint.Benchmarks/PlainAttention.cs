using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Mezzotint.Benchmarks;

/// <summary>The middle's transformer of <see cref="PlainUNet"/>: one attention block over the 7 x 7 map.</summary>
internal sealed class PlainSpatialTransformer : nn.Module<Tensor, Tensor, Tensor>
{
    private readonly ModuleList<PlainAttentionBlock> blocks;
    private readonly Conv2d proj_out;

    public PlainSpatialTransformer(int channels) : base(nameof(PlainSpatialTransformer))
    {
        blocks = new(new PlainAttentionBlock(channels));
        proj_out = nn.Conv2d(channels, channels, 1);
        RegisterComponents();
    }

    public override Tensor forward(Tensor x, Tensor context)
    {
        long[] shape = x.shape;
        var tokens = blocks[0].call(x.flatten(2).transpose(1, 2), context);
        return x + proj_out.call(tokens.transpose(1, 2).reshape(shape));
    }
}

internal sealed class PlainAttentionBlock : nn.Module<Tensor, Tensor, Tensor>
{
    private readonly PlainAttention self_attn, cross_attn;
    private readonly LayerNorm self_attn_norm, cross_attn_norm, mlp_norm;
    private readonly PlainMlp mlp;

    public PlainAttentionBlock(int channels) : base(nameof(PlainAttentionBlock))
    {
        self_attn = new(channels, channels);
        self_attn_norm = nn.LayerNorm(channels);
        cross_attn = new(channels, 256);
        cross_attn_norm = nn.LayerNorm(channels);
        mlp = new(channels);
        mlp_norm = nn.LayerNorm(channels);
        RegisterComponents();
    }

    public override Tensor forward(Tensor x, Tensor context)
    {
        var normed = self_attn_norm.call(x);
        x = self_attn.call(normed, normed) + x;
        x = cross_attn.call(cross_attn_norm.call(x), context) + x;
        return mlp.call(mlp_norm.call(x)) + x;
    }
}

internal sealed class PlainAttention : nn.Module<Tensor, Tensor, Tensor>
{
    private const int HeadCount = 8;

    private readonly Linear q_proj, k_proj, v_proj;

    public PlainAttention(int channels, int contextChannels) : base(nameof(PlainAttention))
    {
        q_proj = nn.Linear(channels, channels, hasBias: false);
        k_proj = nn.Linear(contextChannels, channels, hasBias: false);
        v_proj = nn.Linear(contextChannels, channels, hasBias: false);
        RegisterComponents();
    }

    public override Tensor forward(Tensor x, Tensor context)
    {
        var (q, k, v) = (Heads(q_proj.call(x)), Heads(k_proj.call(context)), Heads(v_proj.call(context)));
        var weights = nn.functional.softmax(matmul(q, k.transpose(-2, -1)) / Math.Sqrt(q.shape[^1]), dim: -1);
        return matmul(weights, v).transpose(1, 2).flatten(2);
    }

    private static Tensor Heads(Tensor x) => x.reshape(x.shape[0], x.shape[1], HeadCount, -1).transpose(1, 2);
}

internal sealed class PlainMlp : nn.Module<Tensor, Tensor>
{
    private readonly Sequential net;

    public PlainMlp(int channels) : base(nameof(PlainMlp))
    {
        net = nn.Sequential(nn.Linear(channels, channels), nn.ReLU(), nn.Linear(channels, channels));
        RegisterComponents();
    }

    public override Tensor forward(Tensor x) => net.call(x);
}
