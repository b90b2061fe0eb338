using Mezzotint.Networks;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Mezzotint.Benchmarks;

/// <summary>
/// The seed's preset written the way a first port to TorchSharp is written: eager, float32, contiguous, one module a box, and
/// every temporary kept until the step's end. It is the baseline, so it stays as it is when the library's network gets faster.
/// </summary>
/// <remarks>Fields carry the library's parameter names, so that both networks hold the same weights and can be
/// compared.</remarks>
internal sealed class PlainUNet : nn.Module<Tensor, Tensor, Tensor, Tensor>
{
    private readonly Embedding context_embed = nn.Embedding(10, 256);
    private readonly PlainTimeEmbedding time_embed = new(32);
    private readonly ModuleList<PlainEncoderBlock> encoder;
    private readonly PlainMidBlock mid_block = new(64, 128);
    private readonly ModuleList<PlainDecoderBlock> decoder = new(new PlainDecoderBlock(128, 64), new PlainDecoderBlock(64, 32));
    private readonly Sequential proj;

    /// <param name="channels">1 for grey images, 3 for colour.</param>
    public PlainUNet(int channels) : base(nameof(PlainUNet))
    {
        encoder = new(new PlainEncoderBlock(channels, 32), new PlainEncoderBlock(32, 64));
        proj = nn.Sequential(nn.GroupNorm(32, 32), nn.SiLU(), nn.Conv2d(32, channels, 3, padding: 1));
        RegisterComponents();
    }

    public override Tensor forward(Tensor x, Tensor t, Tensor labels)
    {
        var context = context_embed.call(labels); // [B, 1, 256]
        var time = time_embed.call(t);            // [B, 32]
        var (skip0, x1) = encoder[0].Encode(x, time);
        var (skip1, x2) = encoder[1].Encode(x1, time);
        var middle = mid_block.call(x2, time, context);
        var up1 = decoder[0].call(middle, skip1, time);
        var up0 = decoder[1].call(up1, skip0, time);
        return proj.call(up0);
    }

    /// <summary>Takes over the weights of the library's network, each by its name.</summary>
    /// <exception cref="InvalidOperationException">The two networks have other parameters or shapes.</exception>
    public void CopyFrom(UNet network)
    {
        using var noGrad = no_grad();
        var theirs = network.named_parameters().ToDictionary(named => named.name, named => named.parameter);
        var ours = named_parameters().ToArray();
        if (ours.Length != theirs.Count)
            throw new InvalidOperationException(
                $"The baseline has {ours.Length} parameters, the library's network {theirs.Count}.");
        foreach (var (name, parameter) in ours)
        {
            if (!theirs.TryGetValue(name, out var other) || !parameter.shape.SequenceEqual(other.shape))
                throw new InvalidOperationException(
                    $"The library's network has no parameter {name} of shape [{string.Join(", ", parameter.shape)}].");
            parameter.copy_(other);
        }
    }
}

internal sealed class PlainTimeEmbedding : nn.Module<Tensor, Tensor>
{
    private readonly Parameter W;
    private readonly Linear proj;

    public PlainTimeEmbedding(int channels) : base(nameof(PlainTimeEmbedding))
    {
        W = new Parameter(randn(channels / 2) * 30, requires_grad: false);
        proj = nn.Linear(channels, channels);
        RegisterComponents();
    }

    public override Tensor forward(Tensor t)
    {
        var angle = t.unsqueeze(1) * W * 2 * Math.PI;
        return proj.call(cat([sin(angle), cos(angle)], dim: -1));
    }
}

internal sealed class PlainResidualBlock : nn.Module<Tensor, Tensor, Tensor>
{
    private readonly Conv2d conv;
    private readonly Linear time_lin;
    private readonly GroupNorm gnorm;

    public PlainResidualBlock(int inChannels, int outChannels) : base(nameof(PlainResidualBlock))
    {
        conv = nn.Conv2d(inChannels, outChannels, 3, padding: 1);
        time_lin = nn.Linear(32, outChannels);
        gnorm = nn.GroupNorm(32, outChannels);
        RegisterComponents();
    }

    public override Tensor forward(Tensor x, Tensor time)
    {
        var c = conv.call(x);
        return c + nn.functional.silu(gnorm.call(c + time_lin.call(time).unsqueeze(-1).unsqueeze(-1)));
    }
}

internal sealed class PlainEncoderBlock : nn.Module
{
    private readonly ModuleList<PlainResidualBlock> res_blocks;
    private readonly Conv2d downsampling;

    public PlainEncoderBlock(int inChannels, int outChannels) : base(nameof(PlainEncoderBlock))
    {
        res_blocks = new(new PlainResidualBlock(inChannels, outChannels), new PlainResidualBlock(outChannels, outChannels));
        downsampling = nn.Conv2d(outChannels, outChannels, 3, stride: 2, padding: 1, bias: false);
        RegisterComponents();
    }

    public (Tensor Skip, Tensor Down) Encode(Tensor x, Tensor time)
    {
        var skip = res_blocks[1].call(res_blocks[0].call(x, time), time);
        return (skip, downsampling.call(skip));
    }
}

internal sealed class PlainMidBlock : nn.Module<Tensor, Tensor, Tensor, Tensor>
{
    private readonly PlainResidualBlock res1, res2;
    private readonly PlainSpatialTransformer st;

    public PlainMidBlock(int inChannels, int outChannels) : base(nameof(PlainMidBlock))
    {
        res1 = new(inChannels, outChannels);
        res2 = new(outChannels, outChannels);
        st = new(outChannels);
        RegisterComponents();
    }

    public override Tensor forward(Tensor x, Tensor time, Tensor context) =>
        st.call(res2.call(res1.call(x, time), time), context);
}

internal sealed class PlainDecoderBlock : nn.Module<Tensor, Tensor, Tensor, Tensor>
{
    private readonly ConvTranspose2d upsampling;
    private readonly ModuleList<PlainResidualBlock> res_blocks;

    public PlainDecoderBlock(int inChannels, int outChannels) : base(nameof(PlainDecoderBlock))
    {
        upsampling = nn.ConvTranspose2d(inChannels, outChannels, 3, stride: 2, padding: 1, output_padding: 1, bias: false);
        res_blocks = new(new PlainResidualBlock(2 * outChannels, outChannels), new PlainResidualBlock(outChannels, outChannels));
        RegisterComponents();
    }

    public override Tensor forward(Tensor x, Tensor skip, Tensor time)
    {
        var joined = cat([skip, upsampling.call(x)], dim: 1);
        return res_blocks[1].call(res_blocks[0].call(joined, time), time);
    }
}
