using Mezzotint.Tests.Formats;
using Mezzotint.Text;

namespace Mezzotint.Tests.Text;

public class ClipVocabularyTests
{
    private static readonly string[] Captions =
        [.. Enumerable.Repeat("low", 5), .. Enumerable.Repeat("lower", 2), .. Enumerable.Repeat("newest", 6), "widest", "Widest",
            "wide\tst", "<|endoftext|>"];

    [Fact]
    public void The_most_frequent_pair_becomes_a_piece_and_the_first_by_its_letters_where_there_are_several()
    {
        var tokenizer = ClipVocabulary.Train(Captions, 514 + 5);
        // 9 times, 8, 7 as often as "o w", 6 as often as "n e" and "w est</w>", 6 as often as "n ew"
        Assert.Equal(["s t</w>", "e st</w>", "l o", "e w", "ew est</w>"], tokenizer.Merges);
        Assert.Equal(519, tokenizer.Count);
        Assert.Equal((517, 518), (tokenizer.Start, tokenizer.End));
    }

    [Fact]
    public void Training_ends_where_no_pair_is_there_twice()
    {
        var tokenizer = ClipVocabulary.Train(Captions, 4000);
        foreach (string word in new[] { "low", "lower", "newest", "widest" })
            Assert.Single(tokenizer.Encode(word));
        Assert.InRange(tokenizer.Count, 515, 600);
        Assert.Equal(tokenizer.Count, tokenizer.Texts.Distinct().Count());
    }

    [Fact]
    public void The_order_of_the_captions_does_not_matter()
    {
        var tokenizer = ClipVocabulary.Train(Captions, 540);
        Assert.Equal(tokenizer.Texts, ClipVocabulary.Train(Captions.Reverse(), 540).Texts);
        Assert.Equal(tokenizer.Merges, ClipVocabulary.Train(Captions.Reverse(), 540).Merges);
    }

    [Fact]
    public void Any_text_can_be_written_in_it_and_read_back()
    {
        var tokenizer = ClipVocabulary.Train(Captions, 540, length: 12);
        string Read(string text) => string.Join(' ',
            string.Concat(tokenizer.Encode(text).Select(token => tokenizer.Texts[token])).Split("</w>").Select(ByteLetters.Text));
        Assert.Equal("newest é 猫 zebra 🎈 low !", Read("Newest é 猫 zebra 🎈 low!").Trim());
        using var folder = new TemporaryFolder();
        tokenizer.Write(folder.Name);
        var back = ClipTokenizer.Read(folder.Name);
        Assert.Equal(12, back.Length);
        Assert.Equal(tokenizer.Tokenize("lowest newer").Tokens, back.Tokenize("lowest newer").Tokens);
    }

    [Fact]
    public void Two_pairs_that_make_the_same_piece_share_it()
    {
        // "abc" of "ab" and "c", and of "a" and "bc"
        string[] captions = [.. Enumerable.Repeat("abcx abcx abq", 3), .. Enumerable.Repeat("bcz bcz bcz dbc", 2), "abcabc"];
        var tokenizer = ClipVocabulary.Train(captions, 600);
        Assert.Equal(tokenizer.Count, tokenizer.Texts.Distinct().Count());
        foreach (string merge in tokenizer.Merges)
            Assert.Contains(merge.Replace(" ", "", StringComparison.Ordinal), tokenizer.Texts);
    }

    [Fact]
    public void A_vocabulary_that_is_too_small_for_all_bytes_is_refused() =>
        Assert.Throws<ArgumentOutOfRangeException>(() => ClipVocabulary.Train(Captions, 513));
}
