using System.Text;
using System.Text.Json;
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

    private static ClipTokenizer Make(string[] merges)
    {
        string[] letters = [.. ByteLetters.All.Select(letter => $"{letter}")];
        string[] pieces =
        [
            .. letters, .. letters.Select(letter => letter + "</w>"),
            .. merges.Select(pair => pair.Replace(" ", "", StringComparison.Ordinal)),
            ClipTokenizer.StartText, ClipTokenizer.EndText,
        ];
        var numbers = pieces.Index().ToDictionary(at => at.Item, at => at.Index);
        return ClipTokenizer.Parse(
            JsonSerializer.SerializeToUtf8Bytes(numbers), Encoding.UTF8.GetBytes("#version: 0.2\n" + string.Join('\n', merges)),
            "small");
    }
}
