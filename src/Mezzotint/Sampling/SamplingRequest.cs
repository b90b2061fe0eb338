using Mezzotint.Networks;
using Mezzotint.Noise;
using static TorchSharp.torch;

namespace Mezzotint.Sampling;

/// <summary>What is to be drawn, as numbers. Its tensors are the caller's, and live until it is drawn.</summary>
public sealed record SamplingRequest
{
    /// <summary>What is asked for, a row for each image: their number is the number of images.</summary>
    public required Condition Condition { get; init; }

    /// <summary>What guidance compares with: one row for all images, or one for each; null for the network's own condition of
    /// nothing.</summary>
    public Condition? Negative { get; init; }

    /// <summary>Image i is drawn from seed + i alone, whatever else is drawn with it: 0 to 2^32 - 1.</summary>
    public long Seed { get; init; }

    /// <summary>Steps of the solver, 1 or more: for most solvers network evaluations an image.</summary>
    public int Steps { get; init; } = 500;

    /// <summary>How the noise is removed; null for the seed's way, <see cref="EulerMaruyama"/> in the model's process.</summary>
    public Solver? Solver { get; init; }

    /// <summary>The levels that the solver walks over, one more than <see cref="Steps"/>; null for those of the command:
    /// <see cref="NoiseLevels.Uniform"/> for <see cref="EulerMaruyama"/>, <see cref="NoiseLevels.Flow"/> for others.</summary>
    public IReadOnlyList<double>? Levels { get; init; }

    /// <summary>How the images are driven further towards what is asked for; null for not at all.</summary>
    public Guidance? Guidance { get; init; }

    /// <summary>The weaker model of <see cref="Autoguidance"/>, by its own sampler, on the same device. Other kinds have no use
    /// for it.</summary>
    public Sampler? WeakerModel { get; init; }

    /// <summary>A classifier that drives the images too, with a label for all of them or for each; null for none.</summary>
    public ClassifierGuidance? Classifier { get; init; }

    /// <summary>The picture to begin from; null for pure noise.</summary>
    public SamplingSource? Source { get; init; }

    /// <summary>
    /// Replaces seed + i for image i. The noise of all starts lies on the great circle from that of <see cref="Seed"/> (the first
    /// image) to that of this seed (the last), and what is drawn on the way is the same for all. Shoemake 1985, "Animating
    /// Rotation with Quaternion Curves". 0 to 2^32 - 1.
    /// </summary>
    public long? InterpolateTo { get; init; }

    /// <summary>
    /// Replaces seed + i for image i by a way through noises: from that of <see cref="Seed"/> on the great circle a share of the
    /// way to that of the first one's seed, from there to the second's, and so on; the last one's seed counts on with i. What is
    /// drawn on the way is the same for all. Empty for none; not beside <see cref="InterpolateTo"/>.
    /// </summary>
    public IReadOnlyList<NoiseVariation> Variations { get; init; } = [];

    /// <summary>Where the walk starts, instead of the noise of the seeds at the first level: numbers in variance-exploding
    /// coordinates, [N, C, H, W]; null for that noise.</summary>
    public Tensor? Start { get; init; }

    /// <summary>What a network for inpainting sees beside the noisy numbers: the mask (1 where it draws anew), and the numbers of
    /// the picture with grey under the mask. [1, C, H, W], C the channels that it sees more than it makes; null for other
    /// networks.</summary>
    public Tensor? Beside { get; init; }

    /// <summary>Whether all images are drawn from one seed, and differ in the noise that they start from alone.</summary>
    internal bool HasOneSeed => InterpolateTo is not null || Variations.Count > 0;

    /// <summary>The number of images.</summary>
    internal int Count => (int)Condition.Count;

    /// <summary>Checks steps, seeds, and the shapes of what the walk begins from.</summary>
    /// <param name="network">What is walked with.</param>
    /// <param name="height">H of its images.</param>
    /// <param name="width">W.</param>
    /// <exception cref="ArgumentException">Something does not fit.</exception>
    internal void CheckWalk(NetworkConfig network, int height, int width)
    {
        if (Steps < 1)
            throw new ArgumentException($"{Steps} steps: at least 1 is needed.");
        if (Levels is { } levels && levels.Count != Steps + 1)
            throw new ArgumentException($"{Steps} steps walk over {Steps + 1} levels, not {levels.Count}.");
        NoiseVariation.Check(Variations, Count);
        Classifier?.Validate();
        if (Classifier is { } classifier && classifier.Labels.Count != 1 && classifier.Labels.Count != Count)
            throw new ArgumentException(
                $"Classifier guidance has {classifier.Labels.Count} labels for {Count} images: 1 or as many are needed.");
        if (InterpolateTo is not null && Variations.Count > 0)
            throw new ArgumentException("Images are a row between two seeds or variations of one, not both.");
        if (Seed < 0 || Seed + (HasOneSeed ? 0 : Count - 1) > uint.MaxValue
            || InterpolateTo is < 0 or > uint.MaxValue)
            throw new ArgumentException($"Seed {Seed} for {Count} images: seed + i must lie between 0 and 4294967295.");
        long[] shape = [Count, network.OutChannels, height, width];
        if (Start is { } start)
            CheckShape("The start", start, shape);
        if (Source is { } source)
        {
            source.Validate();
            CheckShape(
                "The picture", source.Numbers,
                source.Numbers.dim() > 0 && source.Numbers.shape[0] == 1 ? [1, .. shape[1..]] : shape);
            if (source.Mask is { } mask)
                CheckShape("The mask", mask, [1, 1, height, width]);
        }
        if (Beside is { } shown)
            CheckShape("What the network sees beside", shown, [1, network.InChannels - network.OutChannels, height, width]);
    }

    private static void CheckShape(string what, Tensor given, long[] expected)
    {
        if (!given.shape.SequenceEqual(expected))
            throw new ArgumentException(
                $"{what} is [{string.Join(", ", given.shape)}]; it must be [{string.Join(", ", expected)}].");
    }
}

/// <summary>A picture that drawing begins from instead of pure noise: image-to-image, and with a mask inpainting.</summary>
/// <remarks>
/// The picture is brought to the level where the rest of the walk begins, x = x_0 + sigma z, and walked down from there: Meng et
/// al. 2022, "SDEdit", arXiv 2108.01073, algorithm 1.
/// </remarks>
public sealed record SamplingSource
{
    /// <summary>Its numbers x_0: [1, C, H, W] for all images alike, or [N, C, H, W].</summary>
    public required Tensor Numbers { get; init; }

    /// <summary>Where to draw anew: bool [1, 1, H, W]; null for everywhere. What is kept, is kept to the bit.</summary>
    public Tensor? Mask { get; init; }

    /// <summary>The share of the steps that is walked, more than 0 to 1: the more, the less of the picture is left.</summary>
    public double Strength { get; init; } = 0.6;

    /// <summary>How often each step is walked, 1 to 1000: with a mask, more than once lets what is drawn anew agree with what is
    /// kept.</summary>
    public int Resampling { get; init; } = 1;

    /// <summary>The levels that are walked: the end of <paramref name="levels"/>, at least one step of it.</summary>
    internal static double[] Rest(double[] levels, double strength)
    {
        int steps = Math.Clamp((int)Math.Round(strength * (levels.Length - 1)), 1, levels.Length - 1);
        return levels[^(steps + 1)..];
    }

    internal void Validate()
    {
        if (!(Strength > 0 && Strength <= 1))
            throw new ArgumentException($"Strength {Strength}: it is more than 0 and at most 1.");
        if (Resampling is < 1 or > 1000)
            throw new ArgumentException($"Resampling {Resampling}: each step is walked 1 to 1000 times.");
    }
}
