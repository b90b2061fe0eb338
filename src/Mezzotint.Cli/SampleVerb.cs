using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using Mezzotint.Runtime;
using Mezzotint.Sampling;

namespace Mezzotint.Cli;

/// <summary><c>mezzotint sample</c>: draws images of the asked classes.</summary>
internal static class SampleVerb
{
    private const int MostImages = 100_000;
    private const int CountOfOne = 16, CountOfEach = 2;

    private sealed record Request(string? Model, string Label, long Count, SamplerChoice.Chosen Sampler, PictureChoice.Chosen Picture, long Seed, string? Out, bool Json);

    public static Command Create(Terminal terminal)
    {
        var model = Options.Optional("MODEL", ModelSource.Description);
        var label = new Option<string>("--label") { HelpName = "LABELS", Description = "What to draw: a label (7), several (0,1,2), or all.", DefaultValueFactory = _ => LabelList.All };
        var count = Options.Whole("--count", null, 1, MostImages, "Images of each label", $"{CountOfOne} of a single label, {CountOfEach} of each of several");
        var sampler = new SamplerChoice();
        var picture = new PictureChoice();
        var seed = Options.Seed("Image i is drawn from seed + i alone, whatever the count");
        var output = Options.Text("--out", "FILE", "A .png file gets one square grid; an .npz file the arrays `images` and `labels`; a folder one PNG an image, in a subfolder for each label. Without it the images are drawn here, and the grid is saved under a name that is printed.");
        var json = Options.Json();
        var command = new Command("sample", "Draw images with a model.") { model, label, count, seed, output, json };
        foreach (var option in sampler.All.Concat(picture.All))
            command.Add(option);
        command.SetAction(result => Run(terminal, new Request(
            result.GetValue(model), result.GetValue(label)!, result.GetValue(count), sampler.Read(result), picture.Read(result),
            result.GetValue(seed), result.GetValue(output), result.GetValue(json))));
        return command;
    }

    private static int Run(Terminal terminal, Request request)
    {
        var output = request.Out is null ? null : SampleOutput.For(request.Out);
        string folder = ModelSource.Find(request.Model);
        using var model = ModelSource.Load(folder);
        var labels = LabelList.Parse(request.Label, model.Info.ClassNames);
        int count = (int)(request.Count > 0 ? request.Count : labels.Count == 1 ? CountOfOne : CountOfEach);
        Check(request, labels.Count, count);
        output?.Prepare();

        var clock = Stopwatch.StartNew();
        using var threads = new WorkerThreads(0);
        var drawing = Drawing.Draw(terminal, model, ModelSource.Hash(folder), request.Picture.Of(request.Sampler.Of(new SamplingRequest
        {
            Labels = [.. labels.SelectMany(label => Enumerable.Repeat(label, count))],
            Seed = request.Seed,
        }, model.Info.Process), model.Info), threads);
        double seconds = clock.Elapsed.TotalSeconds;

        string written = request.Out ?? drawing.FreeName();
        (output ?? SampleOutput.For(written)).Write(drawing);
        string picture = output is null && !request.Json ? drawing.OnTerminal(terminal) : "";
        terminal.Result(request.Json, new
        {
            Out = written,
            Model = folder,
            Labels = labels.Select(label => model.Info.ClassNames[label]),
            Count = drawing.Images.Count,
            request.Seed,
            request.Sampler.Steps,
            request.Sampler.Sampler,
            request.Sampler.Levels,
            Seconds = Math.Round(seconds, 2),
        }, picture + string.Create(CultureInfo.InvariantCulture, $"{written}: {Quantity.Of(drawing.Images.Count, "image")} of {drawing.Labels(labels)} from seed {request.Seed}, drawn in {seconds:F1} s"));
        return CommandLine.Done;
    }

    private static void Check(Request request, int labels, int count)
    {
        long total = (long)labels * count;
        if (total > MostImages)
            throw new MezzotintException($"--count {count} for {labels} labels makes {total} images; at most {MostImages} are drawn at once. Lower --count, or name fewer labels.");
        if (request.Seed + total - 1 > Options.LargestSeed)
            throw new MezzotintException($"--seed {request.Seed} leaves too few seeds for {total} images: the last is {Options.LargestSeed}. Choose a smaller one.");
    }
}
