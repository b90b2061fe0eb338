using System.CommandLine;
using System.Globalization;
using Mezzotint.Cli.Choices;
using Mezzotint.Cli.Output;
using Mezzotint.Data;
using Mezzotint.Evaluation;
using Mezzotint.Formats;
using Mezzotint.Models;
using Mezzotint.Runtime;

namespace Mezzotint.Cli.Verbs;

/// <summary><c>mezzotint reconstruct MODEL PICTURES</c>: what an autoencoder makes of pictures, and how alike it is.</summary>
internal static class ReconstructVerb
{
    private const int Shown = 32, Columns = 16, SheetScale = 2;

    private sealed record Request(
        string Model, string? Pictures, string Part, string? Data, FolderChoice.Chosen Choice, long Count, string[] Classifiers,
        string? Out, bool Json);

    public static Command Create(Terminal terminal)
    {
        var model = Options.Required("MODEL", "An autoencoder's folder or run folder, or a model with latents.");
        var pictures = Options.Optional(
            "PICTURES", "mnist, strokes, or the path of a folder, zip archive or file of images. [default: what the autoencoder "
            + "was trained on]");
        var part = new Option<string>("--part")
        {
            HelpName = "PART", Description = "Which of the images: test, train or all.", DefaultValueFactory = _ => "test",
            CustomParser = result => Options.Chosen(result, ["test", "train", "all"]),
        };
        var data = Options.Data();
        var choice = new FolderChoice(ofModel: true);
        var count = Options.Whole("--count", null, 1, int.MaxValue, "At most so many images", "all");
        var classifier = Options.Names("--classifier", "FOLDER",
            "A classifier that reads the images and their reconstructions, and measures their distance. May be given several "
            + "times. [default: those in models/classifiers that fit]");
        var output = Options.Text("--out", "FILE",
            $"A PNG file: the first {Shown} images in rows, and below each row its reconstructions.");
        var json = Options.Json();
        var command = new Command("reconstruct",
            "Encode pictures into latents, decode them again, and measure what was lost: PSNR, SSIM, and by classifiers.")
        {
            model, pictures, part, data, count, classifier, output, json,
        };
        foreach (var option in choice.All)
            command.Add(option);
        command.SetAction(result => Run(terminal, new Request(
            result.GetRequiredValue(model), result.GetValue(pictures), result.GetValue(part)!, result.GetValue(data),
            choice.Read(result), result.GetValue(count), result.GetValue(classifier) ?? [], result.GetValue(output),
            result.GetValue(json))));
        return command;
    }

    private static int Run(Terminal terminal, Request request)
    {
        if (request.Out is { } file && !file.EndsWith(".png", StringComparison.OrdinalIgnoreCase))
            throw new MezzotintException($"--out '{file}': the sheet is a PNG file, so its name must end in .png.")
                { Key = "--out" };
        string folder = Find(request.Model);
        using var autoencoder = AutoencoderFolder.Read(folder);
        var images = Load(terminal, request, autoencoder);
        var classifiers = ClassifierSource.Load(request.Classifiers, images);
        try
        {
            using var threads = new WorkerThreads(0);
            var made = ProgressDisplay.Show(terminal, "reconstructing", display => Reconstruction.Of(
                autoencoder.Network, images, threads,
                new Reports<int>(done => display.Report((double)done / images.Count, Quantity.Of(images.Count, "image"))),
                terminal.Stop));
            var readings = classifiers.Select(
                each => ReconstructionReading.Of(each, images, made, threads, terminal.Stop)).ToList();
            if (request.Out is not null)
                PngFile.Write(request.Out, Sheet(images, made.Images), SheetScale, new Dictionary<string, string>
                {
                    ["Software"] = $"mezzotint {CommandLine.Version}", ["Model"] = autoencoder.Info.Name,
                });
            Tell(terminal, request, folder, images, made, readings);
            return CommandLine.Done;
        }
        finally
        {
            foreach (var classifier in classifiers)
                classifier.Dispose();
        }
    }

    /// <summary>The folder of an autoencoder: itself, of a run, or of a model with latents.</summary>
    private static string Find(string named)
    {
        string[] places =
            [named, Path.Combine(named, "model"), .. ModelSource.Shelves().Select(shelf => Path.Combine(shelf, named))];
        return places.SelectMany(place => new[] { place, Path.Combine(place, "vae") }).FirstOrDefault(AutoencoderFolder.Exists)
            ?? throw new MezzotintException(
                $"'{named}' is no autoencoder and no model with one: name a folder that `mezzotint train` made with a "
                    + $"configuration "
                + $"of the kind autoencoder, such as configs/emoji-vae.toml.");
    }

    private static ImageSet Load(Terminal terminal, Request request, LoadedAutoencoder autoencoder)
    {
        var (network, info) = autoencoder;
        string name = request.Pictures ?? (info.Dataset.Length > 0 ? info.Dataset : throw new MezzotintException(
            "The autoencoder does not say what it was trained on: name PICTURES."));
        if (name == DataSource.MnistName)
            MnistFiles.Ensure(terminal, request.Data);
        var part = request.Part switch { "train" => ImageSplit.Train, "test" => ImageSplit.Test, _ => ImageSplit.All };
        bool own = info.Data is not null && (name == info.Dataset || DataSource.IsPictures(name));
        var options = request.Choice.Reading(part, network.Config.InChannels, own ? info.Data! with { Split = null } : null);
        var images = SetReading.Load(terminal, name, request.Data, options, request.Count > 0 ? (int)request.Count : null);
        ReadingLines.Say(terminal, images);
        var (factor, margin) = (network.Config.Factor, network.Config.Margin);
        return (images.Height + 2 * margin) % factor == 0 && (images.Width + 2 * margin) % factor == 0
            && images.Channels == network.Config.InChannels ? images
            : throw new MezzotintException(
                $"{images.Name} has images of {images.Channels} x {images.Height} x {images.Width}, where the autoencoder takes "
                + $"{network.Config.InChannels} channel(s) and sides that are multiples of {factor}: bring pictures to a size "
                    + $"with "
                + "--size.") { Key = "--size" };
    }

    private static ImageBatch Sheet(ImageSet images, ImageSet made)
    {
        int count = Math.Min(Shown, images.Count), columns = Math.Min(Columns, count), length = images.ImageLength;
        int rows = (count + columns - 1) / columns;
        byte[] pixels = new byte[2 * rows * columns * length];
        Array.Fill(pixels, (byte)255); // where the last row ends early
        for (int i = 0; i < count; i++)
        {
            int place = i / columns * 2 * columns + i % columns;
            images.Image(i).CopyTo(pixels.AsSpan(place * length));
            made.Image(i).CopyTo(pixels.AsSpan((place + columns) * length));
        }
        return new ImageBatch(2 * rows * columns, images.Channels, images.Height, images.Width, pixels).Grid(columns);
    }

    private static void Tell(
        Terminal terminal, Request request, string folder, ImageSet images, Reconstruction made,
        List<ReconstructionReading> readings)
    {
        double psnr = made.PeakSignalToNoise.Average(), worst = made.PeakSignalToNoise.Min();
        double? ssim = made.StructuralSimilarity?.Average();
        var lines = new List<string>
        {
            Invariant($"{Quantity.Of(images.Count, "image")} of {images.Name}: PSNR {psnr:F2} dB (least {worst:F2})")
                + (ssim is { } alike ? Invariant($", SSIM {alike:F4}") : ""),
        };
        lines.AddRange(readings.Select(reading =>
            Invariant($"{reading.Classifier}: reads {100 * reading.Accuracy:F2} % of the reconstructions rightly, ")
            + Invariant($"{100 * reading.RealAccuracy:F2} % of the originals, {100 * reading.Agreement:F2} % alike; ")
            + Invariant($"Frechet distance {reading.Frechet:F4}")));
        if (request.Out is not null)
            lines.Add(request.Out);
        terminal.Result(request.Json, new
        {
            Model = folder,
            Data = images.Name,
            images.Count,
            Psnr = Math.Round(psnr, 3),
            LeastPsnr = Math.Round(worst, 3),
            Ssim = ssim is { } value ? Math.Round(value, 5) : (double?)null,
            Classifiers = readings,
            request.Out,
        }, string.Join('\n', lines));
    }

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
