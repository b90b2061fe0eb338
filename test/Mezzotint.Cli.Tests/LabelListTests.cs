using Mezzotint.Cli.Choices;

namespace Mezzotint.Cli.Tests;

public class LabelListTests
{
    private static readonly string[] Digits = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];

    [Theory]
    [InlineData("7", new[] { 7 })]
    [InlineData("0,1,2", new[] { 0, 1, 2 })]
    [InlineData(" 2 , 0 ", new[] { 2, 0 })]
    [InlineData("all", new[] { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 })]
    public void Digits_are_asked_for_by_number_list_or_all(string text, int[] labels) =>
        Assert.Equal(labels, LabelList.Parse(text, Digits));

    [Fact]
    public void Classes_are_asked_for_by_name_or_number()
    {
        string[] names = ["cat", "Dog", "two words"];
        Assert.Equal([1, 0, 2], LabelList.Parse("dog,CAT,two words", names));
        Assert.Equal([2, 1], LabelList.Parse("2,1", names));
    }

    [Fact]
    public void A_name_that_is_a_number_comes_before_the_number()
    {
        Assert.Equal([0], LabelList.Parse("3", ["3", "7"]));
        Assert.Throws<MezzotintException>(() => LabelList.Parse("1", ["3", "7"]));
    }

    [Theory]
    [InlineData("-7")]
    [InlineData("+7")]
    [InlineData("7.0")]
    [InlineData("1,-2")]
    public void Signs_and_points_make_no_label(string text) =>
        Assert.Contains(
            "Several are separated by commas", Assert.Throws<MezzotintException>(() => LabelList.Parse(text, Digits)).Message,
            StringComparison.Ordinal);
}
