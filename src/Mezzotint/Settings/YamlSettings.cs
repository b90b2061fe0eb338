using System.Globalization;
using Mezzotint.Formats;

namespace Mezzotint.Settings;

/// <summary>
/// The part of YAML that configurations of the original Stable Diffusion are written in: tables and lists by indentation, lists
/// in brackets, plain and quoted values, comments. Anything else is refused with its line.
/// </summary>
internal static class YamlSettings
{
    private const int MostLines = 10_000;

    /// <summary>Reads a whole file.</summary>
    /// <exception cref="MezzotintException">The bytes are no such file, or repeat a key; the message names the line.</exception>
    public static SettingsTable Parse(ReadOnlySpan<byte> yaml, string name)
    {
        string[] all = SmallFile.Text(yaml, name).Split('\n', MostLines + 1);
        if (all.Length > MostLines)
            throw new MezzotintException($"{name}: it has more than {MostLines} lines; it is no configuration of a model.");
        var lines = all.Select((text, i) => Line.Of(text, new Place(name, i + 1))).Where(line => line.Text.Length > 0).ToList();
        var root = new SettingsTable(name);
        int at = 0;
        ReadTable(root, lines, ref at, lines.Count > 0 ? lines[0].Indent : 0);
        return at == lines.Count ? root : throw Refused(lines[at]);
    }

    private static void ReadTable(SettingsTable table, List<Line> lines, ref int at, int indent)
    {
        while (at < lines.Count && lines[at] is { IsItem: false } line && line.Indent == indent)
        {
            var (key, text) = KeyOf(line);
            at++;
            if (text.Length > 0)
                table.Add(key, new Setting(Value(text, line), line.Place));
            else if (at < lines.Count && lines[at].IsItem && lines[at].Indent >= indent)
                table.Add(key, new Setting(ReadList(lines, ref at), line.Place));
            else if (at < lines.Count && lines[at].Indent > indent)
            {
                if (table.Entries.ContainsKey(key))
                    table.Add(key, new Setting("", line.Place)); // says that it is there twice
                ReadTable(table.Open(key, line.Place), lines, ref at, lines[at].Indent);
            }
            else
                table.Add(key, new Setting(new UnusedKind("nothing"), line.Place));
        }
        if (at < lines.Count && lines[at].Indent > indent)
            throw Refused(lines[at]);
    }

    private static List<Setting> ReadList(List<Line> lines, ref int at)
    {
        var list = new List<Setting>();
        int indent = lines[at].Indent;
        while (at < lines.Count && lines[at] is { IsItem: true } line && line.Indent == indent)
        {
            list.Add(new Setting(Value(line.Text[1..].Trim(), line), line.Place));
            at++;
        }
        return list;
    }

    private static (string Key, string Text) KeyOf(Line line)
    {
        int colon = line.Text.IndexOf(": ", StringComparison.Ordinal);
        if (colon < 0 && line.Text.EndsWith(':'))
            colon = line.Text.Length - 1;
        string key = colon > 0 ? line.Text[..colon].Trim().Trim('"', '\'') : "";
        return key.Length > 0 && !"&*!|>{[?@`%".Contains(key[0]) ? (key, line.Text[(colon + 1)..].Trim()) : throw Refused(line);
    }

    private static object Value(string text, Line line)
    {
        if (text.Length > 0 && text[0] is '[')
            return text[^1] is not ']' ? throw Refused(line)
                : text[1..^1].Split(',').Select(item => item.Trim()).Where(item => item.Length > 0)
                    .Select(item => new Setting(Scalar(item, line), line.Place)).ToList();
        return Scalar(text, line);
    }

    private static object Scalar(string text, Line line)
    {
        if (text.Length >= 2 && text[0] is '"' or '\'' && text[^1] == text[0])
            return text[1..^1];
        if (text.Length == 0 || "&*!|>{}[]?@`%\"'".Contains(text[0]) || text == "-"
            || text.StartsWith("- ", StringComparison.Ordinal))
            throw Refused(line);
        return text switch
        {
            "true" or "True" or "TRUE" => true,
            "false" or "False" or "FALSE" => false,
            "null" or "Null" or "NULL" or "~" => new UnusedKind("null"),
            _ when long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long whole) => whole,
            _ when double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double number) => number,
            _ => text,
        };
    }

    private static MezzotintException Refused(Line line) => new(
        $"{line.Place}: {Printable.Quote(line.Text)} is not understood: tables, lists and plain values are read of YAML.");

    /// <summary>A line without its indentation and comment.</summary>
    private readonly record struct Line(int Indent, string Text, Place Place)
    {
        public bool IsItem => Text == "-" || Text.StartsWith("- ", StringComparison.Ordinal);

        public static Line Of(string text, Place place)
        {
            string plain = text.TrimEnd('\r');
            if (plain.TrimEnd() is "---" or "...")
                return new(0, "", place);
            int comment = plain.StartsWith('#') ? 0 : plain.IndexOf(" #", StringComparison.Ordinal);
            plain = (comment >= 0 ? plain[..comment] : plain).TrimEnd();
            int indent = plain.Length - plain.TrimStart(' ').Length;
            return plain.AsSpan(indent).StartsWith("\t")
                ? throw new MezzotintException($"{place}: it begins with a tab, which YAML does not allow.")
                : new(indent, plain[indent..], place);
        }
    }
}
