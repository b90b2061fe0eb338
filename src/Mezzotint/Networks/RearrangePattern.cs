namespace Mezzotint.Networks;

/// <summary>A parsed pattern of <see cref="RearrangeExtensions.Rearrange"/>: pure text and numbers, no tensors.</summary>
/// <remarks>Grammar: <c>side -> side</c>, where a side is a list of axes, and an axis a name, <c>1</c>, or names in
/// parentheses.</remarks>
internal sealed class RearrangePattern
{
    private const string Arrow = "->";

    private readonly string _text;
    private readonly string[][] _left;  // axes of the input; each a list of names, none for a length of 1
    private readonly string[][] _right;

    private RearrangePattern(string text, string[][] left, string[][] right) => (_text, _left, _right) = (text, left, right);

    /// <summary>The reshape, permutation and reshape that carry out a pattern on one shape.</summary>
    internal readonly record struct Steps(long[] Split, long[] Order, long[] Merged);

    public static RearrangePattern Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        int arrow = text.IndexOf(Arrow, StringComparison.Ordinal);
        if (arrow < 0)
            throw Bad(text, text.Length, "has no '->'");
        if (text.IndexOf(Arrow, arrow + 2, StringComparison.Ordinal) is >= 0 and var second)
            throw Bad(text, second, "has a second '->'");
        var left = ParseSide(text, 0, arrow, out var onLeft);
        var right = ParseSide(text, arrow + 2, text.Length, out var onRight);
        foreach (var (name, position) in onLeft)
            if (!onRight.ContainsKey(name))
                throw Bad(text, position, $"loses '{name}': it stands on the left side alone");
        foreach (var (name, position) in onRight)
            if (!onLeft.ContainsKey(name))
                throw Bad(text, position, $"invents '{name}': it stands on the right side alone");
        return new RearrangePattern(text, left, right);
    }

    public Steps Plan(long[] shape, ReadOnlySpan<(string Name, long Length)> lengths)
    {
        if (shape.Length != _left.Length)
            throw new ArgumentException(
                $"'{_text}' describes {_left.Length} axes; the tensor has {shape.Length}: [{string.Join(", ", shape)}].",
                nameof(shape));
        var known = new Dictionary<string, long>();
        foreach (var (name, length) in lengths)
        {
            if (!_left.Any(axis => axis.Contains(name)))
                throw new ArgumentException($"'{_text}' has no axis '{name}' whose length could be {length}.", nameof(lengths));
            if (length < 1)
                throw new ArgumentException($"'{name}' = {length} in '{_text}': a length is 1 or more.", nameof(lengths));
            known[name] = length;
        }
        for (int axis = 0; axis < shape.Length; axis++)
            Solve(_left[axis], shape[axis], axis, known);

        string[] names = [.. _left.SelectMany(axis => axis)];
        long[] split = [.. names.Select(name => known[name])];
        long[] order = [.. _right.SelectMany(axis => axis).Select(name => (long)Array.IndexOf(names, name))];
        long[] merged = [.. _right.Select(axis => axis.Aggregate(1L, (product, name) => product * known[name]))];
        return new Steps(split, order, merged);
    }

    private void Solve(string[] names, long length, int axis, Dictionary<string, long> known)
    {
        long product = 1;
        string? unknown = null;
        foreach (string name in names)
        {
            if (known.TryGetValue(name, out long value))
                product = value <= long.MaxValue / product
                    ? product * value
                    : throw new ArgumentException(
                        $"'{_text}': the lengths given for axis {axis} have a product of more than 63 bits.", nameof(known));
            else if (unknown is null)
                unknown = name;
            else
                throw new ArgumentException(
                    $"'{_text}': give the length of '{unknown}' or of '{name}'; axis {axis} alone tells neither.", nameof(known));
        }
        if (unknown is not null && length % product == 0)
            known[unknown] = length / product;
        else if (unknown is not null || product != length)
            throw new ArgumentException(
                $"'{_text}': axis {axis} has length {length}, which "
                + $"{(unknown is null ? $"is not {product}" : $"{product} does not divide")}.",
                nameof(length));
    }

    private static string[][] ParseSide(string text, int start, int end, out Dictionary<string, int> positions)
    {
        var axes = new List<string[]>();
        positions = [];
        List<string>? group = null;
        int opened = 0;
        for (int i = start; i < end;)
        {
            char c = text[i];
            if (c == ' ')
            {
                i++;
            }
            else if (c == '(')
            {
                if (group is not null)
                    throw Bad(text, i, "opens a parenthesis inside another");
                (group, opened) = ([], i++);
            }
            else if (c == ')')
            {
                if (group is null)
                    throw Bad(text, i, "closes a parenthesis that was not opened");
                axes.Add([.. group]);
                group = null;
                i++;
            }
            else
            {
                string name = ReadName(text, ref i, end);
                if (name != "1" && !positions.TryAdd(name, i - name.Length))
                    throw Bad(text, i - name.Length, $"names '{name}' twice on one side");
                string[] axis = name == "1" ? [] : [name];
                if (group is null)
                    axes.Add(axis);
                else
                    group.AddRange(axis);
            }
        }
        return group is null ? [.. axes] : throw Bad(text, opened, "opens a parenthesis that is not closed");
    }

    private static string ReadName(string text, ref int i, int end)
    {
        int start = i;
        if (text[i] == '1' && (i + 1 == end || !IsNamePart(text[i + 1])))
        {
            i++;
            return "1";
        }
        if (!char.IsAsciiLetter(text[i]))
            throw Bad(text, i, $"has '{text[i]}' where a name, '1' or a parenthesis is expected");
        while (i < end && IsNamePart(text[i]))
            i++;
        return text[start..i];
    }

    private static bool IsNamePart(char c) => char.IsAsciiLetterOrDigit(c) || c == '_';

    private static ArgumentException Bad(string text, int position, string why) =>
        new($"The pattern '{text}' {why} (position {position}).", nameof(text));
}
