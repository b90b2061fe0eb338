using Mezzotint.Data;

namespace Mezzotint.Tests.Data;

public class CaptionPatternTests
{
    private static readonly MetadataRow Hand = new(1, new Dictionary<string, IReadOnlyList<string>>
    {
        ["name"] = ["two hands"], ["aliases"] = ["hands", "both"], ["tones"] = ["light", "dark"], ["style"] = ["noto"],
        ["nothing"] = [], ["blank"] = [""],
    });

    private static readonly MetadataRow Heart = new(2, new Dictionary<string, IReadOnlyList<string>>
    {
        ["name"] = ["heart"], ["aliases"] = ["love"], ["tones"] = [], ["style"] = ["noto"],
    });

    [Theory]
    [InlineData("name", "two hands")]
    [InlineData("{name}, {style} style", "two hands, noto style")]
    [InlineData("{aliases}, {style} style", "hands, noto style|both, noto style")]
    [InlineData("name|aliases|{name}", "two hands|hands|both")]
    [InlineData("{name}, {nothing}", "")]
    [InlineData("{name}, {blank}", "")]
    [InlineData("{tones: and } skin", "light and dark skin")]
    [InlineData("{tones:/}", "light/dark")]
    [InlineData("{ tones }", "light|dark")]
    [InlineData("[{tones: and } ]{name}", "light and dark two hands")]
    [InlineData("{name}[, {nothing}][, {blank}]", "two hands")]
    [InlineData("{name}[ with {aliases}]", "two hands with hands|two hands with both")]
    [InlineData("{name}[ of {style} without {nothing}]", "two hands")]
    public void A_pattern_makes_the_captions_of_a_row(string pattern, string captions) =>
        Assert.Equal(captions, string.Join('|', new CaptionPattern(pattern).Of(Hand)));

    [Fact]
    public void What_stands_in_square_brackets_is_left_out_where_its_column_is_empty()
    {
        var pattern = new CaptionPattern("{name}[, {tones: and } skin tone], {style} style");
        Assert.Equal(["two hands, light and dark skin tone, noto style"], pattern.Of(Hand));
        Assert.Equal(["heart, noto style"], pattern.Of(Heart));
        Assert.Equal(["name", "tones", "style"], pattern.Columns);
    }

    [Theory]
    [InlineData("{name", "a brace is not closed")]
    [InlineData("{name}[, {style}", "a square bracket is alone")]
    [InlineData("{name}], {style}", "a square bracket is alone")]
    [InlineData("{name}[, [{style}]]", "within each other")]
    public void A_pattern_that_is_not_closed_is_refused_in_one_line(string pattern, string message)
    {
        var refused = Assert.Throws<MezzotintException>(() => new CaptionPattern(pattern));
        Assert.Contains(message, refused.Message, StringComparison.Ordinal);
        Assert.Equal("data.caption", refused.Key);
    }
}
