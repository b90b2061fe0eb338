using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Mezzotint.Formats;
using Microsoft.ML.Tokenizers;
using static TorchSharp.torch;

namespace Mezzotint.Text;

/// <summary>
/// CLIP's tokenizer: text to the numbers of pieces of words, as Stable Diffusion's text encoders take them. Byte-level pair
/// encoding of lower-case text, with <c>&lt;/w&gt;</c> behind the last piece of each word.
/// </summary>
/// <remarks>
/// Radford et al. 2021, arXiv 2103.00020, section 2.4; Sennrich et al. 2016, arXiv 1508.07909. Text is normalised as the
/// compiled tokenizer of the published models does it: NFC, a blank for each run of white space, lower case. On disk it is a
/// <see cref="ClipTokenizerFolder"/>.
/// </remarks>
public sealed partial class ClipTokenizer
{
    /// <summary>The special tokens of a vocabulary.</summary>
    public const string StartText = "<|startoftext|>", EndText = "<|endoftext|>";

    /// <summary>The most tokens of a prompt of the published models, those of its start and end included.</summary>
    public const int PublishedLength = 77;

    /// <summary>What stands behind the last piece of a word.</summary>
    internal const string EndOfWord = "</w>";

    private readonly BpeTokenizer _pieces;
    private readonly string[] _texts;

    /// <summary>Puts a tokenizer together.</summary>
    /// <param name="numbers">The number of each token: 0 and up without a gap, with both special ones.</param>
    /// <param name="merges">The pairs that become one piece, the first first, each with a blank between; the pieces have
    /// numbers.</param>
    /// <param name="length">The most tokens of a prompt.</param>
    /// <param name="pad">What fills prompts up: a text of the vocabulary.</param>
    internal ClipTokenizer(
        IReadOnlyDictionary<string, int> numbers, IReadOnlyList<string> merges, int length, string pad = EndText)
    {
        _texts = new string[numbers.Count];
        foreach (var (text, number) in numbers)
            _texts[number] = text;
        (Merges, Length, Start, End, Pad) = (merges, length, numbers[StartText], numbers[EndText], numbers[pad]);
        _pieces = BpeTokenizer.Create(new BpeOptions(numbers)
        {
            Merges = merges,
            EndOfWordSuffix = EndOfWord,
            UnknownToken = EndText,
            ByteLevel = true,
            PreTokenizer = new RegexPreTokenizer(Words(), null),
            SpecialTokens = new Dictionary<string, int> { [StartText] = Start, [EndText] = End },
        });
    }

    /// <summary>Words that have been added, each with its tokens; the longest first, as one may begin with another.</summary>
    private IReadOnlyList<(string Word, int[] Tokens)> Added { get; init; } = [];

    private ClipTokenizer(ClipTokenizer known, string[] more)
    {
        (_pieces, _texts, Merges) = (known._pieces, [.. known._texts, .. more], known.Merges);
        (Length, Start, End, Pad) = (known.Length, known.Start, known.End, known.Pad);
    }

    /// <summary>The same, with another token that fills prompts up: a text of the vocabulary.</summary>
    internal ClipTokenizer PaddedWith(string pad) => new(_texts.Index().ToDictionary(token => token.Item, token => token.Index),
        Merges, Length, Array.IndexOf(_texts, pad) >= 0 ? pad : throw new MezzotintException(
            $"The tokenizer has no token {Printable.Quote(pad)}, with which prompts of this model are filled up: take that of "
            + "Stable Diffusion 2.") { Key = "tokenizer" });

    /// <summary>Whether words have been added.</summary>
    internal bool HasAddedWords => Added.Count > 0;

    /// <summary>The token before a text.</summary>
    public int Start { get; }

    /// <summary>The token behind a text.</summary>
    public int End { get; }

    /// <summary>What fills texts up to <see cref="Length"/>: <see cref="End"/>, or a token of its own.</summary>
    public int Pad { get; }

    /// <summary>How many tokens there are.</summary>
    public int Count => _texts.Length;

    /// <summary>The most tokens of a prompt, those of its start and end included: 77 for the published models.</summary>
    public int Length { get; }

    /// <summary>The pairs that become one piece, the first first, each with a blank between.</summary>
    internal IReadOnlyList<string> Merges { get; }

    /// <summary>All tokens as the vocabulary writes them, by their numbers.</summary>
    internal IReadOnlyList<string> Texts => _texts;

    /// <summary>Reads a tokenizer's folder: see <see cref="ClipTokenizerFolder"/>.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="length">The most tokens of a prompt; null for what the folder says, else 77.</param>
    /// <exception cref="MezzotintException">A file is missing or damaged; the message names it.</exception>
    public static ClipTokenizer Read(string folder, int? length = null) => ClipTokenizerFolder.Read(folder, length);

    /// <summary>Reads the bytes of the two files that a tokenizer needs.</summary>
    /// <param name="vocabulary">A JSON object: the number of each piece, 0 and up without a gap.</param>
    /// <param name="merges">A line for each pair that becomes one piece, the first first; a first line with <c>#</c> is passed
    /// over.</param>
    /// <param name="name">What errors call them.</param>
    /// <param name="length">The most tokens of a prompt, those of its start and end included.</param>
    /// <exception cref="MezzotintException">They are damaged, or do not fit each other.</exception>
    public static ClipTokenizer Parse(
        ReadOnlySpan<byte> vocabulary, ReadOnlySpan<byte> merges, string name, int length = PublishedLength) =>
        ClipTokenizerFolder.Parse(vocabulary, merges, name, length, EndText);

    /// <summary>Writes <c>vocab.json</c>, <c>merges.txt</c> and what diffusers expects beside them.</summary>
    /// <param name="folder">The folder; it is made where it is not there.</param>
    /// <exception cref="MezzotintException">The folder cannot be written.</exception>
    public void Write(string folder) => ClipTokenizerFolder.Write(folder, this);

    /// <summary>The tokens of a text, without those of its start and end, however many they are.</summary>
    /// <param name="text">Any text; may be empty.</param>
    public IReadOnlyList<int> Encode(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var tokens = new List<int>();
        foreach (var (part, word) in Parts(Normalised(text)))
            tokens.AddRange(word ?? Plain(part));
        return tokens;
    }

    /// <summary>A tokenizer that knows more words.</summary>
    /// <param name="word">The word, found wherever it stands in a text, in any case.</param>
    /// <param name="count">How many tokens it becomes: new ones, behind the last.</param>
    /// <exception cref="MezzotintException">It is empty, or known already.</exception>
    internal ClipTokenizer With(string word, int count)
    {
        string normal = Normalised(word);
        if (normal.Length == 0 || normal.Length > 100 || Array.IndexOf(_texts, normal) >= 0
            || Added.Any(added => added.Word == normal))
            throw new MezzotintException(
                $"The word {Printable.Quote(word)} cannot be added: it is empty, too long, or known already. Call its file "
                + "otherwise.");
        string[] texts = [normal, .. Enumerable.Range(1, count - 1).Select(i => $"{normal}_{i}")];
        int[] tokens = [.. Enumerable.Range(Count, count)];
        return new(this, texts)
            { Added = [.. Added.Append((normal, tokens)).OrderByDescending(added => added.Item1.Length)] };
    }

    /// <summary>A text cut at the words that were added.</summary>
    private IEnumerable<(string Part, int[]? Word)> Parts(string text)
    {
        while (text.Length > 0)
        {
            var (at, word, tokens) = Added.Select(added =>
                (At: text.IndexOf(added.Word, StringComparison.Ordinal), added.Word, added.Tokens))
                .Where(found => found.At >= 0).OrderBy(found => found.At).FirstOrDefault((text.Length, "", null!));
            if (at > 0)
                yield return (text[..at].Trim(), null);
            if (at < text.Length)
                yield return (word, tokens);
            text = text[(at + word.Length)..];
        }
    }

    private IReadOnlyList<int> Plain(string normal)
    {
        if (Pad == End)
            return Pieces(normal);
        // a token of its own, such as the "!" of Stable Diffusion 2, is cut out wherever it stands
        var tokens = new List<int>();
        foreach (string part in normal.Split(_texts[Pad]))
        {
            tokens.AddRange(Pieces(part.Trim()));
            tokens.Add(Pad);
        }
        tokens.RemoveAt(tokens.Count - 1);
        return tokens;
    }

    /// <summary>A prompt as a text encoder takes it: the start, the text or as much as fits, the end, filled up.</summary>
    /// <param name="prompt">Any text; may be empty.</param>
    public TokenizedPrompt Tokenize(string prompt)
    {
        var tokens = Encode(prompt);
        int taken = Math.Min(tokens.Count, Length - 2);
        int[] all = [Start, .. tokens.Take(taken), End, .. Enumerable.Repeat(Pad, Length - 2 - taken)];
        return new(all, [.. tokens.Take(taken).Select(Text)], string.Concat(tokens.Skip(taken).Select(Text)).Trim());
    }

    /// <summary>What a token says, for people: its bytes as text, with a blank at the end of a word.</summary>
    /// <param name="token">0 to <see cref="Count"/> - 1.</param>
    public string Text(int token)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(token);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(token, Count);
        string piece = _texts[token];
        if (token >= Count - Added.Sum(added => added.Tokens.Length))
            return piece + " ";
        bool ends = piece.EndsWith(EndOfWord, StringComparison.Ordinal);
        string written = ByteLetters.Text(ends ? piece[..^EndOfWord.Length] : piece);
        return ends ? written + " " : written;
    }

    /// <summary>The words of a text, each as the letters of its bytes; special tokens are words too.</summary>
    internal static IEnumerable<string> WordsOf(string text) => Words().Matches(Normalised(text))
        .Select(word => string.Concat(Encoding.UTF8.GetBytes(word.Value).Select(value => ByteLetters.All[value])));

    private IReadOnlyList<int> Pieces(string normal) =>
        _pieces.EncodeToIds(normal, considerPreTokenization: true, considerNormalization: false);

    private static string Normalised(string text)
    {
        // One letter becomes two in lower case, which .NET's invariant culture leaves alone: the dotted capital I.
        string plain = Composition.Of(text).Replace("\u0130", "i\u0307", StringComparison.Ordinal);
        return WhiteSpace().Replace(plain, " ").Trim().ToLowerInvariant();
    }

    [GeneratedRegex(@"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+",
        RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex Words();

    [GeneratedRegex(@"\s+")]
    private static partial Regex WhiteSpace();
}

/// <summary>A prompt in tokens.</summary>
/// <param name="Tokens">As many numbers as the tokenizer's <see cref="ClipTokenizer.Length"/>: the start, the prompt, the end,
/// and what fills it up.</param>
/// <param name="Pieces">What the tokens of the prompt say, in order.</param>
/// <param name="CutOff">What did not fit; empty where all of it did.</param>
public sealed record TokenizedPrompt(IReadOnlyList<int> Tokens, IReadOnlyList<string> Pieces, string CutOff)
{
    /// <summary>The tokens of prompts of one tokenizer: int64 [B, T].</summary>
    internal static Tensor Batch(IReadOnlyList<TokenizedPrompt> prompts) => tensor(
        [.. prompts.SelectMany(prompt => prompt.Tokens, (_, token) => (long)token)], [prompts.Count, prompts[0].Tokens.Count]);
}
