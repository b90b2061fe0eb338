using System.Text;

namespace Mezzotint.Formats;

/// <summary>Comma-separated values: fields with commas, quotes or line breaks stand in double quotes, and a quote within is
/// doubled. Source: RFC 4180.</summary>
internal static class CsvFile
{
    private const int MostCharacters = 1 << 20; // of a record

    /// <summary>The records of a text, one by one, with the line each begins at, from 1 on, without empty lines.</summary>
    /// <exception cref="InvalidDataException">A quote is not closed, stands within a field, or a record is too long; the message
    /// names the line and is the end of a sentence.</exception>
    public static IEnumerable<(int Line, IReadOnlyList<string> Fields)> Read(TextReader text)
    {
        var fields = new List<string>();
        var field = new StringBuilder();
        int line = 1, length = 0;
        bool quoted = false;
        for (int begun = 1, next = text.Read(); ; next = text.Read())
        {
            if (next == '\r' && text.Peek() == '\n')
                continue;
            if (next is '\n' or '\r' or < 0)
            {
                if (fields.Count > 0 || field.Length > 0 || quoted)
                {
                    fields.Add(field.ToString());
                    yield return (begun, fields);
                }
                if (next < 0)
                    yield break;
                (fields, quoted, begun, length) = ([], false, ++line, 0);
                field.Clear();
            }
            else if (next == '"' && field.Length == 0 && !quoted)
            {
                quoted = true;
                ReadQuoted(text, field, ref line, begun);
            }
            else if (next == ',')
            {
                fields.Add(field.ToString());
                field.Clear();
                quoted = false;
            }
            else if (quoted || next == '"')
                throw new InvalidDataException($"line {line} has text beside a field in quotes, or a quote within a field");
            else
                field.Append((char)next);
            if (++length > MostCharacters)
                throw new InvalidDataException($"line {begun} has more than {MostCharacters} characters");
        }
    }

    private static void ReadQuoted(TextReader text, StringBuilder field, ref int line, int begun)
    {
        for (int next = text.Read(); ; next = text.Read())
        {
            if (next < 0 || field.Length > MostCharacters)
                throw new InvalidDataException($"line {begun} begins a field in quotes that does not end");
            if (next == '\n')
                line++;
            if (next != '"')
                field.Append((char)next);
            else if (text.Peek() != '"')
                return;
            else
                field.Append((char)text.Read());
        }
    }
}
