namespace Mezzotint.Data;

/// <summary>
/// What makes a caption of a row of metadata: the name of a column, or a pattern with columns in braces such as
/// <c>{name}, {style} style</c>. Several patterns, with <c>|</c> between them, are as many variants.
/// </summary>
/// <remarks>
/// A column that holds a list gives a caption for each of its elements; an empty one gives none. <c>{tones: and }</c> is the
/// whole list with " and " between its elements. What stands in square brackets is left out where a column in it is empty:
/// <c>{name}[, {tones: and } skin tone]</c>.
/// </remarks>
internal sealed class CaptionPattern
{
    private const int MostVariants = 64;

    private readonly string _text;
    private readonly List<Part[]> _alternatives = [];

    /// <summary>Reads a pattern.</summary>
    /// <exception cref="MezzotintException">A brace or a bracket is left open.</exception>
    public CaptionPattern(string text)
    {
        _text = text;
        foreach (string alternative in text.Split('|', StringSplitOptions.TrimEntries))
            _alternatives.Add(alternative.Contains('{', StringComparison.Ordinal) ? [.. Parts(alternative)]
                : [new Column(alternative, null)]);
    }

    /// <summary>The columns it needs.</summary>
    public IEnumerable<string> Columns => _alternatives.SelectMany(ColumnsOf).Distinct();

    /// <summary>The captions of a row, each once.</summary>
    public string[] Of(MetadataRow row) =>
        [.. _alternatives.SelectMany(parts => Joined(parts, row)).Select(caption => caption.Trim())
            .Where(caption => caption.Length > 0).Distinct(StringComparer.Ordinal).Take(MostVariants)];

    private static IEnumerable<string> ColumnsOf(Part[] parts) => parts.SelectMany(part => part switch
    {
        Column column => [column.Name],
        Optional optional => ColumnsOf(optional.Parts),
        _ => [],
    });

    private static List<string> Joined(Part[] parts, MetadataRow row) => parts.Aggregate(new List<string> { "" },
        (made, part) => [.. made.SelectMany(_ => part.Of(row), (before, text) => before + text).Take(MostVariants)]);

    private IEnumerable<Part> Parts(string text)
    {
        for (int at = 0; at < text.Length;)
        {
            int next = text.AsSpan(at).IndexOfAny("{[]") is >= 0 and var offset ? at + offset : text.Length;
            if (next > at)
                yield return new Words(text[at..next]);
            if (next == text.Length)
                yield break;
            bool isColumn = text[next] == '{';
            int close = text.IndexOf(isColumn ? '}' : ']', next + 1);
            if (text[next] == ']' || close < 0)
                throw Bad(isColumn ? "a brace is not closed; columns stand as {name}"
                    : "a square bracket is alone; what may be left out stands as [, {name}]");
            string inner = text[(next + 1)..close];
            if (!isColumn && inner.Contains('[', StringComparison.Ordinal))
                throw Bad("square brackets stand within each other; close one before the next");
            yield return isColumn ? ColumnOf(inner) : new Optional([.. Parts(inner)]);
            at = close + 1;
        }
    }

    private static Column ColumnOf(string inner) => inner.IndexOf(':') is >= 0 and var colon
        ? new(inner[..colon].Trim(), inner[(colon + 1)..]) : new(inner.Trim(), null);

    private MezzotintException Bad(string why) =>
        new($"data.caption = {Printable.Quote(_text)}: {why}.") { Key = "data.caption" };

    private abstract record Part
    {
        /// <summary>The texts that may stand here; none where there can be no caption.</summary>
        public abstract IEnumerable<string> Of(MetadataRow row);
    }

    private sealed record Words(string Text) : Part
    {
        public override IEnumerable<string> Of(MetadataRow row) => [Text];
    }

    private sealed record Column(string Name, string? Separator) : Part
    {
        public override IEnumerable<string> Of(MetadataRow row)
        {
            string[] values = [.. row.Values(Name).Where(value => value.Length > 0)];
            return Separator is not null && values.Length > 0 ? [string.Join(Separator, values)] : values;
        }
    }

    private sealed record Optional(Part[] Parts) : Part
    {
        public override IEnumerable<string> Of(MetadataRow row) => Joined(Parts, row) is { Count: > 0 } made ? made : [""];
    }
}
