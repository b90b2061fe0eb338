using Mezzotint.Networks;
using TorchSharp;

namespace Mezzotint.Engine;

/// <summary>
/// A network computed without libtorch, an image at a time on one thread, in buffers that are made once: forward, and backward where it is trained. What it says of an image depends
/// on nothing else, to the bit.
/// </summary>
internal abstract unsafe class NetworkEngine : IDisposable
{
    /// <summary>The largest images, 512 x 512, and the most channels of a map: offsets within one stay below 2^31 bytes.</summary>
    private protected const int MostPixels = 1 << 18, MostChannels = 512;

    private readonly List<IDisposable> _owned = [];
    private readonly List<ConvolutionLayer> _layers = [];

    private protected NetworkEngine(torch.nn.Module network, bool bfloat16, bool training) =>
        (Parameters, Bfloat16, Training) = (new ParameterTable(network, training), bfloat16, training);

    internal ParameterTable Parameters { get; }

    internal bool Bfloat16 { get; }

    internal bool Training { get; }

    /// <summary>The engine of a network; null where there is none for its shape, or for this processor.</summary>
    /// <param name="network">On the CPU; its parameters must stay where they are.</param>
    /// <param name="height">H of the images.</param>
    /// <param name="width">W.</param>
    /// <param name="bfloat16">Whether maps and weights that are multiplied are rounded to bfloat16; sums, normalisations and what is added up stay float32.</param>
    /// <param name="training">Whether it has gradients; the parameters must have them then.</param>
    public static NetworkEngine? For(DenoisingNetwork network, int height, int width, bool bfloat16, bool training)
    {
        bool isSupported = bfloat16 ? TileKernel.IsBfloat16Supported : TileKernel.IsSupported;
        if (!isSupported || !Computes(network.Config) || (long)height * width > MostPixels)
            return null;
        NetworkEngine? engine = Environment.GetEnvironmentVariable("H7_OLD") is null
            ? new PlannedEngine(network, network.Description, height, width, tokens: 1, bfloat16, training)
            : network switch
        {
            UNet unet => new UNetEngine(unet, height, width, bfloat16, training),
            ResidualUNet unet => new ResidualUNetEngine(unet, height, width, bfloat16, training),
            _ => null,
        };
        engine?.Pack();
        return engine;
    }

    /// <summary>Whether there are engines for networks of that shape.</summary>
    public static bool Computes(NetworkConfig config) => config switch
    {
        UNetConfig unet => UNetEngine.Fits(unet),
        ResidualUNetConfig unet => ResidualUNetEngine.Fits(unet),
        _ => false,
    };

    /// <summary>Takes the weights as they are now: before the first image, and whenever they have changed.</summary>
    public virtual void Pack() => _layers.ForEach(layer => layer.Pack());

    /// <summary>Computes one image.</summary>
    /// <param name="x">[C, H, W].</param>
    /// <param name="t">Its time.</param>
    /// <param name="label">Its class.</param>
    /// <param name="f">[C, H, W].</param>
    public abstract void Forward(float* x, float t, long label, float* f);

    /// <summary>Adds the gradients of the parameters, of the image that was computed last.</summary>
    /// <param name="gradient">Of f: [C, H, W].</param>
    public abstract void Backward(float* gradient);

    /// <summary>Adds what <see cref="Backward"/> has summed to the gradients of the network: after the last image of a batch.</summary>
    public virtual void TakeGradients() => _layers.ForEach(layer => layer.TakeGradients());

    public void Dispose()
    {
        foreach (var owned in _owned)
            owned.Dispose();
        GC.SuppressFinalize(this);
    }

    internal T Owned<T>(T owned)
        where T : IDisposable
    {
        _owned.Add(owned);
        return owned;
    }

    internal Map NewMap(int height, int width, int channels, int border = 1) => Owned(new Map(height, width, channels, border, Bfloat16));

    internal Map NewPlainMap(int height, int width, int channels) => Owned(new Map(height, width, channels, 0, false));

    internal float* NewFloats(long count) => Owned(new NativeArray<float>(count)).Data;

    internal ConvolutionLayer NewLayer(string name, ConvolutionShape shape, Map input, int outputs, LayerOptions options = default)
    {
        var layer = Owned(new ConvolutionLayer(Parameters, name, shape, input, outputs, options with { Training = Training }));
        _layers.Add(layer);
        return layer;
    }
}
