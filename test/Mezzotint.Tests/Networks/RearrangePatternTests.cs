using System.Globalization;
using System.Text.RegularExpressions;
using CsCheck;
using Mezzotint.Networks;

namespace Mezzotint.Tests.Networks;

public partial class RearrangePatternTests
{
    [Theory]
    [InlineData("a b", 3, "has no '->'")]
    [InlineData("", 0, "has no '->'")]
    [InlineData("a -> a -> a", 7, "has a second '->'")]
    [InlineData("a (b (c)) -> a b c", 5, "opens a parenthesis inside another")]
    [InlineData("a b) -> a b", 3, "closes a parenthesis that was not opened")]
    [InlineData("a (b -> a b", 2, "opens a parenthesis that is not closed")]
    [InlineData("a b -> (a b", 7, "opens a parenthesis that is not closed")]
    [InlineData("a b a -> a b", 4, "names 'a' twice on one side")]
    [InlineData("a bb -> a bb bb", 13, "names 'bb' twice on one side")]
    [InlineData("a b* -> a b", 3, "has '*' where a name, '1' or a parenthesis is expected")]
    [InlineData("a 2 -> a", 2, "has '2' where a name, '1' or a parenthesis is expected")]
    [InlineData("a 1b -> a", 2, "has '1' where a name, '1' or a parenthesis is expected")]
    [InlineData("_a -> _a", 0, "has '_' where a name, '1' or a parenthesis is expected")]
    [InlineData("... a -> a ...", 0, "has '.' where a name, '1' or a parenthesis is expected")]
    [InlineData("a \u00e9 -> a", 2, "has '\u00e9' where a name, '1' or a parenthesis is expected")]
    [InlineData("a\tb -> a b", 1, "has '\t' where a name, '1' or a parenthesis is expected")]
    [InlineData("ab (b c) -> c ab", 4, "loses 'b'")]
    [InlineData("ab c -> c b ab", 10, "invents 'b'")]
    [InlineData("a -> a (a1 b)", 8, "invents 'a1'")]
    public void Each_malformed_pattern_is_refused_by_name_and_position(string pattern, int position, string why)
    {
        var error = Assert.Throws<ArgumentException>(() => RearrangePattern.Parse(pattern));
        Assert.StartsWith($"The pattern '{pattern}' {why}", error.Message, StringComparison.Ordinal);
        Assert.Equal(position, Position(error));
    }

    [Theory]
    [InlineData("a b -> b a", new long[] { 2 }, "describes 2 axes; the tensor has 1: [2]")]
    [InlineData("a (b c) -> b a c", new long[] { 2, 6 }, "give the length of 'b' or of 'c'; axis 1 alone tells neither")]
    [InlineData("a (b c) -> b a c", new long[] { 2, 6 }, "axis 1 has length 6, which 4 does not divide", "b", 4L)]
    [InlineData("a (b c) -> b a c", new long[] { 2, 6 }, "axis 1 has length 6, which is not 4", "b", 2L, "c", 2L)]
    [InlineData("a b -> b a", new long[] { 2, 6 }, "axis 0 has length 2, which is not 3", "a", 3L)]
    [InlineData("a 1 -> a", new long[] { 2, 6 }, "axis 1 has length 6, which is not 1")]
    [InlineData("a b -> b a", new long[] { 2, 6 }, "has no axis 'd' whose length could be 3", "d", 3L)]
    [InlineData("a b -> b a", new long[] { 2, 6 }, "a length is 1 or more", "a", 0L)]
    [InlineData("a b -> b a", new long[] { 2, 6 }, "a length is 1 or more", "a", -2L)]
    public void Each_misfit_of_pattern_and_shape_is_refused_by_pattern_and_axis(
        string pattern, long[] shape, string why, params object[] lengths)
    {
        ArgumentNullException.ThrowIfNull(lengths);
        (string, long)[] given = [.. lengths.Chunk(2).Select(pair => ((string)pair[0], (long)pair[1]))];
        var error = Assert.Throws<ArgumentException>(() => RearrangePattern.Parse(pattern).Plan(shape, given));
        Assert.Contains($"'{pattern}'", error.Message, StringComparison.Ordinal);
        Assert.Contains(why, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Lengths_whose_product_has_no_64_bits_are_a_misfit_like_any_other()
    {
        var pattern = RearrangePattern.Parse("(a b c) -> c b a");
        (string, long)[] lengths = [("a", 1L << 32), ("b", 1L << 32)];
        Assert.Throws<ArgumentException>(() => pattern.Plan([12], lengths));
        Assert.Throws<ArgumentException>(() => pattern.Plan([0], lengths));
    }

    private static readonly Gen<string> Garbage = Gen.OneOf(
        Gen.String,
        Gen.OneOf("a", "b", "c", "ab", "1", "(", ")", " ", "->", "-", ">", "_", "2", "\u00e9", "(a b)", " -> ").Array[0, 14]
            .Select(string.Concat),
        Gen.Select(
            Gen.OneOf("b c h w -> b (h w) c", "b t (n d) -> b n t d", "a 1 (b c) -> (c a) b 1"), Gen.Int[0, 21], Gen.Char,
            (text, at, c) => text.Insert(Math.Min(at, text.Length), c.ToString())));

    [Fact]
    public void Garbage_is_refused_with_a_position_inside_it_or_is_a_pattern_whose_plan_fits_or_is_refused() =>
        Gen.Select(
            Garbage, Gen.Long[0, 12].Array[0, 4],
            Gen.Select(Gen.OneOf("a", "b", "h", "n"), Gen.OneOf(Gen.Long[-1, 6], Gen.Long)).Array[0, 3]).Sample((
                text, shape, lengths) =>
        {
            RearrangePattern pattern;
            try
            {
                pattern = RearrangePattern.Parse(text);
            }
            catch (ArgumentException error)
            {
                return Position(error) is var position && position >= 0 && position <= text.Length;
            }
            try
            {
                var plan = pattern.Plan(shape, lengths);
                long Count(long[] axes) => axes.Aggregate(1L, (product, length) => product * length);
                return Count(shape) == Count(plan.Split) && Count(shape) == Count(plan.Merged)
                    && plan.Order.Order().SequenceEqual(Enumerable.Range(0, plan.Split.Length).Select(i => (long)i));
            }
            catch (ArgumentException)
            {
                return true;
            }
        }, iter: 20_000);

    private static int Position(ArgumentException error) =>
        int.Parse(PositionText().Match(error.Message).Groups[1].ValueSpan, CultureInfo.InvariantCulture);

    [GeneratedRegex(@"\(position (\d+)\)\. \(Parameter 'text'\)$")]
    private static partial Regex PositionText();
}
