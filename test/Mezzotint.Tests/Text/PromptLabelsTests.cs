using Mezzotint.Text;

namespace Mezzotint.Tests.Text;

public class PromptLabelsTests
{
    private static readonly string[] Digits = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];
    private static readonly string[] Clothes =
    [
        "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
    ];

    [Theory]
    [InlineData("7", 7)]
    [InlineData(" 7. ", 7)]
    [InlineData("seven", 7)]
    [InlineData("Seven!", 7)]
    [InlineData("a seven", 7)]
    [InlineData("a handwritten 7", 7)]
    [InlineData("A hand-written seven, please.", 7)]
    [InlineData("draw me a picture of the digit zero", 0)]
    [InlineData("sevens", 7)]
    [InlineData("7s", 7)]
    [InlineData("sixes", 6)]
    [InlineData("zeroes", 0)]
    [InlineData("the number \"one\"", 1)]
    [InlineData("label 3", 3)]
    public void A_digit_is_understood(string prompt, int label) => Assert.Equal(label, PromptLabels.Parse(prompt, Digits));

    [Theory]
    [InlineData("t-shirt/top", 0)]
    [InlineData("a dress", 3)]
    [InlineData("Dresses", 3)]
    [InlineData("an ankle boot", 9)]
    [InlineData("ankle boots", 9)]
    [InlineData("a picture of a bag", 8)]
    [InlineData("4", 4)] // no class is called by a number, so it is a label
    public void A_class_is_understood_by_its_name(string prompt, int label) =>
        Assert.Equal(label, PromptLabels.Parse(prompt, Clothes));

    [Theory]
    [InlineData("")]
    [InlineData("a picture")]
    [InlineData("a cat on a roof")]
    [InlineData("10")]
    [InlineData("ten")]
    [InlineData("7 and 3")]
    [InlineData("77")]
    [InlineData("-1")]
    [InlineData("a -1")]
    [InlineData("- 1")]
    [InlineData("--1")]
    [InlineData("the number:-1")]
    [InlineData("minus one")]
    [InlineData(".7")]
    [InlineData("0.7")]
    [InlineData("a .7")]
    [InlineData("+7")]
    [InlineData("\u22121")]
    public void Anything_else_is_refused_with_what_is_understood(string prompt)
    {
        var refused = Assert.Throws<InvalidRequestException>(() => PromptLabels.Parse(prompt, Digits));
        Assert.Contains(
            "is not understood. This model draws 0, 1, 2, 3, 4, 5, 6, 7, 8, 9; ask for one of them, as in \"9\", \"nine\", \"a "
            + "nine\" or \"a handwritten 9\".",
            refused.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("7", 7)]
    [InlineData("-7", null)]
    [InlineData("+7", null)]
    [InlineData(" 7", null)]
    [InlineData("7 ", null)]
    [InlineData("7.0", null)]
    [InlineData("7.", null)]
    [InlineData("10", null)]
    [InlineData("seven", null)]
    [InlineData("a 7", null)]
    [InlineData("", null)]
    public void A_label_is_taken_exactly_or_refused(string text, int? label)
    {
        if (label is { } known)
            Assert.Equal(known, PromptLabels.ParseLabel(text, Digits));
        else
            Assert.Equal("label", Assert.Throws<InvalidRequestException>(() => PromptLabels.ParseLabel(text, Digits)).Key);
    }

    [Fact]
    public void A_label_is_a_name_or_where_no_class_is_called_by_a_number_its_number()
    {
        Assert.Equal(9, PromptLabels.ParseLabel("ankle BOOT", Clothes));
        Assert.Equal(9, PromptLabels.ParseLabel("9", Clothes));
        Assert.Equal(1, PromptLabels.ParseLabel("0", ["1", "0"]));
        Assert.Throws<InvalidRequestException>(() => PromptLabels.ParseLabel("ankle boots", Clothes));
        Assert.Throws<InvalidRequestException>(() => PromptLabels.ParseLabel("-9", Clothes));
    }

    [Fact]
    public void A_name_comes_before_a_number() => Assert.Equal(1, PromptLabels.Parse("0", ["1", "0"]));

    [Fact]
    public void Names_that_are_words_are_understood_by_their_digits() =>
        Assert.Equal(1, PromptLabels.Parse("a 1", ["zero", "one"]));
}
