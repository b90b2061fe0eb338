using System.Text;

namespace Mezzotint.Data;

/// <summary>
/// What makes a caption of a row of metadata: the name of a column, or a pattern with columns in braces such as
/// <c>{name}, {style} style</c>. Several patterns, with <c>|</c> between them, are as many variants.
/// </summary>
/// <remarks>A column that holds a list gives a caption for each of its elements; an empty one gives none.</remarks>
internal sealed class CaptionPattern
{
    private const int MostVariants = 64;

    private readonly List<List<(string Text, bool IsColumn)>> _alternatives = [];

    /// <summary>Reads a pattern.</summary>
    /// <exception cref="MezzotintException">A brace is left open.</exception>
    public CaptionPattern(string text)
    {
        foreach (string alternative in text.Split('|', StringSplitOptions.TrimEntries))
            _alternatives.Add(alternative.Contains('{', StringComparison.Ordinal) ? Parts(alternative) : [(alternative, true)]);
    }

    /// <summary>The columns it needs.</summary>
    public IEnumerable<string> Columns =>
        _alternatives.SelectMany(parts => parts).Where(part => part.IsColumn).Select(part => part.Text).Distinct();

    /// <summary>The captions of a row, each once.</summary>
    public string[] Of(MetadataRow row)
    {
        var captions = new List<string>();
        foreach (var parts in _alternatives)
        {
            List<string> made = [""];
            foreach (var (text, isColumn) in parts)
                made = [.. made.SelectMany(_ => isColumn ? row.Values(text) : [text], (before, part) => before + part)
                    .Take(MostVariants)];
            captions.AddRange(made.Select(caption => caption.Trim()));
        }
        return [.. captions.Where(caption => caption.Length > 0).Distinct(StringComparer.Ordinal).Take(MostVariants)];
    }

    private static List<(string, bool)> Parts(string text)
    {
        var parts = new List<(string, bool)>();
        for (int at = 0; at < text.Length;)
        {
            int open = text.IndexOf('{', at), close = open < 0 ? -1 : text.IndexOf('}', open);
            if (open >= 0 && close < 0)
                throw new MezzotintException(
                    $"data.caption = {Printable.Quote(text)}: a brace is not closed; columns stand as {{name}}.")
                    { Key = "data.caption" };
            if (open < 0)
                open = close = text.Length;
            if (open > at)
                parts.Add((text[at..open], false));
            if (open < text.Length)
                parts.Add((text[(open + 1)..close].Trim(), true));
            at = close + 1;
        }
        return parts;
    }
}
