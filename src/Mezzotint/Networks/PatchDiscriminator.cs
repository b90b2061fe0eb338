using static TorchSharp.torch;

namespace Mezzotint.Networks;

/// <summary>
/// Tells real images from reconstructed ones, patch by patch: a map of scores, high where a patch looks real. It sees parts of an
/// image alone, so it judges texture and edges.
/// </summary>
/// <remarks>Isola et al. 2017, "Image-to-Image Translation with Conditional Adversarial Networks", arXiv 1611.07004, section
/// 3.2.2; with group normalisation, as statistics of a batch would mix its images.</remarks>
internal sealed class PatchDiscriminator : nn.Module<Tensor, Tensor>
{
    private const int Groups = 4, Layers = 2;

    private readonly DescribedProgram _scores;

    /// <summary>Builds it with fresh weights from the process's generator.</summary>
    /// <param name="imageChannels">C of its images.</param>
    /// <param name="channels">Channels of its first maps: a multiple of 4.</param>
    public PatchDiscriminator(int imageChannels, int channels) : base(nameof(PatchDiscriminator))
    {
        var description = Describe(imageChannels, channels);
        _scores = new(new(this, description), description, description.Inputs, description.Outputs[0]);
    }

    /// <summary>The scores of images: [B, C, H, W] to [B, 1, H / 8, W / 8], rounded up.</summary>
    public override Tensor forward(Tensor x) => _scores.Run([x]);

    private static NetworkDescription Describe(int imageChannels, int channels)
    {
        var net = new NetworkBuilder(nameof(PatchDiscriminator));
        var x = net.Silu(net.Convolution("first", net.Map("x", imageChannels), channels, kernel: 3, stride: 2));
        for (int layer = 1; layer <= Layers; layer++)
        {
            using var block = net.Module($"layers.{layer - 1}", "Layer");
            x = net.Convolution("conv", x, x.Channels * 2, kernel: 3, stride: 2, bias: false);
            x = net.Silu(net.GroupNorm("norm", x, Groups));
        }
        return net.Build(net.Convolution("scores", x, 1));
    }
}

/// <summary>An autoencoder and what it is trained against.</summary>
internal sealed class AdversarialAutoencoder : nn.Module
{
    /// <summary>Joins both.</summary>
    /// <param name="autoencoder">The autoencoder.</param>
    /// <param name="channels">Channels of the discriminator's first maps.</param>
    public AdversarialAutoencoder(Autoencoder autoencoder, int channels) : base(nameof(AdversarialAutoencoder))
    {
        (Autoencoder, Discriminator) = (autoencoder, new PatchDiscriminator(autoencoder.Config.InChannels, channels));
        register_module("autoencoder", Autoencoder);
        register_module("discriminator", Discriminator);
    }

    public Autoencoder Autoencoder { get; }

    public PatchDiscriminator Discriminator { get; }

    /// <summary>The autoencoder of a network that a task trains.</summary>
    public static Autoencoder Of(nn.Module network) => network as Autoencoder ?? ((AdversarialAutoencoder)network).Autoencoder;
}
