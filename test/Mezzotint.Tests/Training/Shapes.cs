using Mezzotint.Data;
using Mezzotint.Networks;
using Mezzotint.Text;
using Mezzotint.Training;

namespace Mezzotint.Tests.Training;

/// <summary>
/// Captioned pictures of 16 x 16 for text-image models: squares of random colours, 24 pictures, each with a name of two words.
/// Each has its full caption, one with the parts the other way about, and one of the first word, which fits five others too.
/// </summary>
internal static class Shapes
{
    public const int Side = 16;

    private const int Square = 4;

    private static readonly string[] First = ["red", "green", "blue", "grey"],
        Second = ["house", "tree", "boat", "cloud", "stone", "bridge"];

    public static readonly ImageSet All = Make();

    public static readonly TextImageExperiment Experiment = new()
    {
        Data = new() { Name = "shapes" },
        Vocabulary = new() { Size = 600, Length = 12 },
        TextEncoder = new()
            { HiddenSize = 32, IntermediateSize = 64, ProjectionDim = 16, NumHiddenLayers = 2, NumAttentionHeads = 2 },
        ImageEncoder = new() { Height = Side, Width = Side, ModelChannels = 8, HiddenSize = 32 },
        Training = new()
        {
            Epochs = 3, BatchSize = 10, Replicas = 2, LearningRate = 2e-3, LogEvery = 2, CheckpointEvery = 4, SamplesPerLabel = 0,
        },
    };

    public static readonly TextImageExperiment Fitted = Experiment.Fit(All);

    public static readonly ClipTokenizer Tokenizer = Experiment.TrainTokenizer(All);

    private static ImageSet Make()
    {
        var random = new Random(1);
        var (pixels, captions) = (new List<byte>(), new List<string[]>());
        foreach (string first in First)
            foreach (string second in Second)
            {
                for (int channel = 0; channel < 3; channel++)
                {
                    byte[] squares = new byte[Side / Square * (Side / Square)];
                    random.NextBytes(squares);
                    for (int y = 0; y < Side; y++)
                        for (int x = 0; x < Side; x++)
                            pixels.Add(squares[y / Square * (Side / Square) + x / Square]);
                }
                captions.Add([$"{first} {second}", $"{second}, {first}", first]);
            }
        return new("shapes", [.. pixels], new byte[captions.Count], 3, Side, Side, [], captions);
    }
}
