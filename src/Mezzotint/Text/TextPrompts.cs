using Mezzotint.Networks;
using Mezzotint.Settings;

namespace Mezzotint.Text;

/// <summary>
/// Prompts in words, read by CLIP's tokenizer and a text encoder: the kind <c>text</c> of <c>[prompts]</c>. A network is asked
/// with the hidden states of all tokens, those that fill a prompt up included.
/// </summary>
/// <remarks>Radford et al. 2021, arXiv 2103.00020; Rombach et al. 2022, arXiv 2112.10752, section 3.3. A reader that was read
/// from settings alone knows shapes, and reads nothing:
/// <see cref="Models.TextFolder.Open(PromptReader?, string?)"/> opens it.</remarks>
public sealed record TextPrompts : PromptReader
{
    /// <summary>The folder that has <c>text_encoder/</c> and <c>tokenizer/</c>.</summary>
    public string Encoder { get; init; } = ".";

    /// <summary>The share of a training's draws that take an image's first caption, 0 to 1; the others take any of its captions,
    /// each as likely.</summary>
    [DefaultWhenMissing]
    public double FirstCaption { get; init; } = 0.5;

    /// <summary>Whether a training changes the encoder too; else it stays as it was read.</summary>
    [DefaultWhenMissing]
    public bool Trained { get; init; }

    /// <summary>Numbers of a token's state, D; 0 until the encoder is known.</summary>
    [DefaultWhenMissing]
    public int Width { get; init; }

    /// <summary>Tokens of a prompt, T, those of its start and end included; 0 until the tokenizer is known.</summary>
    [DefaultWhenMissing]
    public int Length { get; init; }

    /// <summary>The SHA-256 of the encoder's weights in lower-case hexadecimal digits, so that no other is taken for it; null
    /// until it is known.</summary>
    public string? Sha256 { get; init; }

    /// <summary>What reads; null until it is opened.</summary>
    internal TextCoder? Coder { get; init; }

    /// <inheritdoc/>
    public override Condition Read(IReadOnlyList<string> prompts, IReadOnlyList<string> classNames)
    {
        ArgumentNullException.ThrowIfNull(prompts);
        return Condition.OfContext(Opened.Read(prompts));
    }

    /// <summary>Reads prompts without the last layers of the encoder ("clip skip").</summary>
    /// <param name="prompts">Any texts.</param>
    /// <param name="skip">How many layers are left out: 0 to <see cref="MostSkipped"/>.</param>
    internal Condition Read(IReadOnlyList<string> prompts, int skip) => Condition.OfContext(Opened.Read(prompts, skip));

    /// <summary>Reads prompts with weights and of any length, as the widely used web interface writes and cuts them.</summary>
    /// <param name="prompts">Any texts.</param>
    /// <param name="skip">How many layers are left out.</param>
    internal Condition ReadWeighted(IReadOnlyList<string> prompts, int skip) =>
        Condition.OfContext(Opened.ReadWeighted(prompts, skip));

    /// <summary>The most layers that can be left out: all but one.</summary>
    internal int MostSkipped => Opened.Network.Config.NumHiddenLayers - 1;

    /// <summary>The tokens that a prompt is cut into, and what did not fit.</summary>
    /// <param name="prompt">Any text; may be empty.</param>
    public TokenizedPrompt Tokenize(string prompt) => Opened.Tokenize(prompt);

    /// <inheritdoc/>
    public override void Validate()
    {
        Check.Range("prompts.encoder", Printable.Quote(Encoder), !string.IsNullOrWhiteSpace(Encoder),
            "the folder of a text encoder");
        Check.Range("prompts.first_caption", FirstCaption, FirstCaption is >= 0 and <= 1, "between 0 and 1");
        Check.Range("prompts.width", Width, Width is >= 0 and <= 65_536, "left out, or between 1 and 65536");
        Check.Range("prompts.length", Length, Length is >= 0 and <= 4096, "left out, or between 1 and 4096");
        Check.Range("prompts.sha256", Printable.Quote(Sha256 ?? ""),
            Sha256 is null || Sha256.Length == 64 && Sha256.All(char.IsAsciiHexDigitLower), "64 lower-case hexadecimal digits");
    }

    internal TextCoder Opened => Coder ?? throw new InvalidOperationException(
        $"The text encoder '{Encoder}' has not been opened: TextFolder.Open does.");
}
