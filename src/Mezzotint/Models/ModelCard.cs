using System.Globalization;
using System.Text;
using Mezzotint.Formats;
using Mezzotint.Models.Diffusers;
using Mezzotint.Networks;
using Mezzotint.Noise;

namespace Mezzotint.Models;

/// <summary>The model card: what a reader must know before using a model, in Markdown.</summary>
/// <remarks>After Mitchell et al. 2019, "Model Cards for Model Reporting", arXiv 1810.03993. It says what is known and that the
/// rest is not.</remarks>
internal static class ModelCard
{
    private const string Unknown = "not recorded";

    /// <summary>Writes the card.</summary>
    /// <param name="info">The description.</param>
    /// <param name="precision">Of the weights in the file.</param>
    /// <param name="hash">The SHA-256 of the weights' file.</param>
    public static string Write(ModelInfo info, ElementType precision, string hash)
    {
        var text = new StringBuilder();
        void Line(string line = "") => text.Append(line).Append('\n');
        string classes = string.Join(", ", info.ClassNames.Take(20).Select(Escape)) + (info.ClassNames.Count > 20 ? ", ..." : "");
        bool inWords = !info.Model.HasClasses, inParts = DiffusersFolder.Takes(info);
        string colours = info.Channels switch { 1 => "grey", 3 => "colour", var n => $"{n}-channel" };

        Line($"# {Escape(info.Name)}");
        Line();
        Line(Invariant(
            $"A diffusion model for {colours} images of {info.Width} x {info.Height} pixels ")
            + (inWords ? "asked for in words." : Invariant($"in {info.ClassNames.Count} classes: {classes}.")));
        Line(Invariant(
            $"It draws by removing noise step by step: a U-Net of {info.Model.ParameterCount:N0} parameters, trained to reverse ")
            + Invariant($"a"));
        Line($"{ProcessName(info.Process)}. Mezzotint runs it.");
        Line();
        Line("## Use");
        Line();
        Line("With FOLDER the folder of this file:");
        Line();
        Line("```");
        Line(inWords ? "mezzotint sample FOLDER \"PROMPT\""
            : Invariant($"mezzotint sample FOLDER --label {Math.Min(7, info.ClassNames.Count - 1)}"));
        Line("mezzotint inspect FOLDER");
        Line("```");
        Line();
        if (info.Examples is { } examples)
        {
            Line("## Prompts to try");
            Line();
            Line($"Learned: {Quoted(examples.Learned)}.");
            Line();
            Line($"Never seen: {Quoted(examples.Unseen)}.");
            Line();
        }
        Line("## Training");
        Line();
        Line("| | |");
        Line("| --- | --- |");
        Line($"| images | {Images(info.Dataset)} |");
        if (info.Background is { } background)
            Line($"| behind transparent parts of the images | {Escape(background)} |");
        Line($"| steps of the optimiser | {(info.Steps > 0 ? Invariant($"{info.Steps:N0}") : Unknown)} |");
        Line($"| passes over the images | {Number(info.Epochs)} |");
        Line($"| time | {(info.TrainingSeconds > 0 ? Invariant($"{info.TrainingSeconds / 60:N1} minutes") : Unknown)} |");
        Line($"| seed | {(info.Seed is { } seed ? Invariant($"{seed}") : Unknown)} |");
        Line();
        Line("## Figures");
        Line();
        Line("| figure | value | command |");
        Line("| --- | --- | --- |");
        Line(
            $"| loss, training images (mean over the last pass) | {Number(info.TrainLoss)} | `mezzotint train`, with the "
            + $"configuration and the seed of the training |");
        Line($"| loss, test images | {Number(info.EvalLoss)} | `mezzotint evaluate FOLDER --loss` |");
        Line();
        Line(
            "The loss is that of the training, a weighted squared error summed over the pixels, at random times: it varies from "
            + "evaluation to evaluation,");
        Line("and a lower one does not by itself mean better images. Nothing else is claimed here.");
        Line();
        Line("## Files");
        Line();
        if (inParts)
        {
            Line("- `unet/`, `vae/`, `text_encoder/`, `tokenizer/`, `scheduler/`, `model_index.json`: the parts, as the Python "
                + $"library diffusers reads them; weights {PrecisionName(precision)}.");
            Line($"- `{DiffusersFolder.DescriptionFile}`: the facts above, and what Mezzotint knows beside. Fingerprint of all "
                + $"weights: `{hash}`.");
        }
        else
        {
            Line($"- `{ModelFolder.DescriptionFile}`: the shape of the network, the process, the classes, and the facts above.");
            Line($"- `{ModelFolder.WeightsFile}`: the weights, {PrecisionName(precision)}; SHA-256 `{hash}`.");
            if (info.Sampling.Classifier is { } guide)
                Line($"- `{guide.Folder}/`: the classifier that guides; SHA-256 of its weights `{guide.Sha256}`.");
        }
        Line();
        Line("## Provenance and licence");
        Line();
        Line(
            info.Provenance is { } provenance
                ? Escape(provenance) : $"The maker of this model and its licence are {Unknown} here.");
        Line();
        Line("## Limits");
        Line();
        Line(inWords
            ? "- It draws what its training captions name, at its size, and knows the words of these alone."
            : "- It draws its classes at its size and nothing else, and takes no text.");
        Line(
            "- Some images come out malformed, or look like another class; the model cannot tell which. Look at them, or "
            + "classify them, before they are used as data.");
        Line("- It repeats whatever is uneven in the images that it learned from, and may come close to single ones among them.");
        return text.ToString();
    }

    private static string Images(string? dataset) => dataset switch
    {
        null => Unknown,
        "mnist" => "MNIST, handwritten digits (Y. LeCun, C. Cortes, C. Burges)",
        "strokes" => "`strokes`, digits drawn by the program itself from a seed",
        _ => $"a folder or file of images, {Escape(Path.GetFileName(Path.TrimEndingDirectorySeparator(dataset)))}",
    };

    private static string Quoted(IEnumerable<string> prompts) =>
        string.Join("; ", prompts.Select(prompt => $"\"{Escape(prompt)}\""));

    private static string ProcessName(NoiseProcess process) => process switch
    {
        VarianceExploding ve => Invariant($"variance-exploding process (sigma = {ve.Sigma})"),
        VariancePreserving => "variance-preserving process",
        SubVariancePreserving => "sub-variance-preserving process",
        Edm edm => Invariant($"variance-exploding process whose noise goes up to {edm.MaximumSigma}"),
        FlowMatching => "straight path from image to noise (flow matching)",
        _ => "process of its own",
    };

    private static string PrecisionName(ElementType precision) => precision switch
    {
        ElementType.BFloat16 => "in bfloat16, what is not trained in float32",
        ElementType.Float16 => "in float16, what is not trained in float32",
        _ => "in float32",
    };

    private static string Number(double? number) => number is { } value ? Invariant($"{value:0.####}") : Unknown;

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

    // Text from outside stays text: no Markdown, no HTML.
    private static string Escape(string text)
    {
        var escaped = new StringBuilder();
        foreach (char c in Printable.Line(text, int.MaxValue))
        {
            if (c is '\\' or '`' or '*' or '_' or '[' or ']' or '<' or '>' or '|' or '#' or '&')
                escaped.Append('\\');
            escaped.Append(c);
        }
        return escaped.ToString();
    }
}
