using Mezzotint.Engine;
using Mezzotint.Models;
using Mezzotint.Networks;
using Mezzotint.Serving;

namespace Mezzotint.Benchmarks;

/// <summary>Pipelines of networks that are no model on disk: the seed's process and numbers, square grey images.</summary>
internal static class Pipelines
{
    public static DiffusionPipeline Of(
        DenoisingNetwork network, int side, int threads = 0, string precision = ComputePrecision.Automatic) =>
        new(new LoadedModel(network, new ModelInfo
        {
            Name = "benchmark",
            Model = network.Config,
            Height = side,
            Width = side,
            ClassNames = [.. Enumerable.Range(0, network.Config.CorpusLength).Select(i => $"{i}")],
        }).With(precision), threads: threads);

    /// <summary>Draws images of one digit by the seed's sampler.</summary>
    public static void Draw(this DiffusionPipeline pipeline, int images, int steps) =>
        pipeline.Generate([5], new() { Count = images, Seed = 42, Steps = steps });
}
