using System.Globalization;
using System.Text;
using Mezzotint.Cli.Choices;
using Mezzotint.Evaluation;

namespace Mezzotint.Cli.Output;

/// <summary>An evaluation as a table for people.</summary>
internal static class EvaluationText
{
    public static string Write(ImageEvaluation evaluation, string target, string? drawn)
    {
        var reference = evaluation.Reference;
        var text = new StringBuilder();
        void Line(string line = "") => text.Append(line.TrimEnd()).Append('\n');
        Line(
            $"{target}: {Quantity.Of(evaluation.Images.Images.Count, "image")}{(drawn is null ? "" : $" ({drawn})")}, measured "
            + $"against {reference.Test.Name} ({Quantity.Of(reference.Test.Count, "image")}) in "
            + $"{Quantity.Of(TimeSpan.FromSeconds(evaluation.Seconds))}");
        foreach (var classifier in evaluation.Classifiers)
            Line(Invariant(
                $"{classifier.Architecture} classifier: right on {100 * classifier.TestAccuracy:0.00} % of the test images; ")
                + Invariant($"SHA-256 {classifier.Hash}"));
        Line();
        foreach (string line in FigureTable.Lines(evaluation.Figures))
            Line(line);
        if (evaluation.Labels.Count > 0)
        {
            Line();
            string names = string.Concat(evaluation.Classifiers.Select(classifier =>
                $"{classifier.Architecture,12}{"(real)",9}"));
            Line($"{"label",-10}{"images",8}{names}{"diversity",12}{"(real)",9}");
            foreach (var label in evaluation.Labels)
                Line(
                    Invariant($"{label.Name,-10}{label.Count,8:N0}")
                        + string.Concat(label.Accuracy.Zip(
                            label.RealAccuracy, (mine, real) => Invariant($"{100 * mine,10:0.0} %{100 * real,7:0.0} %")))
                    + Invariant($"{label.Diversity,12:0.0}{label.RealDiversity,9:0.0}"));
        }
        Line();
        foreach (string note in FigureTable.Notes(evaluation.Figures))
            Line(note);
        Line(
            $"real: the same figure of {Quantity.Of(reference.Floor.Count, "training image")}, left out of what they are "
            + $"measured against; of accuracy and class balance, that of the test images");
        return text.ToString().TrimEnd('\n');
    }

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
