using System.Globalization;
using System.Text;
using Tomlyn;
using Tomlyn.Parsing;
using Tomlyn.Syntax;

namespace Mezzotint.Settings;

/// <summary>TOML 1.0 to settings and back. Source: toml.io, "TOML v1.0.0".</summary>
/// <remarks>
/// Tomlyn parses. Its own search for repeated keys is switched off: with many repeats, its memory grows with the square of the
/// file's length. Here the first repeat ends the reading.
/// </remarks>
internal static class TomlSettings
{
    /// <summary>Reads a whole file.</summary>
    /// <exception cref="MezzotintException">The text is no TOML, repeats a key, or has lists of tables; the message names the
    /// line.</exception>
    public static SettingsTable Parse(string toml, string name)
    {
        var document = Syntax(toml, name);
        var root = new SettingsTable(name);
        AddAll(root, document.KeyValues, name);
        var opened = new HashSet<SettingsTable>();
        foreach (var header in document.Tables)
        {
            var place = PlaceOf(header, name);
            string[] keys = Keys(header.Name!);
            if (header is TableArraySyntax)
                throw new MezzotintException(
                    $"{place}: no setting is a list of tables; write [{Printable.Line(string.Join('.', keys), 80)}] in single "
                    + $"brackets.");
            var table = root;
            foreach (string key in keys)
                table = table.Open(key, place);
            if (!opened.Add(table)
                || table.Place != place && table.Entries.Values.Any(setting => setting.Value is not SettingsTable))
                throw new MezzotintException(
                    $"{place}: the table [{Printable.Line(table.Path, 80)}] is there twice; the first is at {table.Place}.");
            AddAll(table, header.Items, name);
        }
        return root;
    }

    /// <summary>Reads a single value; null where the text is none.</summary>
    public static Setting? ParseValue(string toml, Place place)
    {
        try
        {
            var document = Syntax($"value = {toml}", place.Source);
            return document.Tables.ChildrenCount == 0 && document.KeyValues.ChildrenCount == 1
                ? Convert(document.KeyValues.GetChild(0)!.Value!, new SettingsTable(place.Source), "value", place.Source) with
                    { Place = place }
                : null;
        }
        catch (MezzotintException)
        {
            return null;
        }
    }

    /// <summary>Writes settings; <see cref="Parse"/> gives them back exactly.</summary>
    public static string Write(SettingsTable root)
    {
        var text = new StringBuilder();
        Append(text, root);
        return text.ToString();
    }

    /// <summary>The shortest text that gives the number back, always with a point or a name, so that TOML takes it for no
    /// integer.</summary>
    public static string Format(double number)
    {
        if (!double.IsFinite(number))
            return double.IsNaN(number) ? "nan" : number > 0 ? "inf" : "-inf";
        string[] parts = number.ToString("R", CultureInfo.InvariantCulture).Split('E');
        string mantissa = parts[0].Contains('.', StringComparison.Ordinal) ? parts[0] : parts[0] + ".0";
        return parts.Length == 1
            ? mantissa
            : string.Create(CultureInfo.InvariantCulture, $"{mantissa}e{int.Parse(parts[1], CultureInfo.InvariantCulture)}");
    }

    private static DocumentSyntax Syntax(string toml, string name)
    {
        try
        {
            var document = SyntaxParser.Parse(toml, name, validate: false);
            return document.Diagnostics.FirstOrDefault(message => message.Kind == DiagnosticMessageKind.Error) is { } error
                ? throw new MezzotintException(
                    $"{new Place(name, error.Span.Start.Line + 1)}: not valid TOML at column {error.Span.Start.Column + 1}: "
                    + $"{Printable.Line(error.Message).TrimEnd('.')}.{Remedy(error.Message)}")
                : document;
        }
        catch (TomlException cause)
        {
            throw new MezzotintException($"{name}: not valid TOML: {Printable.Line(cause.Message)}", cause);
        }
        catch (ArgumentOutOfRangeException cause)
        {
            // What Tomlyn 2.10 does with a backslash before the end of the text.
            throw new MezzotintException($"{name}: not valid TOML: a text in quotes does not end after a backslash.", cause);
        }
    }

    /// <summary>The usual cause is a path of Windows.</summary>
    private static string Remedy(string error) => error.Contains("escape", StringComparison.OrdinalIgnoreCase)
        ? " Put a text with backslashes, such as a path of Windows, in single quotes: 'C:\\pictures'." : "";

    private static void AddAll(SettingsTable table, SyntaxList<KeyValueSyntax> items, string name)
    {
        foreach (var item in items)
            Add(table, item, name);
    }

    private static void Add(SettingsTable table, KeyValueSyntax item, string name)
    {
        string[] keys = Keys(item.Key!);
        foreach (string key in keys[..^1])
            table = table.Open(key, PlaceOf(item, name));
        // The key's line is the one to show, also where the value goes on over several.
        table.Add(keys[^1], Convert(item.Value!, table, keys[^1], name) with { Place = PlaceOf(item, name) });
    }

    private static Setting Convert(ValueSyntax value, SettingsTable parent, string key, string name)
    {
        var place = PlaceOf(value, name);
        return new Setting(value switch
        {
            // Tomlyn lets 0xffffffffffffffff pass as -1; TOML allows no sign in these notations.
            IntegerValueSyntax { Value: < 0, Token.TokenKind: not TokenKind.Integer } =>
                throw new MezzotintException(
                    $"{place}: {Printable.Quote(parent.PathOf(key))} is a whole number of more than 63 bits."),
            IntegerValueSyntax integer => integer.Value,
            FloatValueSyntax number => number.Value,
            BooleanValueSyntax truth => truth.Value,
            StringValueSyntax text => text.Value ?? "",
            ArraySyntax list => list.Items.Select(item => Convert(item.Value!, parent, key, name)).ToList(),
            InlineTableSyntax inline => Table(inline, parent, key, place),
            _ => new UnusedKind("a date or a time"),
        }, place);
    }

    private static SettingsTable Table(InlineTableSyntax inline, SettingsTable parent, string key, Place place)
    {
        if (parent.Depth == SettingsTable.MaxDepth)
            throw new MezzotintException($"{place}: tables lie more than {SettingsTable.MaxDepth} deep within each other.");
        var table = new SettingsTable(parent, key, place);
        foreach (var item in inline.Items)
            Add(table, item.KeyValue!, place.Source);
        return table;
    }

    private static string[] Keys(KeySyntax key) => [Name(key.Key!), .. key.DotKeys.Select(dotted => Name(dotted.Key!))];

    private static string Name(BareKeyOrStringValueSyntax key) => key switch
    {
        BareKeySyntax bare => bare.Key?.Text ?? "",
        StringValueSyntax quoted => quoted.Value ?? "",
        _ => "",
    };

    private static Place PlaceOf(SyntaxNode node, string name) => new(name, node.Span.Start.Line + 1);

    private static void Append(StringBuilder text, SettingsTable table)
    {
        foreach (var (key, setting) in table.Entries)
        {
            if (setting.Value is not SettingsTable)
                text.Append(key).Append(" = ").Append(Format(setting)).Append('\n');
        }
        foreach (var (_, setting) in table.Entries)
        {
            if (setting.Value is not SettingsTable inner)
                continue;
            text.Append(text.Length > 0 ? "\n[" : "[").Append(inner.Path).Append("]\n");
            Append(text, inner);
        }
    }

    private static string Format(Setting setting) => setting.Value switch
    {
        double number => Format(number),
        bool truth => truth ? "true" : "false",
        string text => Quote(text),
        List<Setting> list => $"[{string.Join(", ", list.Select(Format))}]",
        var integer => System.Convert.ToString(integer, CultureInfo.InvariantCulture)!,
    };

    private static string Quote(string text)
    {
        var quoted = new StringBuilder("\"");
        foreach (char c in text)
        {
            if (c is '"' or '\\')
                quoted.Append('\\').Append(c);
            else if (char.IsControl(c))
                quoted.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:X4}");
            else
                quoted.Append(c);
        }
        return quoted.Append('"').ToString();
    }
}
