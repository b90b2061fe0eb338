namespace Mezzotint.Networks;

/// <summary>The shape of an autoencoder with a KL penalty, <c>AutoencoderKL</c>: the keys are those of its
/// <c>config.json</c>.</summary>
/// <remarks>Rombach et al. 2022, "High-Resolution Image Synthesis with Latent Diffusion Models", arXiv 2112.10752,
/// appendix G.</remarks>
public sealed record AutoencoderConfig
{
    /// <summary>What is added to the variance of each normalisation.</summary>
    internal const double Epsilon = 1e-6;

    /// <summary>Channels of the images it reads: 1 or 3.</summary>
    public int InChannels { get; init; } = 3;

    /// <summary>Channels of the images it makes: as many.</summary>
    public int OutChannels { get; init; } = 3;

    /// <summary>Channels of the latents, c.</summary>
    public int LatentChannels { get; init; } = 4;

    /// <summary>Channels of the maps on each level, from the image down. Each level but the last halves the map.</summary>
    public IReadOnlyList<int> BlockOutChannels { get; init; } = [64];

    /// <summary>Residual blocks on each level of the encoder; the decoder has one more.</summary>
    public int LayersPerBlock { get; init; } = 1;

    /// <summary>Groups of each normalisation; they divide the channels.</summary>
    public int NormNumGroups { get; init; } = 32;

    /// <summary>The side in pixels of the images it was trained on.</summary>
    public int SampleSize { get; init; } = 32;

    /// <summary>Black pixels that are put around each image before it is encoded, and cut off again: 2 makes the 28 x 28 of MNIST
    /// 32 x 32, so that the latents can be halved further. diffusers has no such key.</summary>
    public int Margin { get; init; }

    /// <summary>What latents are multiplied by before a diffusion model sees them: about 1 / their standard deviation.</summary>
    public double ScalingFactor { get; init; } = 0.18215;

    /// <summary>The factor between the sides of an image and of its latents.</summary>
    public int Factor => 1 << (BlockOutChannels.Count - 1);

    /// <summary>Whether a side of images has latents.</summary>
    internal bool Takes(long side) => side > 0 && (side + 2 * Margin) % Factor == 0;

    /// <summary>The side of the latents of images of a side.</summary>
    internal long SideOf(long side) => (side + 2 * Margin) / Factor;

    /// <summary>The layers from images, <c>x</c>, to the moments of their latents: mean, then ln variance,
    /// [B, 2 c, H / factor, W / factor].</summary>
    public NetworkDescription DescribeEncoder() => AutoencoderDescription.Encoder(this);

    /// <summary>The layers from latents, <c>z</c>, to images.</summary>
    public NetworkDescription DescribeDecoder() => AutoencoderDescription.Decoder(this);

    /// <summary>Checks that the numbers make an autoencoder.</summary>
    /// <exception cref="MezzotintException">A number is out of its range; the message names it.</exception>
    public void Validate()
    {
        Check.Range("network.in_channels", InChannels, InChannels is 1 or 3, "1 or 3");
        Check.Range("network.out_channels", OutChannels, OutChannels == InChannels, $"network.in_channels ({InChannels})");
        Check.Range("network.latent_channels", LatentChannels, LatentChannels is >= 1 and <= 64, "between 1 and 64");
        Check.Range("network.norm_num_groups", NormNumGroups, NormNumGroups is >= 1 and <= 4096, "between 1 and 4096");
        Check.Range("network.block_out_channels", $"[{string.Join(", ", BlockOutChannels)}]",
            BlockOutChannels.Count is >= 1 and <= 8
                && BlockOutChannels.All(width => width is >= 1 and <= 4096 && width % NormNumGroups == 0),
            $"one to eight multiples of network.norm_num_groups ({NormNumGroups}), up to 4096");
        Check.Range("network.layers_per_block", LayersPerBlock, LayersPerBlock is >= 1 and <= 16, "between 1 and 16");
        Check.Range("network.sample_size", SampleSize, SampleSize is >= 1 and <= 65_536, "between 1 and 65536");
        Check.Range("network.margin", Margin, Margin is >= 0 and <= 1024, "between 0 and 1024");
        Check.Range("network.scaling_factor", ScalingFactor, ScalingFactor is > 0 and < 1e6, "more than 0 and below 1000000");
    }

    /// <summary>Two are equal when every number in them is, those in lists included.</summary>
    public bool Equals(AutoencoderConfig? other) => other is not null && Numbers.SequenceEqual(other.Numbers);

    /// <inheritdoc/>
    public override int GetHashCode() => Numbers.Aggregate(17, HashCode.Combine);

    private IEnumerable<double> Numbers =>
        [InChannels, OutChannels, LatentChannels, LayersPerBlock, NormNumGroups, SampleSize, Margin, ScalingFactor,
            .. BlockOutChannels];
}
