using Mezzotint.Formats;
using Mezzotint.Models.Diffusers;
using Mezzotint.Networks;
using Mezzotint.Text;

namespace Mezzotint.Models;

/// <summary>Opens the text encoders that prompt readers of the kind <c>text</c> name: a folder with <c>text_encoder/</c> and
/// <c>tokenizer/</c>.</summary>
public static class TextFolder
{
    internal const string EncoderFolder = "text_encoder", TokenizerFolder = "tokenizer";

    /// <summary>Whether a folder has both.</summary>
    /// <param name="folder">The folder; it need not exist.</param>
    public static bool Exists(string folder) =>
        File.Exists(Path.Combine(AtomicFolder.SubfolderOf(folder, EncoderFolder), TextEncoderFolder.ConfigFile))
        && Directory.Exists(AtomicFolder.SubfolderOf(folder, TokenizerFolder));

    /// <summary>Reads the text encoder of a prompt reader that needs one and has none yet.</summary>
    /// <param name="prompts">The reader, as it stands in settings; may be null.</param>
    /// <param name="beside">The folder that its path begins in; null for the current one.</param>
    /// <returns>The reader with all that it needs, and what was read for it, which must live as long as the reader is used; null
    /// where nothing was needed.</returns>
    /// <exception cref="MezzotintException">There is no text encoder, or it is another one than the reader was used
    /// with.</exception>
    public static (PromptReader? Prompts, IDisposable? Encoder) Open(PromptReader? prompts, string? beside = null) =>
        Open(prompts, beside, new WeightsReading());

    /// <summary>The same, with <paramref name="reading"/>.</summary>
    internal static (PromptReader? Prompts, IDisposable? Encoder) Open(
        PromptReader? prompts, string? beside, WeightsReading reading)
    {
        if (prompts is not TextPrompts { Coder: null } text)
            return (prompts, null);
        string folder = beside is null ? text.Encoder : Path.GetFullPath(Path.Combine(beside, text.Encoder));
        if (!Exists(folder))
            throw new MezzotintException(
                $"'{folder}' has no text encoder: it must have {EncoderFolder}/ and {TokenizerFolder}/, as `mezzotint train "
                + "configs/emoji-clip.toml` writes them.") { Key = "prompts.encoder" };
        string place = AtomicFolder.SubfolderOf(folder, EncoderFolder);
        string hash = DiffusersWeights.Find(place, "", TextEncoderFolder.WeightsStem, reading.Variant).Hash();
        if (text.Sha256 is { } expected && expected != hash)
            throw new MezzotintException(
                $"The text encoder in '{folder}' is another one than the model was trained with: its weights have the SHA-256 "
                + $"{hash}, not {expected}.") { Key = "prompts.encoder" };
        var encoder = TextEncoderFolder.Read(place, reading);
        try
        {
            var tokenizer = ClipTokenizer.Read(AtomicFolder.SubfolderOf(folder, TokenizerFolder));
            return With(text with { Sha256 = hash }, tokenizer, encoder, folder);
        }
        catch
        {
            encoder.Dispose();
            throw;
        }
    }

    /// <summary>A reader of this tokenizer and encoder, which it then owns; <paramref name="place"/> is where they lie, for
    /// messages.</summary>
    internal static (TextPrompts Prompts, IDisposable Encoder) With(
        TextPrompts prompts, ClipTokenizer tokenizer, TextEncoder encoder, string place)
    {
        if (tokenizer.Length > encoder.Config.MaxPositionEmbeddings || tokenizer.Count > encoder.Config.VocabSize)
            throw new MezzotintException(
                $"'{place}': the tokenizer and the text encoder do not belong together: one has {tokenizer.Count} tokens and "
                + $"prompts of {tokenizer.Length}, the other knows {encoder.Config.VocabSize} and "
                + $"{encoder.Config.MaxPositionEmbeddings}.")
                { Key = "prompts.encoder" };
        var coder = new TextCoder(tokenizer, encoder);
        return (prompts with { Width = encoder.Config.HiddenSize, Length = tokenizer.Length, Coder = coder },
            new Opened(coder, encoder));
    }

    private sealed record Opened(TextCoder Coder, TextEncoder Network) : IDisposable
    {
        private bool _freed;

        public void Dispose()
        {
            if (_freed)
                return;
            _freed = true;
            Coder.Dispose();
            Network.Dispose();
        }
    }
}
