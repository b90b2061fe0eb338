using Mezzotint.Text;

namespace Mezzotint.Tests.Text;

/// <summary>Prompts as the widely used web interface writes them; the examples are its documentation's, and ours.</summary>
public class WeightedPromptTests
{
    [Theory]
    [InlineData("normal text", "normal text*1")]
    [InlineData("an (important) word", "an*1 important*1.1 word*1")]
    [InlineData("(unbalanced", "unbalanced*1.1")]
    [InlineData("[less]", "less*0.90909")]
    [InlineData("((twice)) [[much less]]", "twice*1.21 much less*0.82645")]
    [InlineData("(word:1.3)", "word*1.3")]
    [InlineData("(word: 1.3 )", "word*1.3")]
    [InlineData("(a (house:1.5) [on] a (hill:0.5), sun)", "a*1.1 house*1.65 on*1 a*1.1 hill*0.55 , sun*1.1")]
    [InlineData("(a [b) c]", "a*1.1 b*1 c*0.90909")]
    [InlineData(@"\(literal\] back\\slash", @"(literal] back\slash*1")]
    [InlineData("ratio 16:9 (wide)", "ratio 16:9*1 wide*1.1")]
    [InlineData("x: (2)", "x:*1 2*1.1")]
    [InlineData("closed ) alone ]", "closed ) alone ]*1")]
    [InlineData("first BREAK second", "first*1 | second*1")]
    [InlineData("BREAKFAST", "BREAKFAST*1")]
    [InlineData("(a:1e9)", "a:1e9*1.1")]
    [InlineData("()", "")]
    [InlineData("", "")]
    public void Parts_have_the_weights_that_brackets_say(string prompt, string parts) => Assert.Equal(parts,
        string.Join(' ', WeightedPrompt.Parse(prompt).Select(part => part.Text is null ? "|"
            : FormattableString.Invariant($"{part.Text}*{Math.Round(part.Weight, 5)}"))));

    [Fact]
    public void A_prompt_of_any_length_is_cut_into_chunks_behind_a_comma()
    {
        var tokenizer = Tiny();
        int room = tokenizer.Length - 2, comma = tokenizer.Encode(",").Single();
        var words = Enumerable.Repeat("a", room - 5).Append(",").Concat(Enumerable.Repeat("b", 10));
        var chunks = PromptChunks.Of(string.Join(' ', words), tokenizer);
        Assert.Equal(2, chunks.Tokens.Count);
        Assert.All(chunks.Tokens, chunk => Assert.Equal(tokenizer.Length, chunk.Length));
        Assert.All(chunks.Tokens, chunk => Assert.Equal(tokenizer.Start, chunk[0]));
        Assert.Equal(comma, chunks.Tokens[0][room - 5 + 1]);
        Assert.Equal(tokenizer.End, chunks.Tokens[0][room - 5 + 2]); // the rest goes to the next chunk as a whole
        Assert.Equal(10, chunks.Tokens[1].Count(token => token == tokenizer.Encode("b").Single()));
    }

    [Fact]
    public void Without_a_comma_near_the_end_a_chunk_is_filled()
    {
        var tokenizer = Tiny();
        int room = tokenizer.Length - 2;
        var chunks = PromptChunks.Of(string.Join(' ', Enumerable.Repeat("a", room + 3)), tokenizer);
        int a = tokenizer.Encode("a").Single();
        Assert.Equal([room, 3], chunks.Tokens.Select(chunk => chunk.Count(token => token == a)));
        Assert.Equal([1, 2], new[] { "", "a BREAK b" }.Select(prompt => PromptChunks.Of(prompt, tokenizer).Tokens.Count));
    }

    [Fact]
    public void Starts_ends_and_filling_have_the_weight_one()
    {
        var tokenizer = Tiny();
        var chunks = PromptChunks.Of("(a:1.5) b", tokenizer);
        Assert.Equal([1f, 1.5f, 1f, 1f], chunks.Weights[0].Take(4));
        Assert.All(chunks.Weights[0].Skip(2), weight => Assert.Equal(1f, weight));
        Assert.Equal(3, chunks.Grown(3, tokenizer).Tokens.Count);
        Assert.Equal(chunks.Tokens[0], chunks.Grown(1, tokenizer).Tokens[0]);
    }

    private static ClipTokenizer Tiny() => ClipVocabulary.Train(["a b, c"], 600, 30);
}
