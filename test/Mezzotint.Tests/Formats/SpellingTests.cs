using CsCheck;

namespace Mezzotint.Tests.Formats;

public class SpellingTests
{
    private static readonly Gen<string> Words = Gen.String[Gen.Char["ab_"], 0, 8];

    [Theory]
    [InlineData("", "", 0)]
    [InlineData("", "abc", 3)]
    [InlineData("learing_rate", "learning_rate", 1)]
    [InlineData("modle", "model", 1)]
    [InlineData("ca", "abc", 3)] // the textbook's example: 2 if a swap could be followed by an insertion between
    public void Distance_counts_insertions_deletions_replacements_and_swaps(string a, string b, int distance) =>
        Assert.Equal(distance, Spelling.Distance(a, b));

    [Fact]
    public void Distance_is_symmetric_and_zero_for_equal_words_alone() =>
        Gen.Select(Words, Words).Sample((a, b) =>
        {
            Assert.Equal(Spelling.Distance(a, b), Spelling.Distance(b, a));
            Assert.Equal(a == b, Spelling.Distance(a, b) == 0);
            Assert.InRange(Spelling.Distance(a, b), Math.Abs(a.Length - b.Length), Math.Max(a.Length, b.Length));
        });

    [Theory]
    [InlineData("epoch", "epochs")]
    [InlineData("EPOCHS", "epochs")]
    [InlineData("batchsize", "batch_size")]
    [InlineData("lr", null)]
    [InlineData("zzz", null)]
    public void Nearest_is_suggested_where_it_is_near(string word, string? nearest) =>
        Assert.Equal(nearest, Spelling.Nearest(word, ["seed", "batch_size", "epochs", "epsilon"]));

    [Fact]
    public void Very_long_words_are_not_compared() => Assert.Null(Spelling.Nearest(new string('a', 1_000_000), ["a"]));
}
