namespace Mezzotint.Data;

/// <summary>What a row of metadata says of a picture.</summary>
/// <param name="Line">Its line in the file, from 1 on.</param>
/// <param name="Columns">The values of each column: one for a text or a number, those of a list, or none.</param>
internal sealed record MetadataRow(int Line, IReadOnlyDictionary<string, IReadOnlyList<string>> Columns)
{
    /// <summary>The column that names the picture.</summary>
    public const string FileName = "file_name";

    /// <summary>The values of a column; none where the row does not have it.</summary>
    public IReadOnlyList<string> Values(string column) => Columns.GetValueOrDefault(column) ?? [];

    /// <summary>The single value of a column; null where there is none.</summary>
    public string? Value(string column) => Values(column) is [{ Length: > 0 } value] ? value : null;
}
