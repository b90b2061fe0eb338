using CsCheck;
using Mezzotint.Networks;
using static TorchSharp.torch;

namespace Mezzotint.Tests.Networks;

public class RearrangeTests
{
    [Fact]
    public void Heads_are_split_as_by_reshape_and_permute()
    {
        using var scope = NewDisposeScope();
        var x = rand(2, 5, 12);
        TensorAssert.Same(x.reshape(2, 5, 3, 4).permute(0, 2, 1, 3), x.Rearrange("b t (n d) -> b n t d", ("n", 3)));
    }

    [Fact]
    public void Heads_are_merged_as_by_permute_and_reshape()
    {
        using var scope = NewDisposeScope();
        var x = rand(2, 3, 5, 4);
        TensorAssert.Same(x.permute(0, 2, 1, 3).reshape(2, 5, 12), x.Rearrange("b n t d -> b t (n d)"));
    }

    [Fact]
    public void Pixels_become_tokens_and_back()
    {
        using var scope = NewDisposeScope();
        var x = rand(2, 3, 4, 5);
        var tokens = x.Rearrange("b c h w -> b (h w) c");
        TensorAssert.Same(x.flatten(2).transpose(1, 2), tokens);
        TensorAssert.Same(x, tokens.Rearrange("b (h w) c -> b c h w", ("h", 4)));
        TensorAssert.Same(x, tokens.Rearrange("b (h w) c -> b c h w", ("w", 5)));
        TensorAssert.Same(x, tokens.Rearrange("b (h w) c -> b c h w", ("h", 4), ("w", 5)));
    }

    [Fact]
    public void Ones_come_and_go()
    {
        using var scope = NewDisposeScope();
        var x = rand(2, 1, 3);
        Assert.Equal([1, 3, 2, 1], x.Rearrange("a 1 b -> 1 b a 1").shape);
        Assert.Equal([6], x.Rearrange("a 1 b -> (a 1 b)").shape);
        Assert.Equal([2, 3, 1], x.Rearrange("a () b -> a b ()").shape);
        Assert.Equal([], rand(1, 1).Rearrange("1 1 ->").shape);
    }

    [Fact]
    public void Patterns_need_no_spaces_around_signs()
    {
        using var scope = NewDisposeScope();
        var x = rand(2, 6);
        TensorAssert.Same(x.reshape(2, 2, 3).permute(2, 1, 0), x.Rearrange("  a(b c)->c b   a ", ("b", 2)));
    }

    [Fact]
    public void An_axis_of_length_0_stays_one()
    {
        using var scope = NewDisposeScope();
        Assert.Equal([2, 0, 3], zeros(0, 6).Rearrange("a (b c) -> b a c", ("b", 2)).shape);
    }

    private static readonly Gen<(string Left, string Right, (string Name, long Length)[] Lengths)> Pattern =
        from lengths in Gen.Long[1, 3].Array[1, 5]
        let names = lengths.Select((length, i) => (Name: ((char)('a' + i)).ToString(), Length: length)).ToArray()
        from order in Gen.Shuffle(names)
        from cutsLeft in Gen.Bool.Array[names.Length]
        from cutsRight in Gen.Bool.Array[names.Length]
        from oneLeft in Gen.Bool
        from oneRight in Gen.Bool
        select ((oneLeft ? "1 " : "") + Side(names, cutsLeft), Side(order, cutsRight) + (oneRight ? " 1" : ""), names);

    [Fact]
    public void Every_element_lands_where_its_names_say_and_the_way_back_is_the_identity() => Pattern.Sample(pattern =>
    {
        using var scope = NewDisposeScope();
        var (left, right, lengths) = pattern;
        var x = arange(lengths.Aggregate(1L, (product, axis) => product * axis.Length)).reshape(ShapeOf(left, lengths));

        var there = x.Rearrange($"{left} -> {right}", lengths);
        var back = there.Rearrange($"{right} -> {left}", lengths);

        Assert.Equal(ShapeOf(right, lengths), there.shape);
        Assert.Equal(ExpectedOrder(left, right, lengths), there.contiguous().data<long>().ToArray());
        TensorAssert.Same(x, back);
    }, iter: 300, threads: 1);

    // Grouping does not change the order of the elements: an element's place on a side counts through that side's names, the last
    // one fastest.
    private static long[] ExpectedOrder(string left, string right, (string Name, long Length)[] lengths)
    {
        var length = lengths.ToDictionary(axis => axis.Name[0], axis => axis.Length);
        char[] from = [.. left.Where(char.IsAsciiLetter)], to = [.. right.Where(char.IsAsciiLetter)];
        var result = new long[length.Values.Aggregate(1L, (product, value) => product * value)];
        for (long place = 0; place < result.Length; place++)
        {
            var at = new Dictionary<char, long>();
            long rest = place;
            foreach (char name in to.Reverse())
                (rest, at[name]) = Math.DivRem(rest, length[name]);
            result[place] = from.Aggregate(0L, (index, name) => index * length[name] + at[name]);
        }
        return result;
    }

    private static long[] ShapeOf(string side, (string Name, long Length)[] lengths) =>
        [.. side.Replace("(", "", StringComparison.Ordinal).Replace(")", "", StringComparison.Ordinal) == side
            ? side.Split(' ').Select(name => LengthOf(name, lengths))
            : Axes(side).Select(axis => axis.Aggregate(1L, (product, name) => product * LengthOf(name, lengths)))];

    private static IEnumerable<string[]> Axes(string side)
    {
        for (int i = 0; i < side.Length; i++)
        {
            if (side[i] == '(')
            {
                int end = side.IndexOf(')', i);
                yield return side[(i + 1)..end].Split(' ', StringSplitOptions.RemoveEmptyEntries);
                i = end;
            }
            else if (side[i] != ' ')
            {
                yield return [side[i].ToString()];
            }
        }
    }

    private static long LengthOf(string name, (string Name, long Length)[] lengths) =>
        name == "1" ? 1 : lengths.Single(axis => axis.Name == name).Length;

    // A cut before a name starts a new group; groups of one name stand with or without parentheses.
    private static string Side((string Name, long Length)[] names, bool[] cuts)
    {
        var groups = new List<List<string>>();
        for (int i = 0; i < names.Length; i++)
        {
            if (i == 0 || cuts[i])
                groups.Add([]);
            groups[^1].Add(names[i].Name);
        }
        return string.Join(' ', groups.Select(group => group.Count > 1 || cuts[0] ? $"({string.Join(' ', group)})" : group[0]));
    }
}
