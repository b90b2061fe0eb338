namespace Mezzotint.Evaluation;

/// <summary>How likely a model takes images to be.</summary>
public sealed record LikelihoodResult
{
    /// <summary>What the figures mean, in one line.</summary>
    public const string Convention = "bits/dim = log2 255 - log2 p(y + s z) / n of n pixels y = (pixel + u - 1/2) / 255, u "
        + "uniform in [0, 1), z normal, s the model's least level of noise";

    /// <summary>ln p(y + s z) of each image in nats, y its pixels, 0 to 1 and half a step beyond.</summary>
    public required IReadOnlyList<double> LogDensities { get; init; }

    /// <summary>n, the number of pixels and channels of an image.</summary>
    public required long Dimensions { get; init; }

    /// <summary>How often the denoiser was asked, counted by image; each time with a walk back for each probe, or for each
    /// pixel.</summary>
    public required long Evaluations { get; init; }

    /// <summary>The number of images.</summary>
    public int Count => LogDensities.Count;

    /// <summary>The mean of ln p(y + s z) over the images, in nats.</summary>
    public double MeanLogDensity => LogDensities.Average();

    /// <summary>The mean over the images of their bits per dimension.</summary>
    public double BitsPerDimension => Bits(MeanLogDensity);

    /// <summary>The standard error of <see cref="BitsPerDimension"/> over images, that of probes and noise in it; null for one
    /// image.</summary>
    public double? StandardError => Count < 2 ? null
        : Math.Sqrt(LogDensities.Sum(density => Math.Pow(density - MeanLogDensity, 2)) / (Count - 1) / Count)
            / (Dimensions * Math.Log(2));

    /// <summary>The bits per dimension of image <paramref name="index"/>.</summary>
    public double BitsOf(int index) => Bits(LogDensities[index]);

    /// <summary>Where the figure of ever more steps tends to, by Richardson's extrapolation: b + (b - b_half) / (2^order -
    /// 1).</summary>
    /// <param name="half">The same images in half the steps.</param>
    /// <param name="order">That of the solver, 1 or more.</param>
    /// <exception cref="ArgumentException">It is of other images, or the order is below 1.</exception>
    public StepLimit Limit(LikelihoodResult half, int order)
    {
        ArgumentNullException.ThrowIfNull(half);
        ArgumentOutOfRangeException.ThrowIfLessThan(order, 1);
        if (half.Count != Count)
            throw new ArgumentException($"{half.Count} images beside {Count}: a limit is of the same images.", nameof(half));
        double change = (BitsPerDimension - half.BitsPerDimension) / (Math.Pow(2, order) - 1);
        return new(BitsPerDimension + change, Math.Abs(change));
    }

    /// <summary>A value of a pixel is 1 / 255 wide: its probability is the density there times that.</summary>
    private double Bits(double logDensity) => Math.Log2(255) - logDensity / (Dimensions * Math.Log(2));
}

/// <summary>The bits per dimension of infinitely many steps.</summary>
/// <param name="BitsPerDimension">The estimate.</param>
/// <param name="Error">How far it lies from the figure of the steps that were taken: that much is not measured.</param>
public sealed record StepLimit(double BitsPerDimension, double Error);
