using System.Globalization;
using Mezzotint.Cli.Choices;
using Mezzotint.Formats;
using Mezzotint.Models;
using Mezzotint.Plots;
using Mezzotint.Sampling;
using Mezzotint.Serving;

namespace Mezzotint.Cli.Output;

/// <summary>Images drawn by a model, for `sample` and `demo`: with progress, then as a grid in a file or on the
/// terminal.</summary>
internal sealed class Drawing(ModelInfo model, IReadOnlyList<int> labels, ImageBatch images)
{
    /// <summary>One value becomes a square of this many pixels in a grid's file: 28 x 28 is small on a screen.</summary>
    private const int GridScale = 2;

    /// <summary>Images in a row of a walk; then the next row goes on.</summary>
    private const int LongestStrip = 16;

    /// <summary>Image i is from this seed + i.</summary>
    public long Seed { get; init; }

    /// <summary>What the images begin from instead of a seed: the names of pictures, and how they were walked to their
    /// noise.</summary>
    public Inverted? From { get; init; }

    /// <summary>Whether the images lead from one to another.</summary>
    public bool Strip { get; init; }

    /// <summary>How the images were drawn, where they can be drawn again from it.</summary>
    public ImageReceipt? Receipt { get; init; }

    /// <summary>What the labels stand for: the model's classes, or the prompts.</summary>
    public IReadOnlyList<string> Names => InWords ?? model.ClassNames;

    /// <summary>The prompts, where there is no receipt that has them.</summary>
    public IReadOnlyList<string>? Prompts { get; init; }

    private IReadOnlyList<string>? InWords => Receipt?.Prompts ?? Prompts;

    public ModelInfo Model => model;

    /// <summary>The class of each image.</summary>
    public IReadOnlyList<int> Classes => labels;

    public ImageBatch Images => images;

    /// <summary>Draws a request; its receipt goes into the files.</summary>
    public static Drawing Draw(Terminal terminal, DiffusionPipeline pipeline, PreparedGeneration generation)
    {
        var drawn = Show(terminal, generation, null);
        return new Drawing(pipeline.Model, drawn.Labels, drawn.Images)
        {
            Seed = drawn.Seed, Strip = drawn.Receipt.InterpolateTo is not null, Receipt = drawn.Receipt,
        };
    }

    /// <summary>Draws with a bar of progress.</summary>
    /// <param name="terminal">Where the bar is.</param>
    /// <param name="generation">What is drawn.</param>
    /// <param name="counted">Is given the evaluations so far; null for nobody.</param>
    public static GeneratedImages Show(Terminal terminal, PreparedGeneration generation, Action<long>? counted) =>
        ProgressDisplay.Show(terminal, "drawing", display => generation.RunAsync(
            progress: new Reports<SamplingProgress>(report =>
            {
                counted?.Invoke(report.Evaluations);
                display.Report((double)report.Evaluations / report.TotalEvaluations, Quantity.Of(generation.Images, "image"));
            }),
            cancellation: terminal.Stop).GetAwaiter().GetResult());

    /// <summary>Refuses images that are too many for one picture, before they are drawn.</summary>
    /// <exception cref="MezzotintException">They are.</exception>
    public static void CheckGrid(ModelInfo info, IReadOnlyList<int> labels, bool strip)
    {
        var size = PictureSize.OfGrid(labels.Count, info.Height, info.Width, Columns(labels, strip), GridScale);
        if (!size.Fits)
            throw new MezzotintException(
                $"A grid of {labels.Count} images would have {size} pixels, more than the {PictureSize.MostPixels} that are "
                + $"written: "
                + "lower --count, or write the images one by one or as arrays, with --out FOLDER or --out FILE.npz.")
                { Key = "--count" };
    }

    /// <summary>Writes all images as one.</summary>
    public void WriteGrid(string path)
    {
        int columns = Columns(labels, Strip);
        PngFile.Write(path, images.Grid(columns), GridScale, Receipt is null
            ? Description(Labels(labels))
            : (Receipt with { Columns = columns, Scale = GridScale }).ToText());
    }

    /// <summary>Writes the picture of the file that the receipt is from.</summary>
    public void WriteAgain(string path, ImageReceipt receipt) =>
        PngFile.Write(
            path, receipt.Index is { } index ? images.Slice(index) : images.Grid(receipt.Columns), receipt.Scale,
            receipt.ToText());

    /// <summary>Writes image <paramref name="index"/> alone, as large as it is.</summary>
    public void WriteImage(string path, int index) => PngFile.Write(path, images.Slice(index), 1,
        Receipt is null ? Description(Labels([labels[index]])) : (Receipt.Of(index) with { Scale = 1 }).ToText());

    /// <summary>The images for the terminal: in colour each may shrink to half of its size, in characters it would be
    /// lost.</summary>
    public string OnTerminal(Terminal terminal)
    {
        int across = (terminal.OutColors == TerminalColors.None ? 1 : 2) * terminal.Width;
        int fitting = Math.Max(1, (across - 2) / (images.Width + 2));
        return TerminalImage.Render(images.Grid(Math.Min(fitting, Columns(labels, Strip))), terminal.Width, terminal.OutColors);
    }

    /// <summary>The names of classes, each once, as in <c>0,1,2</c>.</summary>
    public string Labels(IEnumerable<int> classes) =>
        string.Join(InWords is null ? "," : " | ", classes.Distinct().Select(label => Names[label]));

    /// <summary>
    /// A name for a grid that was asked for without one: <c>mezzotint-5-seed42.png</c>, with a number behind it where that is
    /// taken.
    /// </summary>
    public string FreeName()
    {
        string names = Labels(labels);
        string what = InWords is null && labels.Distinct().Count() == model.ClassNames.Count
            ? LabelList.All : string.Concat(names.Select(c => char.IsAsciiLetterOrDigit(c) ? c : '-'));
        string stem = string.Create(
            CultureInfo.InvariantCulture,
            $"mezzotint-{what[..Math.Min(what.Length, 40)]}-{(From is null ? $"seed{Seed}" : "inverted")}");
        for (int copy = 1; ; copy++)
            if ((copy == 1 ? $"{stem}.png" : $"{stem}-{copy}.png") is var name && !Path.Exists(name))
                return name;
    }

    /// <summary>A walk from one image to another is a strip. Else as square as can be; with several labels, of such a width that
    /// none begins in the middle of a row, if that stays near to a square.</summary>
    private static int Columns(IReadOnlyList<int> labels, bool strip)
    {
        int count = labels.Count;
        if (strip)
            return Math.Min(count, LongestStrip);
        double square = Math.Sqrt(count);
        int each = labels.TakeWhile(label => label == labels[0]).Count();
        if (each < count)
            for (int width = (int)Math.Floor(square * 1.5); width >= square / 1.5; width--)
                if ((each % width == 0 || width % each == 0) && Math.Abs(width - square) <= square / 3)
                    return width;
        return (int)Math.Ceiling(square);
    }

    private Dictionary<string, string> Description(string names)
    {
        var text = new Dictionary<string, string>
        {
            ["Software"] = $"mezzotint {CommandLine.Version}",
            ["Model"] = model.Name,
            [InWords is null ? "Label" : "Prompt"] = names,
        };
        if (From is not { } from)
            return text;
        text["From"] = from.Pictures;
        text["Steps"] = from.Steps.ToString(CultureInfo.InvariantCulture);
        text["Sampler"] = $"{from.Solver.Name} {from.Solver.Options}".TrimEnd();
        if (from.ModelHash is not null)
            text["Model SHA-256"] = from.ModelHash;
        return text;
    }

    /// <summary>Pictures that images begin from.</summary>
    /// <param name="Pictures">Their names.</param>
    /// <param name="Solver">How they were walked to their noise.</param>
    /// <param name="Steps">In how many steps.</param>
    /// <param name="ModelHash">The model's fingerprint; null where it has none.</param>
    internal sealed record Inverted(string Pictures, Solver Solver, int Steps, string? ModelHash);
}
