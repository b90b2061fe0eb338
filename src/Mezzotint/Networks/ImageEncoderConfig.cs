namespace Mezzotint.Networks;

/// <summary>The shape of an <see cref="ImageEncoder"/>.</summary>
public sealed record ImageEncoderConfig
{
    /// <summary>Residual blocks of 3 x 3 with small groups: see <see cref="ImageEncoder.Architectures"/>.</summary>
    public const string Residual = "residual";

    /// <summary>Convolutions of 5 x 5 with pooling: see <see cref="ImageEncoder.Architectures"/>.</summary>
    public const string Plain = "plain";

    /// <summary>The sides of an image are multiples of it: the last map is smaller by it.</summary>
    internal const int Stride = 16;

    /// <summary>The channels that a normalisation of <see cref="Residual"/> takes together.</summary>
    internal const int GroupChannels = 8;

    /// <summary><see cref="Residual"/> or <see cref="Plain"/>.</summary>
    public string Architecture { get; init; } = Residual;

    /// <summary>Channels of an image: 1 or 3.</summary>
    public int Channels { get; init; } = 3;

    /// <summary>Rows of an image: a multiple of 16, up to 256.</summary>
    public int Height { get; init; } = 64;

    /// <summary>Columns of an image: a multiple of 16, up to 256.</summary>
    public int Width { get; init; } = 64;

    /// <summary>The channels of the maps are 2, 4 and 8 times as many: a multiple of 8.</summary>
    public int ModelChannels { get; init; } = 16;

    /// <summary>How many numbers the encoder gives for an image.</summary>
    public int HiddenSize { get; init; } = 256;

    /// <summary>How many numbers the parameters have.</summary>
    public long ParameterCount => ImageEncoder.Describe(this).ParameterCount;

    /// <summary>Checks that the numbers make an encoder.</summary>
    /// <exception cref="MezzotintException">A number is out of its range; the message names it.</exception>
    public void Validate()
    {
        Check.Range("image_encoder.architecture", Printable.Quote(Architecture),
            ImageEncoder.Architectures.Contains(Architecture), string.Join(" or ", ImageEncoder.Architectures));
        Check.Range("image_encoder.channels", Channels, Channels is 1 or 3, "1 or 3");
        foreach (var (key, side) in new[] { ("height", Height), ("width", Width) })
            Check.Range($"image_encoder.{key}", side, side is >= Stride and <= 256 && side % Stride == 0,
                $"a multiple of {Stride} up to 256");
        Check.Range("image_encoder.model_channels", ModelChannels,
            ModelChannels is >= GroupChannels and <= 1024 && ModelChannels % GroupChannels == 0,
            $"a multiple of {GroupChannels} up to 1024");
        Check.Range("image_encoder.hidden_size", HiddenSize, HiddenSize is >= 1 and <= 1 << 14, "between 1 and 16384");
    }
}
