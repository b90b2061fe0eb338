using Mezzotint.Data;
using Mezzotint.Formats;
using Mezzotint.Models;
using Mezzotint.Models.Diffusers;
using Mezzotint.Networks;
using Mezzotint.Noise;
using Mezzotint.Text;

namespace Mezzotint.Benchmarks;

/// <summary>The networks of Stable Diffusion 1.5, or of half its widths, with random weights.</summary>
/// <param name="Divisor">1 for the published widths, 2 for half of them.</param>
internal sealed record StableDiffusionShape(int Divisor)
{
    public const string Full = "full", Half = "half";
    private const int Tokens = 77, Side = 64;

    public static StableDiffusionShape Of(string size) => new(size == Full ? 1 : 2);

    public ConditionalUNetConfig UNet => new()
    {
        InChannels = 4, OutChannels = 4, BlockOutChannels = Channels(320, 640, 1280, 1280),
        CrossAttentionDim = TextEncoder.HiddenSize,
    };

    public AutoencoderConfig Autoencoder => new()
    {
        BlockOutChannels = Channels(128, 256, 512, 512), LayersPerBlock = 2, SampleSize = 8 * Side,
    };

    public TextEncoderConfig TextEncoder => new()
    {
        HiddenSize = 768 / Divisor, IntermediateSize = 3072 / Divisor, ProjectionDim = 768 / Divisor,
        NumAttentionHeads = 12 / Divisor, MaxPositionEmbeddings = Tokens,
    };

    /// <summary>Writes a folder of diffusers.</summary>
    public void Write(string folder, ElementType precision)
    {
        var words = ClipVocabulary.Train(["a watercolour of a lighthouse"], 600, Tokens);
        var text = TextEncoder with { BosTokenId = words.Start, EosTokenId = words.End };
        var (prompts, encoder) = TextFolder.With(
            new TextPrompts(), words, Networks.TextEncoder.Create(text, seed: 3), "the published shape");
        using var autoencoder = new LoadedAutoencoder(new Autoencoder(Autoencoder, seed: 2), new AutoencoderInfo());
        using var network = UNet.Build(seed: 1);
        using (encoder)
            DiffusersFolder.Write(folder, network, new ModelInfo
            {
                Name = "random",
                Model = network.Config,
                Process = new VariancePreserving { Schedule = new ScaledLinearSchedule().ToTable(1000), Timesteps = true },
                Parameterisation = new EpsilonParameterisation(),
                Loss = new Training.SimpleWeighting(),
                Pixels = LatentFolder.With(new LatentCodec(), autoencoder, null),
                Prompts = prompts,
                ImageChannels = 3,
                Height = 8 * Side,
                Width = 8 * Side,
                ClassNames = [],
                Sampling = new() { Sampler = "ddim", Levels = "leading-plus-one", Steps = 50, Guidance = 7.5 },
            }, precision);
    }

    private int[] Channels(params int[] published) => [.. published.Select(channels => channels / Divisor)];
}
