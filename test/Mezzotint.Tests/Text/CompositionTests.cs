using Mezzotint.Text;

namespace Mezzotint.Tests.Text;

public class CompositionTests
{
    // The right sides are unicodedata.normalize('NFC', ...) of Python 3.11.
    [Theory]
    [InlineData("nai\u0308ve cafe\u0301", "na\u00efve caf\u00e9")]
    [InlineData("\u1112\u1161\u11ab\u1100\u1173\u11af", "\ud55c\uae00")]   // Hangul by its formula
    [InlineData("o\u0302\u0301", "\u1ed1")]                                 // two marks
    [InlineData("\u0301a", "\u0301a")]                                       // a mark without a letter
    [InlineData("\U00011131\U00011127", "\U0001112e")]                       // beyond the first plane
    [InlineData("\u0915\u093c", "\u0915\u093c")]                             // excluded from composition
    [InlineData("plain", "plain")]
    public void A_letter_and_its_marks_become_one_character(string text, string expected) =>
        Assert.Equal(expected, Composition.Of(text));
}
