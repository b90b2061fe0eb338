using TorchSharp;

namespace Mezzotint.Runtime;

/// <summary>What a stream of random numbers is for: streams of different purposes never coincide by design.</summary>
internal enum RandomPurpose
{
    /// <summary>The order of the images in an epoch; the index is the epoch.</summary>
    Shuffle,
    /// <summary>Times and noise of a training step; the index is the step.</summary>
    TrainingNoise,
    /// <summary>Times and noise of an evaluation batch; the index is the batch.</summary>
    EvaluationNoise,
    /// <summary>A node of the Brownian path that an image is sampled along; the index is the node.</summary>
    SamplingPath,
    /// <summary>What fills the steps between the pixel values of an image, and the noise on it, for its likelihood; the index is
    /// the image.</summary>
    Dequantisation,
    /// <summary>The vectors that probe the Jacobian for an image's likelihood; the index is the image.</summary>
    TraceProbes,
    /// <summary>How the images of a classifier's training step are bent; the index is the step. (Its number is part of what makes
    /// a run repeatable.)</summary>
    Augmentation = 16,
    /// <summary>The first weights of low-rank changes; the index is 0.</summary>
    LowRank,
}

/// <summary>
/// Random streams that are named instead of passed on: the numbers of step 1000 follow from the run's seed and 1000 alone.
/// </summary>
/// <remarks>
/// This makes a run resumable to the bit without saving any generator's state. The seed of each stream is a hash (the finaliser
/// of SplitMix64: Steele et al. 2014, "Fast Splittable Pseudorandom Number Generators") cut to the 32 bits that libtorch's
/// Mersenne Twister takes.
/// </remarks>
internal static class RandomSeeds
{
    /// <summary>The seed of one stream: 0 to 2^32 - 1.</summary>
    /// <param name="seed">The run's seed.</param>
    /// <param name="purpose">What the numbers are for.</param>
    /// <param name="index">Which of the streams of that purpose.</param>
    public static uint Derive(long seed, RandomPurpose purpose, long index) =>
        (uint)(Mix(Mix(Mix((ulong)seed) + (ulong)purpose) + (ulong)index) >> 32);

    /// <summary>A CPU generator at the start of one stream; the caller disposes it.</summary>
    public static torch.Generator Generator(long seed, RandomPurpose purpose, long index) =>
        new(Derive(seed, purpose, index), torch.CPU);

    private static ulong Mix(ulong x) => RandomStream.SplitMix(ref x);
}
