using System.Text;
using System.Text.Json;
using Mezzotint.Tests.Formats;
using Mezzotint.Text;

namespace Mezzotint.Tests.Text;

/// <summary>CLIP's tokenizer against the published one, on its own vocabulary where that is at hand, and laws on a small
/// one.</summary>
public class ClipTokenizerTests
{
    // Bytes as letters, each also at the end of a word; then merges: h+e, l+l, he+ll, o</w> alone.
    private static readonly ClipTokenizer Small = Make(["h e", "l l", "he ll", "hell o</w>", "c a", "ca t</w>"]);

    [Fact]
    public void Ids_are_those_of_the_published_tokenizer()
    {
        string? folder = TestData.Folder("clip-tokenizer");
        Assert.SkipWhen(folder is null, TestData.Missing("clip-tokenizer"));
        var tokenizer = ClipTokenizer.Read(folder!);
        Assert.Equal((49408, 49406, 49407), (tokenizer.Count, tokenizer.Start, tokenizer.End));
        using var golden = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(folder!, "golden.json")));
        int cases = 0;
        foreach (var known in golden.RootElement.GetProperty("cases").EnumerateArray())
        {
            string prompt = known.GetProperty("prompt").GetString()!;
            int[] Ids(string key) => [.. known.GetProperty(key).EnumerateArray().Select(id => id.GetInt32())];
            Assert.True(Ids("ids_without_special_tokens").SequenceEqual(tokenizer.Encode(prompt)), prompt);
            Assert.Equal(Ids("padded_77"), tokenizer.Tokenize(prompt).Tokens);
            cases++;
        }
        Assert.Equal(52, cases);
    }

    [Fact]
    public void Ids_of_a_small_vocabulary_are_those_of_the_published_tokenizer()
    {
        string? folder = TestData.Folder("tiny-stable-diffusion");
        Assert.SkipWhen(folder is null, TestData.Missing("tiny-stable-diffusion"));
        var tokenizer = ClipTokenizer.Read(Path.Combine(folder!, "pipeline", "tokenizer"));
        using var golden = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(folder!, "golden", "tokens.json")));
        var root = golden.RootElement;
        Assert.Equal(
            (root.GetProperty("bos").GetInt32(), root.GetProperty("eos").GetInt32(), root.GetProperty("pad").GetInt32(), 77),
            (tokenizer.Start, tokenizer.End, tokenizer.Pad, tokenizer.Length));
        Assert.NotEmpty(root.GetProperty("cases").EnumerateArray());
        foreach (var known in root.GetProperty("cases").EnumerateArray())
        {
            string prompt = known.GetProperty("prompt").GetString()!;
            int[] Ids(string key) => [.. known.GetProperty(key).EnumerateArray().Select(id => id.GetInt32())];
            Assert.True(Ids("ids_without_special_tokens").SequenceEqual(tokenizer.Encode(prompt)), prompt);
            Assert.Equal(Ids("padded_77"), tokenizer.Tokenize(prompt).Tokens);
        }
    }

    [Fact]
    public void A_folder_says_the_length_and_what_fills_prompts_up_and_gives_back_what_was_written()
    {
        using var folder = new TemporaryFolder();
        Small.Write(folder.Name);
        string[] files = [.. Directory.GetFiles(folder.Name).Select(file => Path.GetFileName(file)).Order()];
        Assert.Equal(["merges.txt", "special_tokens_map.json", "tokenizer_config.json", "vocab.json"], files);
        var read = ClipTokenizer.Read(folder.Name);
        Assert.Equal((77, read.End), (read.Length, read.Pad));
        Assert.Equal(Small.Texts, read.Texts);
        Assert.Equal(Small.Merges, read.Merges);

        // as Stable Diffusion 2 has it: "!" fills prompts up, and is cut out of them
        File.WriteAllText(folder.File("special_tokens_map.json"), """{"pad_token": {"content": "!", "lstrip": false}}""");
        File.WriteAllText(folder.File("tokenizer_config.json"), """{"model_max_length": 6}""");
        read = ClipTokenizer.Read(folder.Name);
        Assert.Equal((6, 0), (read.Length, read.Pad));
        Assert.Equal([read.Start, .. Small.Encode("cat"), read.End, 0, 0, 0], read.Tokenize("cat").Tokens);
        Assert.Equal([.. Small.Encode("cat"), 0, 0, .. Small.Encode("hello")], read.Encode("cat!!hello"));
        Assert.Equal(5, ClipTokenizer.Read(folder.Name, length: 5).Tokenize("cat").Tokens.Count);
        using var again = new TemporaryFolder();
        read.Write(again.Name);
        var second = ClipTokenizer.Read(again.Name);
        Assert.Equal((6, 0), (second.Length, second.Pad));

        File.WriteAllText(folder.File("tokenizer_config.json"), """{"model_max_length": 1e30}"""); // transformers': not known
        Assert.Equal(77, ClipTokenizer.Read(folder.Name).Length);
    }

    [Theory]
    [InlineData("special_tokens_map.json", """{"pad_token": "<|nothing|>"}""", "pad_token '<|nothing|>' is not in vocab.json")]
    [InlineData("special_tokens_map.json", """{"pad_token": 7}""", "it must be a text")]
    [InlineData("tokenizer_config.json", """{"model_max_length": "long"}""", "it must be a whole number")]
    [InlineData("tokenizer_config.json", "{", "line 1: not valid JSON")]
    public void A_damaged_file_beside_the_vocabulary_is_named_in_one_line(string file, string json, string message)
    {
        using var folder = new TemporaryFolder();
        Small.Write(folder.Name);
        File.WriteAllText(folder.File(file), json);
        var refused = Assert.Throws<MezzotintException>(() => ClipTokenizer.Read(folder.Name));
        Assert.Contains(message, refused.Message, StringComparison.Ordinal);
        Assert.Contains(file, refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_tokenizer_may_have_a_length_of_its_own()
    {
        var tokenizer = Make(["c a", "ca t</w>"], length: 5);
        var prompt = tokenizer.Tokenize("cat cat cat cat");
        Assert.Equal([tokenizer.Start, .. tokenizer.Encode("cat cat cat"), tokenizer.End], prompt.Tokens);
        Assert.Equal("cat", prompt.CutOff);
    }

    [Fact]
    public void Words_are_merged_in_the_order_of_the_pairs()
    {
        Assert.Equal(["hello ", "cat "], Small.Tokenize("Hello   CAT").Pieces);
        Assert.Equal(["hell", "c", "a ", "t "], Small.Tokenize("hellca t").Pieces);
        Assert.Equal(2, Small.Encode("é").Count); // no pair: a token for each byte
    }

    [Fact]
    public void A_prompt_has_77_tokens_and_says_what_was_cut_off()
    {
        var prompt = Small.Tokenize(string.Join(' ', Enumerable.Repeat("cat", 74)) + " hello cat hello");
        Assert.Equal(77, prompt.Tokens.Count);
        Assert.Equal((Small.Start, Small.End), (prompt.Tokens[0], prompt.Tokens[76]));
        Assert.Equal("cat hello", prompt.CutOff);
        var empty = Small.Tokenize(" \t ");
        Assert.Equal([Small.Start, .. Enumerable.Repeat(Small.End, 76)], empty.Tokens);
        Assert.Equal("", empty.CutOff);
    }

    [Theory]
    [InlineData("{}", "", "has no tokens")]
    [InlineData("[1]", "", "no JSON object")]
    [InlineData("""{"a":0,"b":2}""", "", "each once")]
    [InlineData("""{"a":0,"b":0}""", "", "each once")]
    [InlineData("""{"a":0}""", "", "<|startoftext|>")]
    [InlineData("""{"a":0,"<|startoftext|>":1,"<|endoftext|>":2}""", "#version\na b\n", "line 2: 'a b'")]
    public void A_damaged_vocabulary_is_named(string vocabulary, string merges, string message)
    {
        var refused = Assert.Throws<MezzotintException>(
            () => ClipTokenizer.Parse(Encoding.UTF8.GetBytes(vocabulary), Encoding.UTF8.GetBytes(merges), "tokenizer"));
        Assert.Contains(message, refused.Message, StringComparison.Ordinal);
        Assert.StartsWith("tokenizer/", refused.Message, StringComparison.Ordinal);
    }

    private static ClipTokenizer Make(string[] merges, int length = 77)
    {
        string[] letters = [.. ByteLetters.All.Order().Select(letter => $"{letter}")];
        string[] pieces =
        [
            .. letters, .. letters.Select(letter => letter + "</w>"),
            .. merges.Select(pair => pair.Replace(" ", "", StringComparison.Ordinal)),
            ClipTokenizer.StartText, ClipTokenizer.EndText,
        ];
        var numbers = pieces.Index().ToDictionary(at => at.Item, at => at.Index);
        return ClipTokenizer.Parse(
            JsonSerializer.SerializeToUtf8Bytes(numbers), Encoding.UTF8.GetBytes("#version: 0.2\n" + string.Join('\n', merges)),
            "small", length);
    }
}
