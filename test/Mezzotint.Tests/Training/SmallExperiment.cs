using Mezzotint.Data;
using Mezzotint.Networks;
using Mezzotint.Training;

namespace Mezzotint.Tests.Training;

/// <summary>The smallest training that has everything: one level, 8 x 8 images of random bytes, a last batch that is
/// smaller.</summary>
internal static class SmallExperiment
{
    public static readonly UNetConfig Model = new()
    {
        NumResBlocks = 1, ChannelMultipliers = [1], AttentionLevels = [0], Transformer = new() { ContextDim = 8, NumHeads = 4 },
    };

    /// <summary>Three steps an epoch with <see cref="Train"/>: 8, 8 and 4 images.</summary>
    public static readonly ExperimentConfig Config = new()
    {
        Model = Model,
        Training = new()
        {
            Epochs = 3, BatchSize = 8, Replicas = 2, LearningRate = 1e-3, LogEvery = 2, CheckpointEvery = 4, SamplesPerLabel = 0,
        },
    };

    public static readonly ImageSet Train = Images("train", 20, seed: 1);

    public static readonly ImageSet Test = Images("test", 11, seed: 2);

    public static ImageSet Images(
        string name, int count, int seed, int channels = 1, int height = 8, int width = 8, int classes = 10)
    {
        var random = new Random(seed);
        var pixels = new byte[count * channels * height * width];
        random.NextBytes(pixels);
        return new ImageSet(
            name, pixels, [.. Enumerable.Range(0, count).Select(_ => (byte)random.Next(classes))], channels, height, width,
            [.. Enumerable.Range(0, classes).Select(i => $"class {i}")]);
    }
}
