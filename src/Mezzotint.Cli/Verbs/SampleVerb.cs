using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using Mezzotint.Cli.Choices;
using Mezzotint.Cli.Output;
using Mezzotint.Models;
using Mezzotint.Serving;
using Mezzotint.Settings;

namespace Mezzotint.Cli.Verbs;

/// <summary><c>mezzotint sample</c>: draws images of the asked classes.</summary>
internal static class SampleVerb
{
    private const int MostImages = 100_000;
    private const int CountOfOne = 16, CountOfEach = 2;

    internal sealed record Request(
        string? Model, string Label, long Count, SamplerChoice.Chosen Sampler, GuidanceChoice.Chosen Guidance,
        PictureChoice.Chosen Picture, long Seed, string? Like, string? Out, PlaceChoice.Chosen Place, bool Json);

    public static Command Create(Terminal terminal)
    {
        var model = Options.Optional("MODEL", ModelSource.Description);
        var label = new Option<string>("--label")
        {
            HelpName = "LABELS", Description = "What to draw: a label (7), several (0,1,2), or all.",
            DefaultValueFactory = _ => LabelList.All,
        };
        var count = Options.Whole(
            "--count", null, 1, MostImages, "Images of each label",
            $"{CountOfOne} of a single label, {CountOfEach} of each of several");
        var sampler = new SamplerChoice();
        var guidance = new GuidanceChoice();
        var picture = new PictureChoice();
        var seed = Options.Seed("Image i is drawn from seed + i alone, whatever the count");
        var output = Options.Text(
            "--out", "FILE",
            "A .png file gets one square grid; an .npz file the arrays `images` and `labels`; a folder one PNG an image, in a "
            + "subfolder for each label. Without it the images are drawn here, and the grid is saved under a name that is "
            + "printed.");
        var like = Options.Text(
            "--like", "FILE",
            "Draw a picture again, to the bit, as the text in its PNG file says: of this command, the library or the server. "
            + "Only MODEL, --out and --json go with it; without MODEL the model is found by its fingerprint.");
        var place = new PlaceChoice();
        var json = Options.Json();
        var command = new Command("sample", "Draw images with a model.") { model, label, count, seed, like, output, json };
        foreach (var option in place.All.Concat(sampler.All).Concat(guidance.All).Concat(picture.All))
            command.Add(option);
        command.SetAction(result =>
        {
            if (result.GetValue(like) is not null)
                SampleLike.RefuseOthers(
                    result,
                    command.Options.Where(option =>
                        option != like && option != output && option != json && !place.All.Contains(option)));
            return Run(terminal, new Request(
                result.GetValue(model), result.GetValue(label)!, result.GetValue(count), sampler.Read(result),
                guidance.Read(result), picture.Read(result),
                result.GetValue(seed), result.GetValue(like), result.GetValue(output), place.Read(result),
                result.GetValue(json)));
        });
        return command;
    }

    private static int Run(Terminal terminal, Request request)
    {
        var output = request.Out is null ? null : SampleOutput.For(request.Out);
        var like = request.Like is null ? null : SampleLike.Find(request.Like, request.Model);
        string folder = like?.Folder ?? ModelSource.Find(request.Model);
        var place = like is null ? request.Place : request.Place.Like(like.Receipt.Precision);
        using var model = place.Load(folder);
        terminal.Say(model.ComputedBy);
        IReadOnlyList<int> labels = like is null
            ? LabelList.Parse(request.Label, model.Info.ClassNames) : [.. like.Receipt.Labels.Distinct()];
        if (request.Picture.Inverts)
            return SampleInverted.Run(terminal, request, model, folder, labels, output);
        using var weaker = request.Guidance.LoadWeaker(place);
        var clock = Stopwatch.StartNew();
        using var pipeline = new DiffusionPipeline(model, hash: ModelSource.Hash(folder));
        var generation = like is null ? New(request, pipeline, labels, weaker, asPicture: output is null or { IsPicture: true })
            : pipeline.Prepare(like.Receipt);
        var receipt = generation.Receipt;
        output?.Prepare();

        var drawing = Drawing.Draw(terminal, pipeline, generation);
        double seconds = clock.Elapsed.TotalSeconds;

        string written = request.Out ?? drawing.FreeName();
        output ??= SampleOutput.For(written);
        if (like is not null && output.IsPicture)
            drawing.WriteAgain(written, receipt);
        else
            output.Write(drawing);
        string picture = request.Out is null && !request.Json ? drawing.OnTerminal(terminal) : "";
        terminal.Result(request.Json, new
        {
            Out = written,
            Model = folder,
            Labels = labels.Select(label => model.Info.ClassNames[label]),
            Count = drawing.Images.Count,
            receipt.Seed,
            receipt.Recipe.Steps,
            receipt.Recipe.Sampler,
            receipt.Recipe.Levels,
            Guidance = generation.Guidance?.ToString(),
            Seconds = Math.Round(seconds, 2),
        }, picture + string.Create(CultureInfo.InvariantCulture, $"{written}: {Quantity.Of(drawing.Images.Count, "image")} of "
            + $"{drawing.Labels(labels)} from seed {receipt.Seed}, drawn in {seconds:F1} s"));
        return CommandLine.Done;
    }

    private static PreparedGeneration New(
        Request request, DiffusionPipeline pipeline, IReadOnlyList<int> labels, LoadedModel? weaker, bool asPicture)
    {
        int count = (int)(request.Count > 0 ? request.Count : labels.Count == 1 ? CountOfOne : CountOfEach);
        Check(request, labels.Count, count);
        var own = request.Sampler.RecipeFor(pipeline.Model.Sampling);
        var options = request.Sampler.Into(new GenerationOptions { Count = count, Seed = request.Seed });
        options = request.Picture.Into(request.Guidance.Into(options, own, weaker), pipeline.Model);
        if (asPicture)
            Drawing.CheckGrid(
                pipeline.Model, [.. labels.SelectMany(label => Enumerable.Repeat(label, count))],
                    options.InterpolateTo is not null);
        return pipeline.Prepare(labels, options);
    }

    private static void Check(Request request, int labels, int count)
    {
        long total = (long)labels * count;
        if (total > MostImages)
            throw new MezzotintException(
                $"--count {count} for {labels} labels makes {total} images; at most {MostImages} are drawn at once. Lower "
                + $"--count, or name fewer labels.");
        if (request.Seed + total - 1 > Options.LargestSeed)
            throw new MezzotintException(
                $"--seed {request.Seed} leaves too few seeds for {total} images: the last is {Options.LargestSeed}. Choose a "
                + $"smaller one.");
    }
}
