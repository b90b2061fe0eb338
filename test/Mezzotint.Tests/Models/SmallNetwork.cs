using Mezzotint.Formats;
using Mezzotint.Models;
using Mezzotint.Networks;
using Mezzotint.Noise;

namespace Mezzotint.Tests.Models;

/// <summary>The smallest network that there is, and a model of it in which every fact is filled in.</summary>
internal static class SmallNetwork
{
    public static UNetConfig Config { get; } = new()
    {
        CorpusLength = 2,
        NumResBlocks = 1,
        ChannelMultipliers = [1],
        AttentionLevels = [],
        Transformer = new TransformerConfig { ContextDim = 4, NumHeads = 1 },
    };

    public static ModelInfo Info { get; } = new()
    {
        Name = "small & <quick>",
        Model = Config,
        Process = new VarianceExploding { Sigma = 12.5 },
        Height = 8,
        Width = 10,
        ClassNames = ["zero", "null \"0\" é 漢"],
        Dataset = "strokes",
        Background = "#FFEEDD",
        Steps = 28_140,
        Epochs = 2.5,
        TrainLoss = 0.1 + 0.2,
        EvalLoss = 12.8269,
        TrainingSeconds = 170.04,
        Seed = uint.MaxValue,
        Provenance = "Made for the tests; MIT.",
    };

    /// <summary>The same with all that may be unknown unknown.</summary>
    public static ModelInfo Nameless { get; } =
        new() { Name = "x", Model = Config, Height = 2, Width = 2, ClassNames = ["a", "b"] };

    public static UNet Build(long seed = 1) => new(Config, seed);

    /// <summary>The weights as bits, by name.</summary>
    public static Dictionary<string, byte[]> Weights(TorchSharp.torch.nn.Module network) =>
        network.named_parameters().ToDictionary(named => named.name, named => named.parameter.ToData().Bytes.ToArray());
}
