using System.Globalization;
using System.Text;

namespace Mezzotint.Models;

/// <summary>The card of a classifier: what a reader must know before trusting its figures, in Markdown.</summary>
internal static class ClassifierCard
{
    /// <summary>Writes the card.</summary>
    /// <param name="info">The description.</param>
    /// <param name="parameters">How many weights there are.</param>
    /// <param name="hash">The SHA-256 of the weights' file.</param>
    public static string Write(ClassifierInfo info, long parameters, string hash)
    {
        var text = new StringBuilder();
        void Line(string line = "") => text.Append(line).Append('\n');
        string classes = string.Join(", ", info.ClassNames.Take(20).Select(Plain)) + (info.ClassNames.Count > 20 ? ", ..." : "");

        Line($"# {Plain(info.Name)}");
        Line();
        Line(Invariant(
            $"A classifier of images of {info.Network.Width} x {info.Network.Height} pixels in {info.Network.Classes} classes: ")
            + Invariant($"{classes}."));
        Line(Invariant(
            $"Architecture `{info.Network.Architecture}`, {parameters:N0} parameters. `mezzotint evaluate` asks it what ")
            + Invariant($"generated images show, and measures distances in"));
        Line("its embedding. It draws nothing, and no model is trained on what it says.");
        if (info.Noise)
            Line("It knows images with noise on them, of any level: `mezzotint sample --guidance-classifier` can ask it.");
        Line();
        Line("| | |");
        Line("| --- | --- |");
        Line(Invariant($"| accuracy on the test images | {100 * info.TestAccuracy:0.00} % |"));
        Line($"| images | {Plain(info.Dataset)} |");
        Line(Invariant($"| passes over them | {info.Epochs} |"));
        Line(Invariant($"| time | {info.Seconds / 60:0.0} minutes |"));
        Line(Invariant($"| seed | {info.Seed} |"));
        Line($"| weights | `{ModelFolder.WeightsFile}`, in float16; SHA-256 `{hash}` |");
        Line(Invariant(
            $"| made by | `mezzotint train-classifier --architecture {info.Network.Architecture} --epochs {info.Epochs} ")
            + Invariant($"--bending {info.Bending}{(info.Noise ? " --noise" : "")} --seed {info.Seed} --out FOLDER` |"));
        Line();
        Line("The accuracy is that of the weights in the file, after the last pass; no pass was chosen by it.");
        Line();
        Line(Plain(info.Provenance));
        Line();
        Line(
            "Limits: it takes every image for one of its classes, and may be sure of one that no person can read. It saw no "
            + "generated images.");
        return text.ToString();
    }

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

    // Text from outside stays text: no Markdown, no HTML.
    private static string Plain(string text) =>
        string.Concat(
            Printable.Line(text, int.MaxValue).Select(c =>
                c is '\\' or '`' or '*' or '_' or '[' or ']' or '<' or '>' or '|' or '#' or '&' ? $"\\{c}" : $"{c}"));
}
