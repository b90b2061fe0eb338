using System.Globalization;
using Mezzotint.Cli.Choices;
using Mezzotint.Formats;
using Mezzotint.Models;
using Mezzotint.Plots;
using Mezzotint.Runtime;
using Mezzotint.Sampling;
using Mezzotint.Serving;

namespace Mezzotint.Cli.Output;

/// <summary>Images drawn by a model, for `sample` and `demo`: with progress, then as a grid in a file or on the terminal.</summary>
internal sealed class Drawing(LoadedModel model, string? hash, SamplingRequest request, ImageBatch images)
{
    /// <summary>One value becomes a square of this many pixels in a grid's file: 28 x 28 is small on a screen.</summary>
    private const int GridScale = 2;

    /// <summary>Images in a row of a walk; then the next row goes on.</summary>
    private const int LongestStrip = 16;

    /// <summary>What the images begin from, in the names and descriptions of files: a seed, unless it is said.</summary>
    public string? From { get; init; }

    /// <summary>Whether the images lead from one to another.</summary>
    public bool Strip { get; init; }

    /// <summary>How the images were drawn, where they can be drawn again from it.</summary>
    public ImageReceipt? Receipt { get; init; }

    public LoadedModel Model => model;

    public SamplingRequest Request => request;

    public ImageBatch Images => images;

    /// <summary>Draws a request; the receipt goes into the files.</summary>
    public static Drawing Draw(Terminal terminal, LoadedModel model, SamplingRequest request, ImageReceipt receipt, WorkerThreads threads)
    {
        CheckChannels(model.Info);
        var sampler = model.CreateSampler();
        var images = ProgressDisplay.Show(terminal, "drawing", display => sampler.Sample(request, threads, new Reports<SamplingProgress>(report =>
            display.Report((double)report.Evaluations / report.TotalEvaluations, Quantity.Of(request.Labels.Count, "image"))), terminal.Stop));
        return new Drawing(model, receipt.ModelHash, request, images) { Receipt = receipt };
    }

    public static void CheckChannels(ModelInfo info)
    {
        if (info.Model.InChannels is not (1 or 3))
            throw new MezzotintException($"The model '{info.Name}' has images of {info.Model.InChannels} channels; only 1 (grey) and 3 (colour) can be drawn.");
    }

    /// <summary>Refuses images that are too many for one picture, before they are drawn.</summary>
    /// <exception cref="MezzotintException">They are.</exception>
    public static void CheckGrid(ModelInfo info, SamplingRequest request, bool strip = false)
    {
        int count = request.Labels.Count;
        var size = PictureSize.OfGrid(count, info.Height, info.Width, Columns(request, strip), GridScale);
        if (!size.Fits)
            throw new MezzotintException(
                $"A grid of {count} images would have {size} pixels, more than the {PictureSize.MostPixels} that are written: "
                + "lower --count, or write the images one by one or as arrays, with --out FOLDER or --out FILE.npz.")
                { Key = "--count" };
    }

    /// <summary>Writes all images as one.</summary>
    public void WriteGrid(string path)
    {
        int columns = Columns(request, Strip);
        PngFile.Write(path, images.Grid(columns), GridScale, Receipt is null
            ? Description(Labels(request.Labels), request.Seed)
            : (Receipt with { Columns = columns, Scale = GridScale }).ToText());
    }

    /// <summary>Writes the picture of the file that the receipt is from.</summary>
    public void WriteAgain(string path, ImageReceipt receipt) =>
        PngFile.Write(path, receipt.Index is { } index ? images.Slice(index) : images.Grid(receipt.Columns), receipt.Scale, receipt.ToText());

    /// <summary>Writes image <paramref name="index"/> alone, as large as it is.</summary>
    public void WriteImage(string path, int index) => PngFile.Write(path, images.Slice(index), 1,
        Receipt is null ? Description(Labels([request.Labels[index]]), request.Seed + index) : (Receipt.Of(index) with { Scale = 1 }).ToText());

    /// <summary>The images for the terminal: in colour each may shrink to half of its size, in characters it would be lost.</summary>
    public string OnTerminal(Terminal terminal)
    {
        int across = (terminal.OutColors == TerminalColors.None ? 1 : 2) * terminal.Width;
        int fitting = Math.Max(1, (across - 2) / (images.Width + 2));
        return TerminalImage.Render(images.Grid(Math.Min(fitting, Columns(request, Strip))), terminal.Width, terminal.OutColors);
    }

    /// <summary>The names of classes, each once, as in <c>0,1,2</c>.</summary>
    public string Labels(IEnumerable<int> labels) => string.Join(',', labels.Distinct().Select(label => model.Info.ClassNames[label]));

    /// <summary>
    /// A name for a grid that was asked for without one: <c>mezzotint-5-seed42.png</c>, with a number behind it where that is taken.
    /// </summary>
    public string FreeName()
    {
        string labels = Labels(request.Labels);
        string what = request.Labels.Distinct().Count() == model.Info.ClassNames.Count ? LabelList.All : string.Concat(labels.Select(c => char.IsAsciiLetterOrDigit(c) ? c : '-'));
        string stem = string.Create(CultureInfo.InvariantCulture, $"mezzotint-{what[..Math.Min(what.Length, 40)]}-{(From is null ? $"seed{request.Seed}" : "inverted")}");
        for (int copy = 1; ; copy++)
            if ((copy == 1 ? $"{stem}.png" : $"{stem}-{copy}.png") is var name && !Path.Exists(name))
                return name;
    }

    /// <summary>A walk from one image to another is a strip. Else as square as can be; with several labels, of such a width that none begins in the middle of a row, if that stays near to a square.</summary>
    private static int Columns(SamplingRequest request, bool strip)
    {
        int count = request.Labels.Count;
        if (strip || request.InterpolateTo is not null)
            return Math.Min(count, LongestStrip);
        double square = Math.Sqrt(count);
        int each = request.Labels.TakeWhile(label => label == request.Labels[0]).Count();
        if (each < count)
            for (int width = (int)Math.Floor(square * 1.5); width >= square / 1.5; width--)
                if ((each % width == 0 || width % each == 0) && Math.Abs(width - square) <= square / 3)
                    return width;
        return (int)Math.Ceiling(square);
    }

    private Dictionary<string, string> Description(string labels, long seed)
    {
        var text = new Dictionary<string, string>
        {
            ["Software"] = $"mezzotint {CommandLine.Version}",
            ["Model"] = model.Info.Name,
            ["Label"] = labels,
            [From is null ? "Seed" : "From"] = From ?? seed.ToString(CultureInfo.InvariantCulture),
            ["Steps"] = request.Steps.ToString(CultureInfo.InvariantCulture),
            ["Sampler"] = request.Solver is { } solver ? $"{solver.Name} {solver.Options}".TrimEnd() : EulerMaruyama.Name,
        };
        if (request.Guidance is { } guidance)
            text["Guidance"] = guidance.ToString();
        if (hash is not null)
            text["Model SHA-256"] = hash;
        return text;
    }
}
