using System.Globalization;
using System.Text.RegularExpressions;
using Mezzotint.Evaluation.Reports;

namespace Mezzotint.Tests.Evaluation;

public partial class EvaluationReportTests
{
    [Fact]
    public void All_text_has_a_contrast_of_4_5_to_1_on_the_paper()
    {
        double paper = Luminance(Background().Match(EvaluationReport.Style).Groups[1].Value);
        var texts = Text().Matches(EvaluationReport.Style).Select(match => match.Groups[1].Value).Distinct().ToList();
        Assert.True(texts.Count >= 3, "The style's colours were not found.");
        Assert.All(texts, text => Assert.True((paper + 0.05) / (Luminance(text) + 0.05) >= 4.5, $"#{text}"));
    }

    /// <summary>Relative luminance of sRGB, as WCAG 2 defines it.</summary>
    private static double Luminance(string hex)
    {
        double Linear(int at)
        {
            double value = int.Parse(hex.AsSpan(at, 2), NumberStyles.HexNumber, CultureInfo.InvariantCulture) / 255.0;
            return value <= 0.04045 ? value / 12.92 : Math.Pow((value + 0.055) / 1.055, 2.4);
        }
        return 0.2126 * Linear(0) + 0.7152 * Linear(2) + 0.0722 * Linear(4);
    }

    [GeneratedRegex("background: #([0-9a-f]{6})")]
    private static partial Regex Background();

    [GeneratedRegex("(?<![-a-z])color: #([0-9a-f]{6})")]
    private static partial Regex Text();
}
