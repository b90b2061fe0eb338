using Mezzotint.Data;
using Mezzotint.Engine;
using Mezzotint.Networks;
using Mezzotint.Text;

namespace Mezzotint.Training;

/// <summary>
/// Everything that decides the training of a <see cref="TextImageModel"/> and its tokenizer: a configuration of the kind
/// <c>text-image</c>.
/// </summary>
public sealed record TextImageExperiment : Experiment
{
    /// <inheritdoc/>
    public override DataConfig Data { get; init; } = new();

    /// <summary>The table <c>[vocabulary]</c>.</summary>
    public VocabularyConfig Vocabulary { get; init; } = new();

    /// <summary>The table <c>[text_encoder]</c>. The numbers of tokens, their places and the special ones are those of the
    /// vocabulary.</summary>
    public TextEncoderConfig TextEncoder { get; init; } = new()
    {
        HiddenSize = 192, IntermediateSize = 768, ProjectionDim = 192, NumHiddenLayers = 4, NumAttentionHeads = 4,
    };

    /// <summary>The table <c>[image_encoder]</c>. The size of the images is that of the data.</summary>
    public ImageEncoderConfig ImageEncoder { get; init; } = new();

    /// <inheritdoc/>
    public override TrainingConfig Training { get; init; } = new() { SamplesPerLabel = 0 };

    /// <summary>Learns the vocabulary from the captions of the training images: the same for the same images.</summary>
    /// <param name="train">The training images.</param>
    /// <exception cref="MezzotintException">They have no captions.</exception>
    public ClipTokenizer TrainTokenizer(ImageSet train)
    {
        TextImageTask.CheckCaptions(train);
        return ClipVocabulary.Train(
            Enumerable.Range(0, train.Count).SelectMany(train.Captions), Vocabulary.Size, Vocabulary.Length);
    }

    /// <summary>What the model is trained for.</summary>
    /// <param name="tokenizer">What <see cref="TrainTokenizer"/> gives for the training images.</param>
    public TextImageTask Task(ClipTokenizer tokenizer) => new(TextEncoder, ImageEncoder, tokenizer);

    /// <inheritdoc/>
    public override void Validate()
    {
        Data.Validate();
        Vocabulary.Validate();
        TextEncoder.Validate();
        ImageEncoder.Validate();
        Training.Validate();
        Check.Range("training.accumulate", Training.Accumulate, Training.Accumulate == 1,
            "1: the loss of texts with images is one of a whole batch");
        Check.Range("training.label_dropout", Training.LabelDropout, Training.LabelDropout == 0,
            "0: a text-image model learns captions, not labels");
        Check.Range("training.samples_per_label", Training.SamplesPerLabel, Training.SamplesPerLabel == 0,
            "0: a text-image model draws nothing");
    }

    /// <inheritdoc/>
    public override TextImageExperiment Fit(ImageSet train, NetworkConfig? begun = null)
    {
        ArgumentNullException.ThrowIfNull(train);
        var tokenizer = TrainTokenizer(train);
        var fitted = this with
        {
            TextEncoder = TextEncoder with
            {
                VocabSize = tokenizer.Count, MaxPositionEmbeddings = tokenizer.Length, BosTokenId = tokenizer.Start,
                EosTokenId = tokenizer.End, PadTokenId = tokenizer.Pad,
            },
            ImageEncoder = ImageEncoder with { Channels = train.Channels, Height = train.Height, Width = train.Width },
        };
        fitted.ImageEncoder.Validate();
        fitted.Task(tokenizer).Check(train);
        return fitted;
    }

    /// <inheritdoc/>
    public override TextImageExperiment WithTraining(TrainingConfig training) => this with { Training = training };

    internal override (IReadOnlyList<NetworkMemory> Networks, string WidthKey) Work(int height, int width) => (
    [
        new(Networks.TextEncoder.Describe(TextEncoder), 0, 0, 0, TextEncoder.MaxPositionEmbeddings),
        new(Networks.ImageEncoder.Describe(ImageEncoder), (double)ImageEncoder.Channels * height * width, height, width),
    ], "image_encoder.model_channels");
}

/// <summary>The vocabulary that captions are cut into: the table <c>[vocabulary]</c>.</summary>
public sealed record VocabularyConfig
{
    /// <summary>The most tokens: 514 to 1,048,576.</summary>
    public int Size { get; init; } = 2048;

    /// <summary>The most tokens of a prompt, those of its start and end included: 3 to 1,024.</summary>
    public int Length { get; init; } = 32;

    internal void Validate()
    {
        Check.Range("vocabulary.size", Size, Size is >= ClipVocabulary.LeastSize and <= ClipVocabulary.MostSize,
            $"between {ClipVocabulary.LeastSize} and {ClipVocabulary.MostSize}");
        Check.Range("vocabulary.length", Length, Length is >= 3 and <= 1024, "between 3 and 1024");
    }
}
