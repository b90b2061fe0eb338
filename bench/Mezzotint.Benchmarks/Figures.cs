using System.Diagnostics;
using System.Globalization;
using System.Text;

namespace Mezzotint.Benchmarks;

/// <summary>One figure: the median of some, with the lowest and the highest.</summary>
internal sealed record Figure(string Title, string Unit, double Median, double Lowest, double Highest, string Note = "")
{
    public static Figure Of(string title, string unit, IReadOnlyList<double> values, string note = "")
    {
        double[] sorted = [.. values.Order()];
        return new(title, unit, Round(sorted[sorted.Length / 2]), Round(sorted[0]), Round(sorted[^1]), note);
    }

    /// <summary>Milliseconds that some work takes: the median of <paramref name="times"/>, after one that does not
    /// count.</summary>
    public static Figure Milliseconds(string title, int times, Action work, string note = "")
    {
        work();
        var values = new List<double>();
        for (int i = 0; i < times; i++)
        {
            var clock = Stopwatch.StartNew();
            work();
            values.Add(clock.Elapsed.TotalMilliseconds);
        }
        return Of(title, "ms", values, note);
    }

    /// <summary>Four digits.</summary>
    private static double Round(double value) =>
        value == 0 ? 0 : double.Parse(value.ToString("G4", CultureInfo.InvariantCulture), CultureInfo.InvariantCulture);
}

/// <summary>What one of the smaller measurements found.</summary>
internal sealed record FiguresResult(
    DateTime Date, Machine Machine, string Name, string Title, string Explanation, string Command, double? CoresTakenByOthers,
    IReadOnlyList<Figure> Figures)
{
    /// <summary>Measures, and describes the machine.</summary>
    public static FiguresResult Of(
        string name, string title, string explanation, string command, Func<Action<Figure>, double?> measure, Action<string> tell)
    {
        var figures = new List<Figure>();
        double? others = measure(figure =>
        {
            figures.Add(figure);
            tell(string.Create(
                CultureInfo.InvariantCulture,
                $"{figure.Title,-58} {figure.Median,10} {figure.Unit} ({figure.Lowest} - {figure.Highest}) {figure.Note}"));
        });
        return new FiguresResult(DateTime.UtcNow, Machine.Describe(), name, title, explanation, command, others, figures);
    }

    public string Table()
    {
        var table = new StringBuilder("| what | median | lowest - highest | |\n| --- | ---: | ---: | --- |\n");
        foreach (var figure in Figures)
            table.Append(
                CultureInfo.InvariantCulture,
                $"| {figure.Title} | {figure.Median} {figure.Unit} | {figure.Lowest} - {figure.Highest} | {figure.Note} |\n");
        return table.ToString();
    }
}
