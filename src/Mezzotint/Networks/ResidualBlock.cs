using Mezzotint.Runtime;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Mezzotint.Networks;

/// <summary>c = conv(x); out = c + silu(gnorm(c + time_lin(timeEmbedding))). The residual is the convolution's output, not x.</summary>
public sealed class ResidualBlock : nn.Module<Tensor, Tensor, Tensor>
{
    private readonly Conv2d conv;
    private readonly Linear time_lin;
    private readonly GroupNorm gnorm;
    private readonly SiLU silu;

    internal ResidualBlock(int inChannels, int outChannels, int timeChannels) : base(nameof(ResidualBlock))
    {
        conv = nn.Conv2d(inChannels, outChannels, 3, padding: 1);
        time_lin = nn.Linear(timeChannels, outChannels);
        gnorm = GroupNormalisation(outChannels);
        silu = nn.SiLU();
        RegisterComponents();
    }

    /// <summary>Maps x [B, Cin, H, W] and the time embedding [B, T] to [B, Cout, H, W].</summary>
    public override Tensor forward(Tensor x, Tensor timeEmbedding)
    {
        using var scope = NewDisposeScope(); // what only this block needs is freed at its end, not at the end of the step
        var c = conv.Apply(x);                                                  // [B, Cout, H, W]
        var time = time_lin.call(timeEmbedding).unsqueeze(-1).unsqueeze(-1);  // [B, Cout, 1, 1]
        return c.Plus(silu.call(gnorm.call(c.Plus(time)))).MoveToOuterDisposeScope();
    }

    /// <summary>A group normalisation that starts as the identity; TorchSharp's own leaves its weights uninitialised.</summary>
    internal static GroupNorm GroupNormalisation(int channels)
    {
        var norm = nn.GroupNorm(UNetConfig.Groups, channels);
        nn.init.ones_(norm.weight);
        nn.init.zeros_(norm.bias);
        return norm;
    }
}

/// <summary>
/// Random Fourier features of the time, then a linear layer: proj([sin(2 pi W t), cos(2 pi W t)]), with frozen frequencies
/// W ~ N(0, 30^2). Tancik et al. 2020, "Fourier Features Let Networks Learn High Frequency Functions", arXiv 2006.10739, section 5.
/// </summary>
public sealed class TimeEmbedding : nn.Module<Tensor, Tensor>
{
    private const double FrequencyStd = 30;

    private readonly Parameter W;
    private readonly Linear proj;

    internal TimeEmbedding(int channels) : base(nameof(TimeEmbedding))
    {
        W = new Parameter(randn(channels / 2).Times(FrequencyStd), requires_grad: false);
        proj = nn.Linear(channels, channels);
        RegisterComponents();
    }

    /// <summary>W, in cycles per unit of time: [T / 2].</summary>
    internal Tensor Frequencies => W;

    /// <summary>Maps times [B] to embeddings [B, T].</summary>
    public override Tensor forward(Tensor t)
    {
        using var scope = NewDisposeScope();
        var angle = (t.unsqueeze(-1) * W).Times(2 * Math.PI);  // [B, T / 2]
        return proj.call(cat([angle.sin(), angle.cos()], dim: -1)).MoveToOuterDisposeScope();
    }
}
