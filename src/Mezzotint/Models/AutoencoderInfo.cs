using Mezzotint.Engine;

namespace Mezzotint.Models;

/// <summary>What is known about an autoencoder beside its shape and weights: how it was made, and how well it does.</summary>
public sealed record AutoencoderInfo : TrainedPartInfo
{
    /// <summary>The mean peak signal-to-noise ratio of the reconstructed test images, in decibels; null where it is not
    /// known.</summary>
    public double? Psnr { get; init; }

    /// <summary>
    /// The map from latents to colours that previews are made with, row by row: for each channel of the image the weights of the
    /// latents as a diffusion model sees them, then a constant; colours are 0 to 1. Empty for none.
    /// </summary>
    public IReadOnlyList<double> Preview { get; init; } = [];

    /// <inheritdoc/>
    public override void Validate()
    {
        base.Validate();
        Check.Range("psnr", Psnr ?? 0, double.IsFinite(Psnr ?? 0), "finite");
        Check.Range("preview", $"{Preview.Count} numbers", Preview.All(double.IsFinite), "finite numbers");
    }
}

/// <summary>An autoencoder that can be used.</summary>
/// <param name="Network">The network, in float32; as it is read, on the CPU.</param>
/// <param name="Info">What is known about it.</param>
public sealed record LoadedAutoencoder(Networks.Autoencoder Network, AutoencoderInfo Info) : IDisposable
{
    /// <summary>What computes it for drawing.</summary>
    internal AutoencoderEvaluator Evaluator => field ??= new(Network);

    /// <summary>Frees the weights.</summary>
    public void Dispose()
    {
        Evaluator.Dispose();
        Network.Dispose();
    }
}
