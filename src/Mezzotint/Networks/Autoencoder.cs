using Mezzotint.Runtime;
using static TorchSharp.torch;

namespace Mezzotint.Networks;

/// <summary>
/// An autoencoder: images to a normal distribution of smaller maps, their latents, and latents to images. Its modules and names
/// are those of diffusers' <c>AutoencoderKL</c>.
/// </summary>
/// <remarks>Kingma, Welling 2014, arXiv 1312.6114; Rombach et al. 2022, arXiv 2112.10752.</remarks>
public sealed class Autoencoder : nn.Module<Tensor, Tensor>
{
    private readonly DescribedProgram _encode, _decode;
    private readonly bool _isFresh;

    /// <summary>Builds it with fresh weights.</summary>
    /// <param name="config">The shape.</param>
    /// <param name="seed">Of the weights: the same seed gives the same weights, bit for bit. 0 to 2^32 - 1.</param>
    /// <exception cref="MezzotintException">The shape is impossible.</exception>
    public Autoencoder(AutoencoderConfig config, long seed = 0) : this(config, (long?)seed)
    {
    }

    private Autoencoder(AutoencoderConfig config, long? seed) : base(Checked(config))
    {
        if (seed is { } fresh)
            random.manual_seed(fresh); // modules draw from the process's generator
        _isFresh = seed is not null;
        Config = config;
        (EncoderDescription, DecoderDescription) = (config.DescribeEncoder(), config.DescribeDecoder());
        _encode = Program(EncoderDescription);
        _decode = Program(DecoderDescription);
    }

    /// <summary>One with memory that is still to be filled in place of most weights.</summary>
    internal static Autoencoder Unfilled(AutoencoderConfig config) => new(config, seed: null);

    /// <summary>The shape.</summary>
    public AutoencoderConfig Config { get; }

    internal NetworkDescription EncoderDescription { get; }

    internal NetworkDescription DecoderDescription { get; }

    /// <summary>The distribution of the latents of images.</summary>
    /// <param name="x">-1 (black) to 1: [B, C, H, W]; H and W, margins included, are multiples of
    /// <see cref="AutoencoderConfig.Factor"/>.</param>
    /// <exception cref="ArgumentException">The images are of another shape.</exception>
    public LatentMoments Encode(Tensor x) => Encode(x, maps => Run(maps, decodes: false));

    /// <summary>The same by whatever computes the encoder.</summary>
    internal LatentMoments Encode(Tensor x, Func<Tensor, Tensor> run)
    {
        ArgumentNullException.ThrowIfNull(x);
        if (x.dim() != 4 || x.shape[1] != Config.InChannels || !Config.Takes(x.shape[2]) || !Config.Takes(x.shape[3]))
            throw new ArgumentException($"Images must be [B, {Config.InChannels}, H, W], with sides that are multiples of "
                + $"{Config.Factor}{(Config.Margin > 0 ? $" less {2 * Config.Margin}" : "")}, not "
                + $"[{string.Join(", ", x.shape)}].", nameof(x));
        long m = Config.Margin;
        return LatentMoments.Of(run(m == 0 ? x : nn.functional.pad(x, [m, m, m, m], value: -1)));
    }

    /// <summary>The images of latents.</summary>
    /// <param name="z">As <see cref="Encode(Tensor)"/> gives them, not multiplied by the scaling factor: [B, c, h, w].</param>
    /// <returns>About -1 to 1: [B, C, H, W].</returns>
    /// <exception cref="ArgumentException">The latents are of another shape.</exception>
    public Tensor Decode(Tensor z) => Decode(z, maps => Run(maps, decodes: true));

    /// <summary>The same by whatever computes the decoder.</summary>
    internal Tensor Decode(Tensor z, Func<Tensor, Tensor> run)
    {
        ArgumentNullException.ThrowIfNull(z);
        if (z.dim() != 4 || z.shape[1] != Config.LatentChannels)
            throw new ArgumentException(
                $"Latents must be [B, {Config.LatentChannels}, h, w], not [{string.Join(", ", z.shape)}].", nameof(z));
        var y = run(z);
        long m = Config.Margin;
        return m == 0 ? y : y.narrow(2, m, y.shape[2] - 2 * m).narrow(3, m, y.shape[3] - 2 * m);
    }

    /// <summary>Images by way of the mean of their latents: [B, C, H, W] to [B, C, H, W].</summary>
    public override Tensor forward(Tensor x) => Decode(Encode(x).Mean);

    /// <summary>What libtorch computes of maps: the decoder, or the encoder.</summary>
    internal Tensor Run(Tensor maps, bool decodes) => (decodes ? _decode : _encode).Run([maps]);

    private DescribedProgram Program(NetworkDescription description) =>
        new(new(this, description, _isFresh), description, description.Inputs, description.Outputs[0]);

    private static string Checked(AutoencoderConfig config)
    {
        ArgumentNullException.ThrowIfNull(config);
        config.Validate();
        Libtorch.Load();
        return nameof(Autoencoder);
    }
}

/// <summary>The normal distribution of latents, number by number.</summary>
/// <param name="Mean">[B, c, h, w].</param>
/// <param name="LogVariance">ln variance, -30 to 20: [B, c, h, w].</param>
public sealed record LatentMoments(Tensor Mean, Tensor LogVariance)
{
    private static readonly TorchSharp.Scalar Least = -30, Most = 20; // as diffusers clamps them

    /// <summary>The standard deviation: [B, c, h, w].</summary>
    public Tensor Std => LogVariance.Times(0.5).exp();

    /// <summary>A draw.</summary>
    /// <param name="noise">~ N(0, I): [B, c, h, w].</param>
    public Tensor Sample(Tensor noise) => Mean.Plus(Std * noise);

    /// <summary>The Kullback-Leibler divergence from N(0, I), summed over the numbers of each image: [B]. Kingma, Welling 2014,
    /// arXiv 1312.6114, appendix B.</summary>
    public Tensor Divergence() => Mean.Squared().Plus(LogVariance.exp() - LogVariance).Plus(-1).sum([1, 2, 3]).Times(0.5);

    internal static LatentMoments Of(Tensor moments)
    {
        var halves = moments.chunk(2, 1);
        return new(halves[0], halves[1].clamp(Least, Most));
    }
}
