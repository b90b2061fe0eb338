using Mezzotint.Formats;
using Mezzotint.Runtime;
using Mezzotint.Settings;
using TorchSharp;
using static TorchSharp.torch;

namespace Mezzotint.Data;

/// <summary>
/// Latents of an autoencoder, so that a network sees smaller maps: the kind <c>latent</c> of <c>[pixels]</c>. A network sees
/// latents times the autoencoder's scaling factor, of about unit variance.
/// </summary>
/// <remarks>Rombach et al. 2022, "High-Resolution Image Synthesis with Latent Diffusion Models", arXiv 2112.10752. A codec that
/// was read from settings alone knows shapes, and turns no pixels:
/// <see cref="Models.LatentFolder.Open(ImageCodec, string?)"/> opens it.</remarks>
public sealed record LatentCodec : ImageCodec
{
    /// <summary>The folder of the autoencoder, as <c>mezzotint train</c> writes it.</summary>
    public string Autoencoder { get; init; } = "vae";

    /// <summary>Channels of the latents; 0 until the autoencoder is known.</summary>
    [DefaultWhenMissing]
    public int Channels { get; init; }

    /// <summary>The factor between the sides of an image and of its latents; 0 until the autoencoder is known.</summary>
    [DefaultWhenMissing]
    public int Factor { get; init; }

    /// <summary>Pixels that the autoencoder puts around each image.</summary>
    [DefaultWhenMissing]
    public int Margin { get; init; }

    /// <summary>Channels of the images; 0 until the autoencoder is known.</summary>
    [DefaultWhenMissing]
    public int ImageChannels { get; init; }

    /// <summary>The SHA-256 of the autoencoder's weights in lower-case hexadecimal digits, so that no other is taken for it;
    /// null until it is known.</summary>
    public string? Sha256 { get; init; }

    /// <summary>What computes it; null until it is opened.</summary>
    internal LatentCoder? Coder { get; init; }

    /// <inheritdoc/>
    public override bool IsDrawn => true;

    /// <inheritdoc/>
    public override int? ImageChannelsOf(int numbers) => ImageChannels == 0 ? null : ImageChannels;

    /// <inheritdoc/>
    public override (int Channels, int Height, int Width) NumbersOf(int channels, int height, int width)
    {
        if (Factor == 0)
            throw new MezzotintException(
                $"The autoencoder '{Autoencoder}' has not been opened: nothing is known of its latents.") { Key = Key };
        if ((height + 2 * Margin) % Factor != 0 || (width + 2 * Margin) % Factor != 0)
            throw new MezzotintException(
                $"Images of {height} x {width} have no latents: their sides must be multiples of {Factor}"
                + $"{(Margin > 0 ? $" less {2 * Margin}" : "")}. Pictures in a folder are brought to one with data.size.")
                { Key = "data.size" };
        return (Channels, (height + 2 * Margin) / Factor, (width + 2 * Margin) / Factor);
    }

    /// <summary>The means of the latents.</summary>
    /// <inheritdoc/>
    public override Tensor Encode(Tensor pixels) => Distribution(pixels).Mean;

    /// <inheritdoc/>
    public override (Tensor Mean, Tensor Std) Distribution(Tensor pixels) => Opened.Distribution(pixels);

    /// <inheritdoc/>
    public override Tensor Decode(Tensor numbers) => Opened.Decode(numbers);

    /// <summary>The colours that the autoencoder's linear map finds, each place of the latents as a square: without the
    /// work of <see cref="Decode"/>. Of an autoencoder that has no such map, the first preview fits one.</summary>
    /// <inheritdoc/>
    public override Tensor Preview(Tensor numbers)
    {
        ArgumentNullException.ThrowIfNull(numbers);
        var map = Opened.Preview.Value; // [C, c + 1]
        using var scope = NewDisposeScope();
        var weights = map.narrow(1, 0, Channels).unsqueeze(-1).unsqueeze(-1).to(numbers.device); // [C, c, 1, 1]
        var colours = nn.functional.conv2d(numbers.to(float32), weights, map.select(1, Channels).to(numbers.device));
        var large = nn.functional.interpolate(colours, scale_factor: [Factor, Factor], mode: InterpolationMode.Nearest);
        return large.narrow(2, Margin, large.shape[2] - 2 * Margin).narrow(3, Margin, large.shape[3] - 2 * Margin).contiguous()
            .MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public override Tensor EncodeMask(Tensor mask)
    {
        ArgumentNullException.ThrowIfNull(mask);
        using var scope = NewDisposeScope();
        long m = Margin;
        return nn.functional.max_pool2d(nn.functional.pad(mask.to(float32), [m, m, m, m]), Factor).to(
            ScalarType.Bool).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public override void Validate()
    {
        Check.Range(
            $"{Key}", Printable.Quote(Autoencoder), !string.IsNullOrWhiteSpace(Autoencoder), "the folder of an autoencoder");
        Check.Range("pixels.channels", Channels, Channels is >= 0 and <= 64, "left out, or between 1 and 64");
        Check.Range(
            "pixels.factor", Factor, Factor is >= 0 and <= 128 && (Factor & (Factor - 1)) == 0 && Factor == 0 == (Channels == 0),
            "left out with pixels.channels, or a power of two up to 128");
        Check.Range("pixels.margin", Margin, Margin is >= 0 and <= 1024, "between 0 and 1024");
        Check.Range("pixels.image_channels", ImageChannels, ImageChannels is 0 or 1 or 3, "left out, 1 or 3");
        Check.Range("pixels.sha256", Printable.Quote(Sha256 ?? ""),
            Sha256 is null || Sha256.Length == 64 && Sha256.All(char.IsAsciiHexDigitLower), "64 lower-case hexadecimal digits");
    }

    /// <summary>Two are equal when their latents mean the same: when they are of one autoencoder, wherever it lies.</summary>
    public bool Equals(LatentCodec? other) => other is not null
        && (Channels, Factor, Margin, ImageChannels, Sha256)
            == (other.Channels, other.Factor, other.Margin, other.ImageChannels, other.Sha256)
        && (Sha256 is not null || (Autoencoder, Coder) == (other.Autoencoder, other.Coder));

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Channels, Factor, Margin, ImageChannels, Sha256);

    private const string Key = "pixels.autoencoder";

    private LatentCoder Opened => Coder ?? throw new InvalidOperationException(
        $"The autoencoder '{Autoencoder}' has not been opened: LatentFolder.Open does.");
}

/// <summary>What an opened codec computes.</summary>
/// <param name="Distribution">
/// Pixels 0 to 1, [B, C, H, W], to mean and standard deviation of scaled latents, [B, c, h, w].
/// </param>
/// <param name="Decode">Scaled latents to pixels.</param>
/// <param name="Preview">The linear map from scaled latents to colours, float32 [C, c + 1]; made when it is first needed where
/// the autoencoder says none.</param>
/// <param name="Write">Writes the autoencoder's files into an empty folder, in a precision.</param>
internal sealed record LatentCoder(
    Func<Tensor, (Tensor Mean, Tensor Std)> Distribution, Func<Tensor, Tensor> Decode, Lazy<Tensor> Preview,
    Action<string, ElementType> Write);
