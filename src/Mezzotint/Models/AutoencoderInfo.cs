using Mezzotint.Engine;
using Mezzotint.Data;

namespace Mezzotint.Models;

/// <summary>What is known about an autoencoder beside its shape and weights: how it was made, and how well it does.</summary>
public sealed record AutoencoderInfo
{
    /// <summary>The title: a line of up to 300 characters.</summary>
    public string Name { get; init; } = "autoencoder";

    /// <summary>The data set that was learned from; empty where it is not known.</summary>
    public string Dataset { get; init; } = "";

    /// <summary>The table <c>[data]</c> that it was trained with; null where it is not known.</summary>
    public DataConfig? Data { get; init; }

    /// <summary>Passes over the training images; 0 where they are not known.</summary>
    public int Epochs { get; init; }

    /// <summary>The mean peak signal-to-noise ratio of the reconstructed test images, in decibels; null where it is not
    /// known.</summary>
    public double? Psnr { get; init; }

    /// <summary>The time of the training in seconds, tests left out; 0 where it is not known.</summary>
    public double Seconds { get; init; }

    /// <summary>The seed of the training, 0 to 2^32 - 1; null where it is not known.</summary>
    public long? Seed { get; init; }

    /// <summary>
    /// The map from latents to colours that previews are made with, row by row: for each channel of the image the weights of the
    /// latents as a diffusion model sees them, then a constant; colours are 0 to 1. Empty for none.
    /// </summary>
    public IReadOnlyList<double> Preview { get; init; } = [];

    /// <summary>Who or what made it, from what, and under which licence, in one line.</summary>
    public string Provenance { get; init; } = "";

    /// <summary>Checks the ranges of all numbers.</summary>
    /// <exception cref="MezzotintException">One is out of its range; the message names its key.</exception>
    public void Validate()
    {
        Check.Range("name", Printable.Quote(Name), ModelInfo.IsLine(Name, 300), "a line of 1 to 300 characters");
        Check.Range("dataset", Printable.Quote(Dataset), Dataset.Length == 0 || ModelInfo.IsLine(Dataset, 4096),
            "a line of up to 4096 characters");
        Data?.Validate();
        Check.Range("epochs", Epochs, Epochs >= 0, "0 or more");
        Check.Range("psnr", Psnr ?? 0, double.IsFinite(Psnr ?? 0), "finite");
        Check.Range("seconds", Seconds, Seconds is >= 0 and < double.PositiveInfinity, "0 or more");
        Check.Range("seed", Seed ?? 0, (Seed ?? 0) is >= 0 and <= uint.MaxValue, "between 0 and 4294967295");
        Check.Range("preview", $"{Preview.Count} numbers", Preview.All(double.IsFinite), "finite numbers");
        Check.Range("provenance", Printable.Quote(Provenance), Provenance.Length == 0 || ModelInfo.IsLine(Provenance, 5000),
            "a line of up to 5000 characters");
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
