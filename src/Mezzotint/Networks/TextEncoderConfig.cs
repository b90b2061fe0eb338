namespace Mezzotint.Networks;

/// <summary>
/// The shape of a <see cref="TextEncoder"/>. Its keys and defaults are those of transformers' <c>CLIPTextConfig</c>, so that the
/// <c>text_encoder/config.json</c> of a Stable Diffusion folder says the same here.
/// </summary>
public sealed record TextEncoderConfig
{
    /// <summary>CLIP's approximation of the Gaussian error linear unit.</summary>
    public const string QuickGelu = "quick_gelu";

    /// <summary>The Gaussian error linear unit itself.</summary>
    public const string Gelu = "gelu";

    /// <summary>How many tokens the vocabulary has.</summary>
    public int VocabSize { get; init; } = 49_408;

    /// <summary>The width of a hidden state.</summary>
    public int HiddenSize { get; init; } = 512;

    /// <summary>The width inside the perceptron of a layer.</summary>
    public int IntermediateSize { get; init; } = 2048;

    /// <summary>The width of the space that texts and images share.</summary>
    public int ProjectionDim { get; init; } = 512;

    /// <summary>Layers.</summary>
    public int NumHiddenLayers { get; init; } = 12;

    /// <summary>Heads of attention; they divide <see cref="HiddenSize"/>.</summary>
    public int NumAttentionHeads { get; init; } = 8;

    /// <summary>The most tokens of a text, those of its start and end included.</summary>
    public int MaxPositionEmbeddings { get; init; } = 77;

    /// <summary><see cref="QuickGelu"/> or <see cref="Gelu"/>.</summary>
    public string HiddenAct { get; init; } = QuickGelu;

    /// <summary>What is added to the variance in layer normalisations.</summary>
    public double LayerNormEps { get; init; } = 1e-5;

    /// <summary>The token that fills texts up.</summary>
    public int PadTokenId { get; init; } = 1;

    /// <summary>The token before a text.</summary>
    public int BosTokenId { get; init; } = 49_406;

    /// <summary>
    /// The token behind a text, where the pooled state is taken. 2 stands for the largest number of the text: published models
    /// say 2 where their vocabulary has another.
    /// </summary>
    public int EosTokenId { get; init; } = 49_407;

    /// <summary>The same, or null for the largest number of the text.</summary>
    internal int? EndToken
    {
        get
        {
            const int largest = 2;
            return EosTokenId == largest ? null : EosTokenId;
        }
    }

    /// <summary>How many numbers the parameters have.</summary>
    public long ParameterCount => TextEncoder.Describe(this).ParameterCount;

    /// <summary>Checks that the numbers make an encoder.</summary>
    /// <exception cref="MezzotintException">A number is out of its range; the message names it.</exception>
    public void Validate()
    {
        Between("vocab_size", VocabSize, 1 << 20);
        Between("hidden_size", HiddenSize, 1 << 14);
        Between("intermediate_size", IntermediateSize, 1 << 16);
        Between("projection_dim", ProjectionDim, 1 << 14);
        Between("num_hidden_layers", NumHiddenLayers, 128);
        Check.Range("text_encoder.num_attention_heads", NumAttentionHeads,
            NumAttentionHeads >= 1 && HiddenSize % NumAttentionHeads == 0,
            $"a divisor of text_encoder.hidden_size ({HiddenSize})");
        Between("max_position_embeddings", MaxPositionEmbeddings, 1 << 14, least: 2);
        Check.Range("text_encoder.hidden_act", Printable.Quote(HiddenAct), HiddenAct is QuickGelu or Gelu,
            $"{QuickGelu} or {Gelu}");
        Check.Range("text_encoder.layer_norm_eps", LayerNormEps, LayerNormEps is > 0 and < 1, "more than 0 and below 1");
        Between("pad_token_id", PadTokenId, int.MaxValue, least: 0); // published numbers need not be in the vocabulary
        Between("bos_token_id", BosTokenId, int.MaxValue, least: 0);
        Between("eos_token_id", EosTokenId, int.MaxValue, least: 0);
    }

    private static void Between(string key, int value, int most, int least = 1) =>
        Check.Range($"text_encoder.{key}", value, value >= least && value <= most, $"between {least} and {most}");
}
