using System.Text.Json;
using Mezzotint.Evaluation;

namespace Mezzotint.Cli.Output;

/// <summary>Figures as a table for people, and as JSON for programs.</summary>
internal static class FigureTable
{
    private const int NameWidth = 58, ValueWidth = 11, RatioWidth = 20;

    /// <summary>The lines of the table; what images get with shuffled captions has a column where there is any.</summary>
    public static IEnumerable<string> Lines(IReadOnlyList<Figure> figures)
    {
        bool shuffled = figures.Any(figure => figure.Shuffled is not null);
        bool rated = figures.Any(figure => figure.Ratio is not null);
        string Row(string name, string value, string error, string real, string chance, string ratio, string better) =>
            $"{name,-NameWidth}{value,ValueWidth}{error,ValueWidth}{real,ValueWidth}"
            + (shuffled ? $"{chance,ValueWidth}" : "")
            + (rated ? $"{ratio,RatioWidth}" : "") + $"  {better}";
        yield return Row("figure", "value", "±", "real", "shuffled", "x real (95 %)", "better");
        foreach (var group in figures.GroupBy(figure => figure.Group))
        {
            yield return group.Key;
            foreach (var figure in group)
            {
                string Written(double? value) => value is { } number ? figure.Written(number) : "";
                yield return figure.Missing is { } why ? $"  {figure.Name}: left out, {why}"
                    : Row("  " + figure.Name, Written(figure.Value), Written(figure.StandardError), Written(figure.Real),
                        Written(figure.Shuffled), figure.Ratio?.ToString() ?? "", Key(figure.Better).Replace('_', ' '));
            }
        }
    }

    /// <summary>What is to be known beside the table.</summary>
    public static IEnumerable<string> Notes(IEnumerable<Figure> figures) =>
        figures.Where(figure => figure.Note is not null).Select(figure => $"{figure.Name}: {figure.Note}");

    /// <summary>The figures by their keys.</summary>
    public static Dictionary<string, object> Values(IEnumerable<Figure> figures) => figures.ToDictionary(
        figure => figure.Key,
        figure => (object)new
        {
            figure.Value, figure.StandardError, figure.Real, figure.Shuffled, figure.Ratio, Better = Key(figure.Better),
            figure.Missing, figure.Note,
        });

    /// <summary><c>higher</c>, <c>lower</c> or <c>as_real</c>.</summary>
    private static string Key(Better better) => JsonNamingPolicy.SnakeCaseLower.ConvertName(better.ToString());
}
