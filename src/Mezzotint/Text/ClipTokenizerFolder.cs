using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using Mezzotint.Formats;
using Mezzotint.Settings;

namespace Mezzotint.Text;

/// <summary>
/// A tokenizer on disk, as the folder <c>tokenizer/</c> of Stable Diffusion has it: <c>vocab.json</c> and <c>merges.txt</c>; and
/// where they are there, <c>special_tokens_map.json</c> with what fills prompts up, and <c>tokenizer_config.json</c> with their
/// length.
/// </summary>
internal static class ClipTokenizerFolder
{
    public const string VocabularyFile = "vocab.json", MergesFile = "merges.txt", SpecialFile = "special_tokens_map.json",
        ConfigFile = "tokenizer_config.json";

    private const int MostBytes = 1 << 24; // of a file; the published ones have one million
    private const int MostTokens = 1 << 14; // of a prompt; transformers writes 10^30 where it knows none

    /// <summary>Reads a folder.</summary>
    public static ClipTokenizer Read(string folder, int? length)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        byte[] Bytes(string name) => SmallFile.Read(Path.Combine(folder, name), MostBytes);
        SettingsTable? Table(string name) => !File.Exists(Path.Combine(folder, name)) ? null
            : JsonSettings.Parse(Bytes(name), Path.Combine(folder, name));
        return Parse(Bytes(VocabularyFile), Bytes(MergesFile), folder, length ?? LengthIn(Table(ConfigFile)),
            PadIn(Table(SpecialFile)));
    }

    /// <summary>Puts a tokenizer together of the bytes of its files.</summary>
    public static ClipTokenizer Parse(
        ReadOnlySpan<byte> vocabulary, ReadOnlySpan<byte> merges, string name, int length, string pad)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(length, 2);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(length, MostTokens);
        var numbers = Numbers(vocabulary, $"{name}/{VocabularyFile}");
        foreach (string special in new[] { ClipTokenizer.StartText, ClipTokenizer.EndText })
            if (!numbers.ContainsKey(special))
                throw new MezzotintException(
                    $"{name}/{VocabularyFile}: it has no token {special}; is it the vocabulary of a CLIP tokenizer?");
        if (!numbers.ContainsKey(pad) || pad.Length == 0)
            throw new MezzotintException(
                $"{name}/{SpecialFile}: its pad_token {Printable.Quote(pad)} is not in {VocabularyFile}; copy both from one "
                + "model.");
        return new(numbers, Pairs(merges, numbers, $"{name}/{MergesFile}"), length, pad);
    }

    /// <summary>Writes a folder.</summary>
    public static void Write(string folder, ClipTokenizer tokenizer)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        if (tokenizer.HasAddedWords)
            throw new MezzotintException(
                "Words that were added to a tokenizer are not written with it: take them out first (RemoveAdapters), and add "
                + "them again to what is read.");
        string pad = tokenizer.Texts[tokenizer.Pad];
        AtomicFolder.Write(folder, staged =>
        {
            void Json(string name, Action<Utf8JsonWriter> write) =>
                AtomicFile.Write(Path.Combine(staged, name), stream => WriteObject(stream, write));
            AtomicFile.Write(Path.Combine(staged, VocabularyFile), stream => stream.Write(Vocabulary(tokenizer)));
            AtomicFile.WriteText(Path.Combine(staged, MergesFile), Merges(tokenizer));
            Json(SpecialFile, json => WriteSpecial(json, pad));
            Json(ConfigFile, json =>
            {
                WriteSpecial(json, pad);
                json.WriteBoolean("add_prefix_space", false);
                json.WriteBoolean("do_lower_case", true);
                json.WriteString("errors", "replace");
                json.WriteNumber("model_max_length", tokenizer.Length);
                json.WriteString("tokenizer_class", "CLIPTokenizer");
            });
        });
    }

    /// <summary>The bytes of <c>vocab.json</c>.</summary>
    public static byte[] Vocabulary(ClipTokenizer tokenizer)
    {
        using var stream = new MemoryStream();
        WriteObject(stream, json =>
        {
            foreach (var (number, text) in tokenizer.Texts.Index())
                json.WriteNumber(text, number);
        });
        return stream.ToArray();
    }

    /// <summary>The text of <c>merges.txt</c>.</summary>
    public static string Merges(ClipTokenizer tokenizer) =>
        string.Concat(tokenizer.Merges.Select(pair => pair + "\n").Prepend("#version: 0.2\n"));

    private static void WriteObject(Stream stream, Action<Utf8JsonWriter> write)
    {
        using var json = new Utf8JsonWriter(stream, new() { Indented = true, NewLine = "\n", Encoder = Plain });
        json.WriteStartObject();
        write(json);
        json.WriteEndObject();
    }

    private static JavaScriptEncoder Plain => JavaScriptEncoder.UnsafeRelaxedJsonEscaping;

    private static void WriteSpecial(Utf8JsonWriter json, string pad)
    {
        json.WriteString("bos_token", ClipTokenizer.StartText);
        json.WriteString("eos_token", ClipTokenizer.EndText);
        json.WriteString("pad_token", pad);
        json.WriteString("unk_token", ClipTokenizer.EndText);
    }

    private static int LengthIn(SettingsTable? config)
    {
        if (config?.Entries.GetValueOrDefault("model_max_length") is not { } setting)
            return ClipTokenizer.PublishedLength;
        return setting.Value switch
        {
            long length when length is >= 2 and <= MostTokens => (int)length,
            long or double => ClipTokenizer.PublishedLength,
            _ => throw new MezzotintException(
                $"{setting.Place}: 'model_max_length' is {setting.Description}; it must be a whole number."),
        };
    }

    /// <summary>A token stands as its text, or as a table with its text as <c>content</c>.</summary>
    private static string PadIn(SettingsTable? special)
    {
        if (special?.Entries.GetValueOrDefault("pad_token") is not { } setting)
            return ClipTokenizer.EndText;
        return setting.Value as string ?? (setting.Value as SettingsTable)?.Entries.GetValueOrDefault("content")?.Value as string
            ?? throw new MezzotintException($"{setting.Place}: 'pad_token' is {setting.Description}; it must be a text.");
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
        var known = new HashSet<string>();
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
            if (!known.Add(pair))
                throw new MezzotintException(
                    $"{name}, line {line}: the pair {Printable.Quote(pair)} stands there twice; copy the file again.");
            pairs.Add(pair);
        }
        return pairs;
    }
}

/// <summary>How vocabularies are read: made by the compiler, as programs compiled ahead of time have no reflection for
/// it.</summary>
[JsonSerializable(typeof(Dictionary<string, int>))]
internal sealed partial class TextJson : JsonSerializerContext;
