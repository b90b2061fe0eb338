using System.Globalization;

namespace Mezzotint.Cli;

/// <summary>Classes as they are asked for: <c>7</c>, <c>0,1,2</c>, <c>all</c>, or by their names.</summary>
internal static class LabelList
{
    public const string All = "all";

    /// <summary>The labels that a text names, in its order.</summary>
    /// <exception cref="MezzotintException">One of them is none of the model's; the message lists these.</exception>
    public static IReadOnlyList<int> Parse(string text, IReadOnlyList<string> classNames)
    {
        if (text.Trim().Equals(All, StringComparison.OrdinalIgnoreCase))
            return [.. Enumerable.Range(0, classNames.Count)];
        return [.. text.Split(',', StringSplitOptions.TrimEntries).Select(word => One(word, classNames))];
    }

    /// <summary>A name comes before a number, should classes be named by other numbers than their own.</summary>
    private static int One(string word, IReadOnlyList<string> classNames)
    {
        for (int label = 0; label < classNames.Count; label++)
            if (classNames[label].Equals(word, StringComparison.OrdinalIgnoreCase))
                return label;
        bool numbered = classNames.All(name => int.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out _));
        if (!numbered && int.TryParse(word, NumberStyles.None, CultureInfo.InvariantCulture, out int number) && number < classNames.Count)
            return number;
        throw new MezzotintException($"The model has no label '{word}'. It knows {Known(classNames)}; several are separated by commas, and {All} means each.");
    }

    private static string Known(IReadOnlyList<string> classNames) =>
        classNames.Count <= 30 ? string.Join(", ", classNames) : $"{string.Join(", ", classNames.Take(30))} and {classNames.Count - 30} more";
}
