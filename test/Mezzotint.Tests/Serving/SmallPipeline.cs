using Mezzotint.Models;
using Mezzotint.Networks;
using Mezzotint.Serving;

namespace Mezzotint.Tests.Serving;

/// <summary>A pipeline of a small network with random weights that draws ten digits of 8 x 8.</summary>
internal static class SmallPipeline
{
    public static UNetConfig Config { get; } = new()
    {
        NumResBlocks = 1,
        ChannelMultipliers = [1],
        AttentionLevels = [],
        Transformer = new TransformerConfig { ContextDim = 8, NumHeads = 2 },
    };

    public static ModelInfo Info { get; } = new()
    {
        Name = "small",
        Model = Config,
        Height = 8,
        Width = 8,
        ClassNames = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"],
        Sampling = new() { Sampler = "euler", Levels = "karras", Steps = 6 },
    };

    public static DiffusionPipeline Create(int threads = 2, string? hash = null) =>
        new(new LoadedModel(new UNet(Config, seed: 3), Info), "small", hash, threads, ownsModel: true);
}
