using System.Text.Json;
using System.Text.Json.Serialization;
using Mezzotint.Formats;

namespace Mezzotint.Evaluation.Reports;

/// <summary>A report for programs: <c>report.json</c> beside the page, with the same figures and the names of its
/// pictures.</summary>
/// <param name="Title">What was evaluated, such as the name of the model.</param>
/// <param name="ModelSha256">The fingerprint of the model that drew the images; null where images were given.</param>
/// <param name="Facts">How the images were made, against what they were measured, which command repeats it.</param>
/// <param name="Figures">The figures, in the order of the page.</param>
/// <param name="Pictures">The pictures, in the order of the page.</param>
public sealed record ReportDocument(
    string Title, string? ModelSha256, IReadOnlyList<ReportFact> Facts, IReadOnlyList<ReportFigure> Figures,
    IReadOnlyList<ReportPicture> Pictures)
{
    /// <summary>Its file in the folder of a report.</summary>
    public const string FileName = "report.json";

    private const int MostBytes = 1 << 20;

    /// <summary>Reads the document of a report.</summary>
    /// <param name="folder">The report's folder.</param>
    /// <exception cref="MezzotintException">There is none, or it is damaged.</exception>
    public static ReportDocument Read(string folder)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        string path = Path.Combine(folder, FileName);
        byte[] bytes = SmallFile.Read(path, MostBytes);
        try
        {
            if (JsonSerializer.Deserialize(bytes, ReportJson.Default.ReportDocument) is { Facts: not null, Figures: not null,
                Pictures: not null, Title: not null } document)
                return document;
        }
        catch (JsonException)
        {
            // answered below
        }
        throw new MezzotintException($"'{path}' is no report that `mezzotint evaluate --report` wrote: make it anew.");
    }

    /// <summary>Writes it.</summary>
    internal void Write(string folder) => AtomicFile.WriteText(
        Path.Combine(folder, FileName), JsonSerializer.Serialize(this, ReportJson.Default.ReportDocument) + "\n");
}

/// <summary>A fact of a report.</summary>
/// <param name="Name">What it is, as "measured against".</param>
/// <param name="Text">What is known.</param>
public sealed record ReportFact(string Name, string Text);

/// <summary>A figure of a report, for programs and as it is written for people.</summary>
/// <param name="Key">As <see cref="Figure.Key"/>.</param>
/// <param name="Group">Its heading.</param>
/// <param name="Name">Its name for people.</param>
/// <param name="Value">Its value; null where there is none.</param>
/// <param name="Real">What real images get; null where they have no such figure.</param>
/// <param name="Ratio">How many times that the value is, with an interval of 95 %; null where that says nothing.</param>
/// <param name="Written">The value, for people; empty where there is none.</param>
/// <param name="WrittenError">Its standard error, likewise.</param>
/// <param name="WrittenReal">What real images get, likewise.</param>
/// <param name="Better">higher, lower, or as real.</param>
/// <param name="Note">What must be known to read it, or why there is no value; null for nothing.</param>
public sealed record ReportFigure(
    string Key, string Group, string Name, double? Value, double? Real, RatioInterval? Ratio, string Written,
    string WrittenError, string WrittenReal, string Better, string? Note)
{
    internal static ReportFigure Of(Figure figure)
    {
        string In(double? value) => value is { } number ? figure.Written(number) : "";
        return new(
            figure.Key, figure.Group, figure.Name, figure.Value, figure.Real, figure.Ratio, In(figure.Value),
            In(figure.StandardError), In(figure.Real), EvaluationReport.Words(figure.Better), figure.Missing ?? figure.Note);
    }
}

/// <summary>A picture of a report.</summary>
/// <param name="File">Its name in the report's folder.</param>
/// <param name="Title">Its heading.</param>
/// <param name="Text">What is seen.</param>
/// <param name="Caption">What is seen place by place; null for nothing.</param>
public sealed record ReportPicture(string File, string Title, string Text, string? Caption);

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, WriteIndented = true,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(ReportDocument))]
internal sealed partial class ReportJson : JsonSerializerContext;
