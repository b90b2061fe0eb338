using Mezzotint.Runtime;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Mezzotint.Networks;

/// <summary>
/// h = conv1(silu(norm1(x))); out = skip(x) + conv2(silu((1 + scale) norm2(h) + shift)), where scale and shift are linear in the condition.
/// Dhariwal, Nichol 2021, arXiv 2105.05233, section 3 ("adaptive group normalization").
/// </summary>
public sealed class ModulatedBlock : nn.Module<Tensor, Tensor, Tensor>
{
    private static readonly Scalar One = 1;

    private readonly GroupNorm norm1;
    private readonly Conv2d conv1;
    private readonly Linear modulation;
    private readonly GroupNorm norm2;
    private readonly Conv2d conv2;
    private readonly Conv2d? skip;

    internal ModulatedBlock(int inChannels, int outChannels, ResidualUNetConfig config) : base(nameof(ModulatedBlock))
    {
        norm1 = Norm(inChannels);
        conv1 = nn.Conv2d(inChannels, outChannels, 3, padding: 1);
        modulation = nn.Linear(config.EmbeddingWidth, 2 * outChannels);
        norm2 = Norm(outChannels);
        conv2 = StartAtZero(nn.Conv2d(outChannels, outChannels, 3, padding: 1));
        if (inChannels != outChannels)
            skip = nn.Conv2d(inChannels, outChannels, 1);
        RegisterComponents();
    }

    /// <summary>Maps x [B, Cin, H, W] and the condition [B, E] to [B, Cout, H, W].</summary>
    public override Tensor forward(Tensor x, Tensor condition)
    {
        using var scope = NewDisposeScope();
        var h = conv1.Apply(nn.functional.silu(norm1.call(x)));                                // [B, Cout, H, W]
        var both = modulation.call(condition).unsqueeze(-1).unsqueeze(-1).chunk(2, dim: 1);   // 2 of [B, Cout, 1, 1]
        h = nn.functional.silu(both[1].addcmul(norm2.call(h), both[0].Plus(1), One));
        return (skip?.Apply(x) ?? x).Plus(conv2.Apply(h)).MoveToOuterDisposeScope();
    }

    /// <summary>A group normalisation that starts as the identity; TorchSharp's own leaves its weights uninitialised.</summary>
    internal static GroupNorm Norm(int channels)
    {
        var norm = nn.GroupNorm(channels / ResidualUNetConfig.GroupChannels, channels);
        nn.init.ones_(norm.weight);
        nn.init.zeros_(norm.bias);
        return norm;
    }

    /// <summary>A layer that at first gives 0, so that its branch adds nothing.</summary>
    internal static Conv2d StartAtZero(Conv2d layer)
    {
        nn.init.zeros_(layer.weight);
        nn.init.zeros_(layer.bias!);
        return layer;
    }
}

/// <summary>The blocks of one level of encoder or decoder, each with attention after it where the configuration asks for that.</summary>
public sealed class ModulatedLevel : nn.Module<Tensor, Tensor, Tensor>
{
    private readonly ModuleList<ModulatedBlock> blocks;
    private readonly ModuleList<MapAttention> attention;

    internal ModulatedLevel(ResidualUNetConfig config, int level, bool joins) : base(nameof(ModulatedLevel))
    {
        int width = config.Widths[level];
        var each = Enumerable.Range(0, config.ResidualBlocks[level]);
        blocks = new([.. each.Select(_ => new ModulatedBlock(joins ? 2 * width : width, width, config))]);
        attention = new([.. each.Where(_ => config.AttentionLevels.Contains(level)).Select(_ => new MapAttention(width, config.HeadChannels))]);
        RegisterComponents();
    }

    /// <summary>The level of an encoder, without the maps that it leaves for the decoder: [B, C, H, W] to the same.</summary>
    public override Tensor forward(Tensor x, Tensor condition) => Encode(x, condition, new());

    /// <summary>Leaves on <paramref name="skips"/> the map after each block: [B, C, H, W].</summary>
    internal Tensor Encode(Tensor x, Tensor condition, Stack<Tensor> skips)
    {
        for (int i = 0; i < blocks.Count; i++)
        {
            x = Block(i, x, condition);
            skips.Push(x);
        }
        return x;
    }

    /// <summary>Takes them back, the last first, each before the block that it is joined to.</summary>
    internal Tensor Decode(Tensor x, Tensor condition, Stack<Tensor> skips)
    {
        for (int i = 0; i < blocks.Count; i++)
        {
            using var scope = NewDisposeScope();
            x = Block(i, cat([x, skips.Pop()], dim: 1), condition).MoveToOuterDisposeScope();
        }
        return x;
    }

    private Tensor Block(int i, Tensor x, Tensor condition)
    {
        x = blocks[i].call(x, condition);
        return attention.Count > 0 ? attention[i].call(x) : x;
    }
}

/// <summary>x + proj(attention over the places of norm(x)), in heads. Vaswani et al. 2017, arXiv 1706.03762, equation 1; as in Ho et al. 2020, arXiv 2006.11239, appendix B.</summary>
public sealed class MapAttention : nn.Module<Tensor, Tensor>
{
    private readonly GroupNorm norm;
    private readonly Conv2d qkv;
    private readonly Conv2d proj;
    private readonly int _heads;

    internal MapAttention(int channels, int headChannels) : base(nameof(MapAttention))
    {
        _heads = channels / headChannels;
        norm = ModulatedBlock.Norm(channels);
        qkv = nn.Conv2d(channels, 3 * channels, 1);
        proj = ModulatedBlock.StartAtZero(nn.Conv2d(channels, channels, 1));
        RegisterComponents();
    }

    /// <summary>Maps [B, C, H, W] to the same.</summary>
    public override Tensor forward(Tensor x)
    {
        using var scope = NewDisposeScope();
        long batch = x.shape[0], channels = x.shape[1], places = x.shape[2] * x.shape[3], width = channels / _heads;
        var all = qkv.Apply(norm.call(x)).view(batch, 3, _heads, width, places).transpose(-1, -2); // [B, 3, heads, places, width]
        var (q, k, v) = (all.select(1, 0), all.select(1, 1), all.select(1, 2));
        var weights = matmul(q.Times(1 / Math.Sqrt(width)), k.transpose(-1, -2)).softmax(-1);    // [B, heads, places, places]
        var mixed = matmul(weights, v).transpose(-1, -2).reshape(x.shape);
        return x.Plus(proj.Apply(mixed)).MoveToOuterDisposeScope();
    }
}
