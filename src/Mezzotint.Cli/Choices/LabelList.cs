using Mezzotint.Serving;
using Mezzotint.Text;

namespace Mezzotint.Cli.Choices;

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

    private static int One(string word, IReadOnlyList<string> classNames)
    {
        try
        {
            return PromptLabels.ParseLabel(word, classNames);
        }
        catch (InvalidRequestException unknown)
        {
            throw new MezzotintException($"{unknown.Message} Several are separated by commas, and {All} means each.", unknown)
                { Key = unknown.Key };
        }
    }
}
