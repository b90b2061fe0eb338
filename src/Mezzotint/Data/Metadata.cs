using System.Text;
using System.Text.Json;
using Mezzotint.Formats;

namespace Mezzotint.Data;

/// <summary>
/// Files that say something of each picture: <c>metadata.jsonl</c> (a JSON object a line) and <c>metadata.csv</c>, with a column
/// <c>file_name</c>, and <c>dataset.json</c> of EDM's tools, <c>{"labels": [["00000/img00000000.png", 6], ...]}</c>.
/// </summary>
/// <remarks>
/// Sources: the image-folder convention of Hugging Face's datasets; T. Karras et al., "Elucidating the Design Space of
/// Diffusion-Based Generative Models" (arXiv 2206.00364), dataset_tool.py. The path of a picture is seen from the folder of the
/// file. Rows are read one by one.
/// </remarks>
internal static class Metadata
{
    public const string Lines = "metadata.jsonl", Table = "metadata.csv", Edm = "dataset.json";

    private const int MostColumns = 1000;
    private const int LongestLine = 1 << 20; // characters

    /// <summary>The file of a folder that has the metadata; null where there is none.</summary>
    /// <param name="files">All files.</param>
    /// <param name="folder">The folder, with a slash at its end; empty for the root.</param>
    /// <exception cref="MezzotintException">There are several.</exception>
    public static string? FileIn(IReadOnlySet<string> files, string folder)
    {
        string[] found = [.. new[] { Lines, Table, Edm }.Select(name => folder + name).Where(files.Contains)];
        return found.Length < 2 ? found.FirstOrDefault() : throw new MezzotintException(
            $"{found[0]} and {found[1]} both say what the pictures are: leave one of them.");
    }

    /// <summary>The rows of a file.</summary>
    /// <param name="tree">What the file is in.</param>
    /// <param name="file">Its name there.</param>
    /// <exception cref="MezzotintException">It is not what its name says; the message names the line.</exception>
    public static IEnumerable<MetadataRow> Rows(FileTree tree, string file)
    {
        using var stream = tree.OpenStream(file);
        string path = tree.PathOf(file);
        var rows = Path.GetFileName(file) switch
        {
            Lines => LineRows(stream, path),
            Table => TableRows(stream, path),
            _ => EdmRows(stream, path),
        };
        foreach (var row in rows)
            yield return row;
    }

    private static IEnumerable<MetadataRow> LineRows(Stream stream, string path)
    {
        using var reader = new StreamReader(stream, new UTF8Encoding(false, throwOnInvalidBytes: true));
        for (int number = 1; Line(reader, path, number) is { } line; number++)
        {
            if (!string.IsNullOrWhiteSpace(line))
                yield return new MetadataRow(number, Columns(line, path, number));
        }
    }

    private static string? Line(StreamReader reader, string path, int number)
    {
        try
        {
            string? line = reader.ReadLine();
            return (line?.Length ?? 0) <= LongestLine ? line
                : throw new MezzotintException($"{path}, line {number} has more than {LongestLine} characters.");
        }
        catch (DecoderFallbackException cause)
        {
            throw new MezzotintException($"{path}, line {number} is not text in UTF-8; save it in that encoding.", cause);
        }
    }

    private static Dictionary<string, IReadOnlyList<string>> Columns(string line, string path, int number)
    {
        try
        {
            using var document = JsonDocument.Parse(line);
            if (document.RootElement.ValueKind == JsonValueKind.Object)
            {
                var columns = new Dictionary<string, IReadOnlyList<string>>(StringComparer.Ordinal);
                foreach (var property in document.RootElement.EnumerateObject().Take(MostColumns))
                    columns[property.Name] = Values(property.Value);
                return columns;
            }
            throw new MezzotintException(
                $"{path}, line {number} is no JSON object: each line is one, as {{\"file_name\": ...}}.");
        }
        catch (JsonException cause)
        {
            throw new MezzotintException($"{path}, line {number} is no JSON object ({cause.Message})", cause);
        }
    }

    private static IReadOnlyList<string> Values(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Array => [.. value.EnumerateArray().SelectMany(Values)],
        JsonValueKind.String => [value.GetString()!],
        JsonValueKind.Number or JsonValueKind.True or JsonValueKind.False => [value.GetRawText()],
        _ => [],
    };

    private static IEnumerable<MetadataRow> TableRows(Stream stream, string path)
    {
        using var reader = new StreamReader(stream, new UTF8Encoding(false, throwOnInvalidBytes: true));
        IReadOnlyList<string>? names = null;
        using var records = CsvFile.Read(reader).GetEnumerator();
        while (Next(records, path))
        {
            var (line, fields) = records.Current;
            if (names is null)
            {
                names = fields;
                if (names.Distinct().Count() != names.Count || names.Count > MostColumns)
                    throw new MezzotintException($"{path}: its first line names a column twice, or more than {MostColumns}.");
                continue;
            }
            if (fields.Count != names.Count)
                throw new MezzotintException(
                    $"{path}, line {line} has {fields.Count} fields, its first line {names.Count}: put fields with commas in "
                    + "double quotes.");
            yield return new MetadataRow(line, names.Index().ToDictionary(
                column => column.Item,
                column => (IReadOnlyList<string>)(fields[column.Index] is { Length: > 0 } text ? [text] : []),
                StringComparer.Ordinal));
        }
    }

    private static bool Next(IEnumerator<(int, IReadOnlyList<string>)> records, string path)
    {
        try
        {
            return records.MoveNext();
        }
        catch (Exception cause) when (cause is InvalidDataException or DecoderFallbackException)
        {
            string what = cause is InvalidDataException ? cause.Message : "it is not text in UTF-8; save it in that encoding";
            throw new MezzotintException($"{path}: {what}.", cause);
        }
    }

    private static IEnumerable<MetadataRow> EdmRows(Stream stream, string path)
    {
        using var document = Parse(stream, path);
        if (document.RootElement.ValueKind != JsonValueKind.Object
            || !document.RootElement.TryGetProperty("labels", out var labels)
            || labels.ValueKind is not (JsonValueKind.Array or JsonValueKind.Null))
            throw new MezzotintException(
                $"{path} is no list of labels: it is {{\"labels\": [[\"PICTURE\", NUMBER], ...]}}, or null instead of the list.");
        int number = 0;
        foreach (var entry in labels.ValueKind == JsonValueKind.Array ? labels.EnumerateArray() : default)
        {
            number++;
            if (entry.ValueKind != JsonValueKind.Array || entry.GetArrayLength() != 2
                || entry[0].ValueKind != JsonValueKind.String || !entry[1].TryGetInt32OrNone(out int label) || label < 0)
                throw new MezzotintException($"{path}: entry {number} of its labels is not [\"PICTURE\", NUMBER].");
            yield return new MetadataRow(number, new Dictionary<string, IReadOnlyList<string>>
            {
                [MetadataRow.FileName] = [entry[0].GetString()!],
                [PictureList.LabelColumn] = [FormattableString.Invariant($"{label}")],
            });
        }
    }

    private static JsonDocument Parse(Stream stream, string path)
    {
        try
        {
            return JsonDocument.Parse(stream);
        }
        catch (JsonException cause)
        {
            throw new MezzotintException($"{path} is no JSON ({cause.Message})", cause);
        }
    }

    private static bool TryGetInt32OrNone(this JsonElement element, out int number)
    {
        number = 0;
        return element.ValueKind == JsonValueKind.Number && element.TryGetInt32(out number);
    }
}
