using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Mezzotint.Formats;
using Microsoft.ML.Tokenizers;

namespace Mezzotint.Text;

/// <summary>
/// CLIP's tokenizer: text to the numbers of pieces of words, as Stable Diffusion's text encoders take them. Byte-level pair
/// encoding of lower-case text, with <c>&lt;/w&gt;</c> behind the last piece of each word.
/// </summary>
/// <remarks>
/// Radford et al. 2021, arXiv 2103.00020, section 2.4; Sennrich et al. 2016, arXiv 1508.07909. Text is normalised as the
/// compiled tokenizer of the published models does it: NFC, a blank for each run of white space, lower case.
/// </remarks>
public sealed partial class ClipTokenizer
{
    /// <summary>The files of a folder that holds a tokenizer.</summary>
    public const string VocabularyFile = "vocab.json", MergesFile = "merges.txt";

    /// <summary>The special tokens of a vocabulary.</summary>
    public const string StartText = "<|startoftext|>", EndText = "<|endoftext|>";

    /// <summary>The most tokens of a prompt, those of its start and end included.</summary>
    public const int Length = 77;

    private const int MostBytes = 1 << 24; // of a file; the published ones have one million

    private readonly BpeTokenizer _pieces;
    private readonly string[] _texts;

    private ClipTokenizer(BpeTokenizer pieces, string[] texts, int start, int end) =>
        (_pieces, _texts, Start, End) = (pieces, texts, start, end);

    /// <summary>The token before a text.</summary>
    public int Start { get; }

    /// <summary>The token behind a text; texts are filled up to <see cref="Length"/> with it.</summary>
    public int End { get; }

    /// <summary>How many tokens there are.</summary>
    public int Count => _texts.Length;

    /// <summary>Reads a tokenizer's folder.</summary>
    /// <param name="folder">The folder: <c>vocab.json</c> and <c>merges.txt</c>, as Stable Diffusion's <c>tokenizer/</c> has
    /// them.</param>
    /// <exception cref="MezzotintException">A file is missing or damaged; the message names it.</exception>
    public static ClipTokenizer Read(string folder)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        return Parse(
            SmallFile.Read(Path.Combine(folder, VocabularyFile), MostBytes),
            SmallFile.Read(Path.Combine(folder, MergesFile), MostBytes),
            folder);
    }

    /// <summary>Reads the bytes of the two files.</summary>
    /// <param name="vocabulary">A JSON object: the number of each piece, 0 and up without a gap.</param>
    /// <param name="merges">A line for each pair that becomes one piece, the first first; a first line with <c>#</c> is passed
    /// over.</param>
    /// <param name="name">What errors call them.</param>
    /// <exception cref="MezzotintException">They are damaged, or do not fit each other.</exception>
    public static ClipTokenizer Parse(ReadOnlySpan<byte> vocabulary, ReadOnlySpan<byte> merges, string name)
    {
        var numbers = Numbers(vocabulary, $"{name}/{VocabularyFile}");
        string[] texts = new string[numbers.Count];
        foreach (var (text, number) in numbers)
            texts[number] = text;
        foreach (string special in new[] { StartText, EndText })
            if (!numbers.ContainsKey(special))
                throw new MezzotintException(
                    $"{name}/{VocabularyFile}: it has no token {special}; is it the vocabulary of a CLIP tokenizer?");
        var options = new BpeOptions(numbers)
        {
            Merges = Pairs(merges, numbers, $"{name}/{MergesFile}"),
            EndOfWordSuffix = "</w>",
            UnknownToken = EndText,
            ByteLevel = true,
            PreTokenizer = new RegexPreTokenizer(Words(), null),
            SpecialTokens = new Dictionary<string, int> { [StartText] = numbers[StartText], [EndText] = numbers[EndText] },
        };
        return new(BpeTokenizer.Create(options), texts, numbers[StartText], numbers[EndText]);
    }

    /// <summary>The tokens of a text, without those of its start and end, however many they are.</summary>
    /// <param name="text">Any text; may be empty.</param>
    public IReadOnlyList<int> Encode(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        return _pieces.EncodeToIds(Normalised(text), considerPreTokenization: true, considerNormalization: false);
    }

    /// <summary>A prompt as a text encoder takes it: the start, at most 75 tokens, the end, and the end again up to 77.</summary>
    /// <param name="prompt">Any text; may be empty.</param>
    public TokenizedPrompt Tokenize(string prompt)
    {
        var tokens = Encode(prompt);
        int taken = Math.Min(tokens.Count, Length - 2);
        int[] all = [Start, .. tokens.Take(taken), .. Enumerable.Repeat(End, Length - 1 - taken)];
        return new(all, [.. tokens.Take(taken).Select(Text)], string.Concat(tokens.Skip(taken).Select(Text)).Trim());
    }

    /// <summary>What a token says, for people: its bytes as text, with a blank at the end of a word.</summary>
    /// <param name="token">0 to <see cref="Count"/> - 1.</param>
    public string Text(int token)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(token);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(token, Count);
        string piece = _texts[token];
        bool ends = piece.EndsWith("</w>", StringComparison.Ordinal);
        string written = ByteLetters.Text(ends ? piece[..^4] : piece);
        return ends ? written + " " : written;
    }

    private static string Normalised(string text)
    {
        // One letter becomes two in lower case, which .NET's invariant culture leaves alone: the dotted capital I.
        string plain = Composition.Of(text).Replace("\u0130", "i\u0307", StringComparison.Ordinal);
        return WhiteSpace().Replace(plain, " ").Trim().ToLowerInvariant();
    }

    private static Dictionary<string, int> Numbers(ReadOnlySpan<byte> json, string name)
    {
        Dictionary<string, int>? numbers;
        try
        {
            numbers = JsonSerializer.Deserialize(json, TextJson.Default.DictionaryStringInt32);
        }
        catch (JsonException cause)
        {
            throw new MezzotintException($"{name}: it is no JSON object of numbers: {Printable.Line(cause.Message, 120)}", cause);
        }
        if (numbers is null || numbers.Count == 0)
            throw new MezzotintException($"{name}: it has no tokens.");
        bool[] seen = new bool[numbers.Count];
        foreach (var (text, number) in numbers)
        {
            if (number < 0 || number >= seen.Length || seen[number])
                throw new MezzotintException(string.Create(CultureInfo.InvariantCulture,
                    $"{name}: {Printable.Quote(text)} has the number {number}; {seen.Length} tokens have 0 to {seen.Length - 1}, "
                    + $"each once."));
            seen[number] = true;
        }
        return numbers;
    }

    private static List<string> Pairs(ReadOnlySpan<byte> merges, Dictionary<string, int> numbers, string name)
    {
        var pairs = new List<string>();
        int line = 0;
        foreach (string text in SmallFile.Text(merges, name).Split('\n'))
        {
            line++;
            string pair = text.TrimEnd('\r');
            if (pair.Length == 0 || line == 1 && pair[0] == '#')
                continue;
            if (pair.Split(' ') is not [{ Length: > 0 } left, { Length: > 0 } right] || !numbers.ContainsKey(left + right)
                || !numbers.ContainsKey(left) || !numbers.ContainsKey(right))
                throw new MezzotintException(
                    $"{name}, line {line}: {Printable.Quote(pair)} is no pair of tokens that make a token of the vocabulary.");
            pairs.Add(pair);
        }
        return pairs;
    }

    [GeneratedRegex(@"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+",
        RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex Words();

    [GeneratedRegex(@"\s+")]
    private static partial Regex WhiteSpace();
}

/// <summary>A prompt in tokens.</summary>
/// <param name="Tokens">77 numbers: the start, the prompt, the end, filled up with the end.</param>
/// <param name="Pieces">What the tokens of the prompt say, in order.</param>
/// <param name="CutOff">What did not fit; empty where all of it did.</param>
public sealed record TokenizedPrompt(IReadOnlyList<int> Tokens, IReadOnlyList<string> Pieces, string CutOff);
