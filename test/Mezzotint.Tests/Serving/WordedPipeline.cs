using Mezzotint.Engine;
using Mezzotint.Models;
using Mezzotint.Networks;
using Mezzotint.Noise;
using Mezzotint.Sampling;
using Mezzotint.Serving;
using Mezzotint.Text;

namespace Mezzotint.Tests.Serving;

/// <summary>The smallest model that is asked in words, with random weights: 8 x 8 pixels in colour.</summary>
internal static class WordedPipeline
{
    public const int Tokens = 8;

    private static readonly string[] Captions = ["a red heart", "a blue heart", "a green car, small", "two red cars"];

    public static readonly ConditionalUNetConfig Config = new()
    {
        InChannels = 3, OutChannels = 3, BlockOutChannels = [16, 32], LayersPerBlock = [1],
        DownBlockTypes = [ConditionalUNetConfig.AttendingDown, ConditionalUNetConfig.Down],
        UpBlockTypes = [ConditionalUNetConfig.Up, ConditionalUNetConfig.AttendingUp],
        CrossAttentionDim = 16, AttentionHeadDim = [2], NormNumGroups = 4,
    };

    /// <summary>A tokenizer of a few captions, and an encoder with random weights.</summary>
    public static (TextPrompts Prompts, IDisposable Encoder) NewPrompts()
    {
        var tokenizer = ClipVocabulary.Train(Captions, 700, Tokens);
        return TextFolder.With(new TextPrompts(), tokenizer, TextEncoder.Create(new TextEncoderConfig
        {
            VocabSize = tokenizer.Count, HiddenSize = 16, IntermediateSize = 32, NumHiddenLayers = 2, NumAttentionHeads = 2,
            MaxPositionEmbeddings = Tokens, ProjectionDim = 16, EosTokenId = tokenizer.End, BosTokenId = tokenizer.Start,
        }, seed: 5), "worded");
    }

    public static ModelInfo Info(TextPrompts prompts) => new()
    {
        Name = "worded",
        Model = Config,
        Process = new VariancePreserving { Schedule = new CosineSchedule() },
        Parameterisation = new VelocityParameterisation(),
        Prompts = prompts,
        Sampling = new() { Sampler = "euler", Levels = "karras", Steps = 4, Guidance = 3 },
        Height = 8,
        Width = 8,
        ClassNames = [],
    };

    public static DiffusionPipeline New(TextPrompts prompts, int threads = 1) =>
        new(new LoadedModel(Config.Build(seed: 3), Info(prompts)).With(ComputePrecision.Float32), // as libtorch, on every machine
            "worded", new string('b', 64), threads, ownsModel: true);
}
