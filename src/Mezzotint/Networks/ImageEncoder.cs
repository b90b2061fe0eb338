using static TorchSharp.torch;

namespace Mezzotint.Networks;

/// <summary>
/// A network from an image to a list of numbers that say what is on it: the image tower of a <see cref="TextImageModel"/>.
/// </summary>
/// <remarks>
/// Both architectures keep, in the last layer, what is where on a map of a sixteenth of the side: a flag is its colours in their
/// places.
/// Their kernels, depth, normalisation and pooling differ, so that one can judge what the other has guided.
/// </remarks>
public sealed class ImageEncoder : nn.Module<Tensor, Tensor>
{
    private static readonly int[] Factors = [2, 4, 8]; // of ModelChannels, by level

    private readonly DescribedProgram _program;

    private ImageEncoder(ImageEncoderConfig config, NetworkDescription description) : base(description.Root.Type)
    {
        Config = config;
        var modules = new DescribedModules(this, description);
        _program = new(modules, description, description.Inputs, description.Outputs[0]);
        Features = new(modules, description, config.Channels, config.Height, config.Width);
    }

    /// <summary>What it sees on its way.</summary>
    internal FeatureMaps Features { get; }

    /// <summary>
    /// The architectures by name. <c>residual</c>: He et al. 2016, arXiv 1512.03385, with group normalisation. <c>plain</c>:
    /// four convolutions of 5 x 5 with maximum pooling, each normalised over all of its map.
    /// </summary>
    public static IReadOnlyList<string> Architectures { get; } = [ImageEncoderConfig.Residual, ImageEncoderConfig.Plain];

    /// <summary>The shape.</summary>
    public ImageEncoderConfig Config { get; }

    /// <summary>Builds an encoder with fresh weights.</summary>
    /// <param name="config">The shape.</param>
    /// <param name="seed">Of the weights: the same seed gives the same weights, bit for bit. 0 to 2^32 - 1.</param>
    /// <exception cref="MezzotintException">The shape is impossible.</exception>
    public static ImageEncoder Create(ImageEncoderConfig config, long seed = 0)
    {
        ArgumentNullException.ThrowIfNull(config);
        config.Validate();
        random.manual_seed(seed); // modules draw from the process's generator
        return new(config, Describe(config));
    }

    /// <summary>The numbers of images.</summary>
    /// <param name="x">Values in [0, 1]: [B, C, H, W].</param>
    /// <returns>[B, <see cref="ImageEncoderConfig.HiddenSize"/>].</returns>
    /// <exception cref="ArgumentException">The images are of another size.</exception>
    public override Tensor forward(Tensor x)
    {
        ArgumentNullException.ThrowIfNull(x);
        if (x.dim() != 4 || x.shape[1] != Config.Channels || x.shape[2] != Config.Height || x.shape[3] != Config.Width)
            throw new ArgumentException( // libtorch ends the process over some wrong shapes
                $"Images must be [B, {Config.Channels}, {Config.Height}, {Config.Width}], not [{string.Join(", ", x.shape)}].",
                nameof(x));
        return _program.Run([x]);
    }

    /// <summary>The layers.</summary>
    internal static NetworkDescription Describe(ImageEncoderConfig config)
    {
        var net = new NetworkBuilder(nameof(ImageEncoder));
        var x = net.Map("x", config.Channels);
        x = config.Architecture == ImageEncoderConfig.Plain ? Plain(net, x, config.ModelChannels)
            : Residual(net, x, config.ModelChannels);
        int places = config.Height / ImageEncoderConfig.Stride * (config.Width / ImageEncoderConfig.Stride);
        return net.Build(net.Linear("hidden", net.Flatten(x, places), config.HiddenSize));
    }

    private static Node Residual(NetworkBuilder net, Node x, int channels)
    {
        foreach (var (level, factor) in Factors.Index())
        {
            var (kernel, stride) = level == 0 ? (7, 4) : (3, 2); // pixels are taken together where they are many
            x = net.Relu(Normalised(
                net, $"down.{level}", x, factor * channels, ImageEncoderConfig.GroupChannels, stride, kernel));
            x = Block(net, $"blocks.{level}", x);
        }
        return x;
    }

    private static Node Block(NetworkBuilder net, string name, Node x)
    {
        using var block = net.Module(name, "Block");
        var first = net.Relu(Normalised(net, "first", x, x.Channels, ImageEncoderConfig.GroupChannels));
        return net.Relu(net.Add(x, Normalised(net, "second", first, x.Channels, ImageEncoderConfig.GroupChannels)));
    }

    private static Node Plain(NetworkBuilder net, Node x, int channels)
    {
        x = net.Relu(Normalised(net, "layers.0", x, channels, channels, stride: 2, kernel: 7));
        foreach (var (layer, factor) in Factors.Index())
            // a rectifier keeps the order: pooling first leaves it a quarter of the work
            x = net.Relu(net.MaxPool(Normalised(net, $"layers.{layer + 1}", x, factor * channels, factor * channels, kernel: 5)));
        return x;
    }

    private static Node Normalised(
        NetworkBuilder net, string name, Node x, int channels, int groupChannels, int stride = 1, int kernel = 3)
    {
        using var module = net.Module(name, "NormalizedConvolution");
        // the normalisation has a bias
        return net.GroupNorm("norm", net.Convolution("conv", x, channels, kernel, stride, bias: false), channels / groupChannels);
    }
}
