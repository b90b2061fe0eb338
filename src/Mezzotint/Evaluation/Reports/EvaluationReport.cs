using System.Globalization;
using System.Net;
using System.Text;
using Mezzotint.Formats;

namespace Mezzotint.Evaluation.Reports;

/// <summary>What was evaluated, in words, for the head of a report.</summary>
/// <param name="Title">Such as the name of the model.</param>
/// <param name="Facts">Pairs of a name and a text: how the images were made, against what they were measured, which command
/// repeats it.</param>
public sealed record ReportHead(string Title, IReadOnlyList<(string Name, string Text)> Facts)
{
    /// <summary>The fingerprint of the model that drew the images; null where images were given.</summary>
    public string? ModelSha256 { get; init; }
}

/// <summary>
/// An evaluation as a folder: <c>index.html</c>, which needs no other file and no network, its pictures as PNG files, and the
/// figures for programs in <c>report.json</c> (<see cref="ReportDocument"/>). It writes what was measured and nothing else.
/// </summary>
public static class EvaluationReport
{
    private const int Scale = 2;

    /// <summary>Copper as lines is #b0602a; as text it is darker, for a contrast of 4.5 : 1 and more on the paper.</summary>
    internal const string Style = """
        :root { color-scheme: light; }
        * { box-sizing: border-box; }
        body { margin: 0; background: #f6f1e7; color: #1b1714; font: 16px/1.5 Georgia, "Times New Roman", serif; }
        main { max-width: 62rem; margin: 0 auto; padding: 3rem 1.5rem 5rem; }
        h1 { font-size: 2.1rem; font-weight: normal; margin: 0 0 1.5rem; border-bottom: 3px solid #b0602a; padding-bottom: .5rem;
          overflow-wrap: anywhere; }
        h2 { font-size: 1.3rem; font-weight: normal; margin: 3rem 0 .5rem; }
        p { max-width: 44rem; }
        .scroll { overflow-x: auto; }
        table { border-collapse: collapse; width: 100%; font-size: .95rem; }
        th, td { text-align: left; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid #ded5c4; vertical-align: top; }
        th { font-weight: normal; color: #6e6355; }
        td:last-child { white-space: nowrap; }
        td.n, th.n { text-align: right; font-variant-numeric: tabular-nums lining-nums; white-space: nowrap; }
        tr.group td { padding-top: 1.1rem; color: #8f4a1d; border-bottom-color: #b0602a; }
        dl { display: grid; grid-template-columns: max-content 1fr; gap: .15rem 1.2rem; font-size: .95rem; margin: 0; }
        dt { color: #6e6355; } dd { margin: 0; overflow-wrap: anywhere; }
        .print { max-width: 100%; height: auto; display: block; image-rendering: pixelated; }
        .real { color: #8f4a1d; }
        """;

    /// <summary>Writes a report, in place of the one that may be there.</summary>
    /// <param name="folder">The folder; it is made where it is not there.</param>
    /// <param name="evaluation">What was found.</param>
    /// <param name="head">What was evaluated.</param>
    /// <returns>The files, the page first.</returns>
    /// <exception cref="MezzotintException">The folder cannot be written.</exception>
    public static IReadOnlyList<string> Write(string folder, ImageEvaluation evaluation, ReportHead head)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        ArgumentNullException.ThrowIfNull(evaluation);
        ArgumentNullException.ThrowIfNull(head);
        try
        {
            Directory.CreateDirectory(folder);
        }
        catch (Exception cause) when (cause is IOException or UnauthorizedAccessException)
        {
            throw new MezzotintException($"Cannot make the folder '{folder}': {cause.Message}", cause);
        }
        string page = Path.Combine(folder, "index.html");
        var pictures =
            Pictures(evaluation).Select(picture => picture with { Path = Path.Combine(folder, picture.Path) }).ToList();
        foreach (var picture in pictures)
            PngFile.Write(picture.Path, picture.Image, Scale);
        AtomicFile.WriteText(page, Page(evaluation, head, pictures));
        new ReportDocument(
            head.Title, head.ModelSha256,
            [.. head.Facts.Concat(ClassifierFacts(evaluation)).Select(fact => new ReportFact(fact.Item1, fact.Item2))],
            [.. evaluation.Figures.Select(ReportFigure.Of)],
            [.. pictures.Select(picture => new ReportPicture(
                Path.GetFileName(picture.Path), picture.Title, picture.Text, picture.Caption))]).Write(folder);
        return [page, .. pictures.Select(picture => picture.Path), Path.Combine(folder, ReportDocument.FileName)];
    }

    private sealed record Picture(string Path, string Title, string Text, ImageBatch Image)
    {
        public string? Caption { get; init; }
    }

    private static IEnumerable<Picture> Pictures(ImageEvaluation evaluation)
    {
        bool labelled = evaluation.Images.Labelled;
        yield return new(
            "samples.png", "What was measured", labelled ? "The first of each label, a row a label." : "The first of them.",
            EvaluationPictures.Samples(evaluation));
        yield return new(
            "real.png", "Real images", "Training images, a row a label: what each figure calls real is measured of such.",
            EvaluationPictures.Real(evaluation));
        if (EvaluationPictures.Worst(evaluation) is { } worst)
            yield return new("worst.png", labelled ? "Taken for another label" : "The least certain", labelled
                ? "What at least one classifier takes for another label, the least convincing first. Some of these are readable, "
                    + "and the classifier errs."
                : "What the classifiers are least sure of, the least first.",
                worst) { Caption = labelled ? Seen(evaluation) : null };
        yield return new("neighbours.png", "Nearest training images",
            "Pairs: an image in ink, and in copper the training image nearest to it, pixel by pixel. First those that are "
            + "nearest for their class; a copy would be one twice.",
            EvaluationPictures.Neighbours(evaluation));
    }

    /// <summary>What the worst were to show, and what they are taken for.</summary>
    private static string Seen(ImageEvaluation evaluation)
    {
        var set = evaluation.Images.Images;
        var pairs = evaluation.Worst.Select(i => $"{set.ClassNames[set.Labels[i]]} ({set.ClassNames[evaluation.Seen[i]]})");
        return $"In the same order, what was asked, and in brackets what the {evaluation.Classifiers[0].Architecture} classifier "
            + $"sees: {string.Join(", ", pairs)}.";
    }

    private static string Page(ImageEvaluation evaluation, ReportHead head, List<Picture> pictures)
    {
        var html = new StringBuilder();
        void Line(string line) => html.Append(line).Append('\n');
        Line("<!doctype html>");
        Line(
            $"<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width, "
            + $"initial-scale=1\"><title>{Text(head.Title)}</title>");
        Line($"<style>\n{Style}\n</style></head><body><main>");
        Line($"<h1>{Text(head.Title)}</h1>");
        Line("<dl>");
        foreach (var (name, text) in head.Facts.Concat(ClassifierFacts(evaluation)))
            Line($"<dt>{Text(name)}</dt><dd>{Text(text)}</dd>");
        Line("</dl>");
        Line("<h2>Figures</h2>");
        Line(
            $"<p>Beside each figure stands what {evaluation.Reference.Floor.Count:N0} real images get by the same computation; "
            + $"of accuracy and class balance, what the test images get, which no figure of a classifier can pass by more than "
            + $"chance.</p>");
        AppendFigures(Line, evaluation);
        if (evaluation.Labels.Count > 0)
            AppendLabels(Line, evaluation);
        foreach (var picture in pictures)
        {
            Line($"<h2>{Text(picture.Title)}</h2>\n<p>{Text(picture.Text)}</p>");
            Line(
                $"<img class=\"print\" alt=\"{Text(picture.Title)}\" width=\"{picture.Image.Width * Scale}\" "
                + $"height=\"{picture.Image.Height * Scale}\" "
                + $"src=\"data:image/png;base64,{Convert.ToBase64String(File.ReadAllBytes(picture.Path))}\">");
            if (picture.Caption is { } caption)
                Line($"<p><small>{Text(caption)}</small></p>");
        }
        Line("</main></body></html>");
        return html.ToString();
    }

    private static void AppendFigures(Action<string> line, ImageEvaluation evaluation)
    {
        line(
            "<div class=\"scroll\"><table><tr><th>figure</th><th class=\"n\">value</th><th class=\"n\">&plusmn;</th><th "
            + "class=\"n real\">real</th><th class=\"n\">x real (95 %)</th><th>better</th></tr>");
        foreach (var group in evaluation.Figures.GroupBy(figure => figure.Group))
        {
            line($"<tr class=\"group\"><td colspan=\"6\">{Text(group.Key)}</td></tr>");
            foreach (var figure in group)
            {
                string value = figure.Value is { } number ? figure.Written(number) : "";
                string missing = figure.Missing is { } why ? $"<br><small>left out: {Text(why)}</small>" : "";
                string noted = figure.Note is { } note ? $"<br><small>{Text(note)}</small>" : "";
                string error = figure.StandardError is { } deviation ? figure.Written(deviation) : "";
                string real = figure.Real is { } other ? figure.Written(other) : "";
                string ratio = figure.Ratio?.ToString() ?? "";
                line($"<tr><td>{Text(figure.Name)}{missing}{noted}</td><td class=\"n\">{value}</td><td class=\"n\">{error}</td>"
                    + $"<td class=\"n real\">{real}</td><td class=\"n\">{ratio}</td><td>{Words(figure.Better)}</td></tr>");
            }
        }
        line("</table></div>");
    }

    private static void AppendLabels(Action<string> line, ImageEvaluation evaluation)
    {
        string names = string.Concat(evaluation.Classifiers.Select(classifier =>
            $"<th class=\"n\">{Text(classifier.Architecture)}</th><th class=\"n real\">real</th>"));
        line("<h2>Label by label</h2>");
        line(
            "<p>The share that each classifier takes for its label, and how many images differ in effect (the Vendi score).</p>");
        line(
            $"<div class=\"scroll\"><table><tr><th>label</th><th class=\"n\">images</th>{names}<th class=\"n\">diversity</th><th "
            + $"class=\"n real\">real</th></tr>");
        foreach (var label in evaluation.Labels)
            line(Invariant($"<tr><td>{Text(label.Name)}</td><td class=\"n\">{label.Count:N0}</td>")
                + string.Concat(label.Accuracy.Zip(
                    label.RealAccuracy,
                    (mine, real) =>
                        Invariant($"<td class=\"n\">{100 * mine:0.0} %</td><td class=\"n real\">{100 * real:0.0} %</td>")))
                + Invariant(
                    $"<td class=\"n\">{label.Diversity:0.0}</td><td class=\"n real\">{label.RealDiversity:0.0}</td></tr>"));
        line("</table></div>");
    }

    private static IEnumerable<(string, string)> ClassifierFacts(ImageEvaluation evaluation) =>
        evaluation.Classifiers.Select(classifier =>
        (
            $"{classifier.Architecture} classifier",
            Invariant($"{classifier.Name}: right on {100 * classifier.TestAccuracy:0.00} % of ")
                + Invariant($"{evaluation.Reference.Test.Count:N0} test images; SHA-256 {classifier.Hash}")));

    /// <summary>Which way a figure is to go, in words.</summary>
    internal static string Words(Better better) =>
        better switch { Better.Higher => "higher", Better.Lower => "lower", _ => "as real" };

    private static string Text(string text) => WebUtility.HtmlEncode(Printable.Line(text, int.MaxValue));

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
