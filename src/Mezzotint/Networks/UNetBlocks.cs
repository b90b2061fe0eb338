using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Mezzotint.Networks;

/// <summary>One level of the encoder: residual blocks, a spatial transformer where the configuration asks for one, and a convolution that halves the map.</summary>
public sealed class EncoderBlock : nn.Module<Tensor, Tensor, Tensor, Tensor>
{
    private readonly ModuleList<ResidualBlock> res_blocks;
    private readonly SpatialTransformer? spatial_transformer;
    private readonly Conv2d downsampling;

    internal EncoderBlock(int inChannels, int outChannels, int timeChannels, int residualBlocks, TransformerConfig? transformer) : base(nameof(EncoderBlock))
    {
        res_blocks = ResidualBlocks(inChannels, outChannels, timeChannels, residualBlocks);
        if (transformer is not null)
            spatial_transformer = new(outChannels, transformer);
        downsampling = nn.Conv2d(outChannels, outChannels, 3, stride: 2, padding: 1, bias: false);
        RegisterComponents();
    }

    /// <summary>Maps x [B, C, H, W] to [B, C', H / 2, W / 2].</summary>
    public override Tensor forward(Tensor x, Tensor time, Tensor context) => Encode(x, time, context, new());

    /// <summary>The same, and leaves on <paramref name="skips"/> the map before it was halved: [B, C', H, W].</summary>
    internal Tensor Encode(Tensor x, Tensor time, Tensor context, Stack<Tensor> skips)
    {
        using var scope = NewDisposeScope();
        foreach (var block in res_blocks)
            x = block.call(x, time);
        if (spatial_transformer is not null)
            x = spatial_transformer.call(x, context);
        skips.Push(x.MoveToOuterDisposeScope());
        return downsampling.call(x).MoveToOuterDisposeScope();
    }

    internal static ModuleList<ResidualBlock> ResidualBlocks(int inChannels, int outChannels, int timeChannels, int count) =>
        new([.. Enumerable.Range(0, count).Select(i => new ResidualBlock(i == 0 ? inChannels : outChannels, outChannels, timeChannels))]);
}

/// <summary>The bottom of the U: two residual blocks and a spatial transformer, at twice the width of the last encoder level.</summary>
public sealed class MidBlock : nn.Module<Tensor, Tensor, Tensor, Tensor>
{
    private readonly ResidualBlock res1;
    private readonly ResidualBlock res2;
    private readonly SpatialTransformer st;

    internal MidBlock(int inChannels, int outChannels, int timeChannels, TransformerConfig transformer) : base(nameof(MidBlock))
    {
        res1 = new(inChannels, outChannels, timeChannels);
        res2 = new(outChannels, outChannels, timeChannels);
        st = new(outChannels, transformer);
        RegisterComponents();
    }

    /// <summary>Maps x [B, C, H, W] to [B, 2 C, H, W].</summary>
    public override Tensor forward(Tensor x, Tensor time, Tensor context) =>
        st.call(res2.call(res1.call(x, time), time), context);
}

/// <summary>One level of the decoder: a transposed convolution that doubles the map, the encoder's map joined in front of it, and residual blocks.</summary>
public sealed class DecoderBlock : nn.Module<Tensor, Tensor, Tensor, Tensor>
{
    private readonly ConvTranspose2d upsampling;
    private readonly ModuleList<ResidualBlock> res_blocks;

    internal DecoderBlock(int inChannels, int outChannels, int timeChannels, int residualBlocks) : base(nameof(DecoderBlock))
    {
        upsampling = nn.ConvTranspose2d(inChannels, outChannels, 3, stride: 2, padding: 1, output_padding: 1, bias: false);
        res_blocks = EncoderBlock.ResidualBlocks(2 * outChannels, outChannels, timeChannels, residualBlocks);
        RegisterComponents();
    }

    /// <summary>Maps x [B, C, h, w] and the skip [B, C', H, W] to [B, C', 2 h, 2 w]; a larger skip is cropped about its centre.</summary>
    public override Tensor forward(Tensor x, Tensor skip, Tensor time)
    {
        using var scope = NewDisposeScope();
        x = upsampling.call(x);
        if (skip.shape[^1] != x.shape[^1] || skip.shape[^2] != x.shape[^2])
            skip = CenterCrop.To(skip, x);
        x = cat([skip, x], dim: 1);
        foreach (var block in res_blocks)
            x = block.call(x, time);
        return x.MoveToOuterDisposeScope();
    }
}
