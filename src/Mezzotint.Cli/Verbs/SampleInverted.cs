using System.Diagnostics;
using System.Globalization;
using Mezzotint.Cli.Choices;
using Mezzotint.Cli.Output;
using Mezzotint.Models;
using Mezzotint.Noise;
using Mezzotint.Runtime;
using Mezzotint.Sampling;
using Mezzotint.Serving;

namespace Mezzotint.Cli.Verbs;

/// <summary><c>mezzotint sample --image FILE</c> with <c>--invert</c> or <c>--interpolate FILE</c>: images from the noise of
/// pictures.</summary>
internal static class SampleInverted
{
    private const int FramesUnlessSaid = 9, MostFrames = 1000;

    public static int Run(
        Terminal terminal, SampleVerb.Request request, LoadedModel model, string folder, string[] prompts,
        IReadOnlyList<int> labels, SampleOutput? output)
    {
        var info = model.Info;
        if (request.Negative is not null || request.ClipSkip > 0)
            throw new MezzotintException(
                "Pictures are walked to their noise and back by the prompt alone: leave --negative and --clip-skip out.");
        if (request.Weights || request.Size is not null)
            throw new MezzotintException(
                "Pictures are walked to their noise and back as plain prompts, in the model's own size: leave "
                + "--prompt-weights and --size out.");
        // The prompts of a model that is asked in words take the place of its labels: each stands for where it is in this list.
        string[] asked = [.. prompts.Distinct()];
        if (info.IsAskedInWords)
            labels = [.. prompts.Select(prompt => Array.IndexOf(asked, prompt))];
        if (request.Guidance.IsGiven)
            throw new MezzotintException("Pictures are walked to their noise and back without guidance: leave its options out.");
        var (first, last) = request.Picture.Pictures(info);
        int[] classes = last is null ? [.. labels] : Frames(request, labels);
        int own = last is null && !info.IsAskedInWords ? Single(request.Picture.Invert!, info) : labels[0];
        if (last is null && request.Count > 1)
            throw new MezzotintException(
                $"--count {request.Count}: a picture has one noise, and each label or prompt one image from it. Leave --count "
                + "out.");
        var recipe = request.Sampler.RecipeForFlow();
        if (output is null || output.IsPicture)
            Drawing.CheckGrid(info, classes, last is not null);
        var (solver, levels) = request.Sampler.Flow(
            info.Process, request.Picture.FromZero ? FinalLevel.Zero : FinalLevel.Minimum);
        using var pipeline = new DiffusionPipeline(model, hash: ModelPath.Hash(folder, request.Opening));
        var inversion = pipeline.Invert(new Inversion { Solver = solver, Levels = levels });
        output?.Prepare();

        var clock = Stopwatch.StartNew();
        using var threads = new WorkerThreads(0);
        var redrawn = ProgressDisplay.Show(terminal, "drawing", display =>
        {
            var progress = new Reports<SamplingProgress>(report =>
                display.Report((double)report.Evaluations / report.TotalEvaluations, Quantity.Of(classes.Length, "image")));
            return (last, info.IsAskedInWords) switch
            {
                (null, true) => inversion.Redraw(first, request.Picture.Invert!, prompts, threads, progress, terminal.Stop),
                (null, false) => inversion.Redraw(first, own, classes, threads, progress, terminal.Stop),
                (_, true) => inversion.Between(
                    first, prompts[0], last, prompts[^1], classes.Length, threads, progress, terminal.Stop),
                (_, false) => inversion.Between(
                    first, own, last, labels[^1], classes.Length, threads, progress, terminal.Stop),
            };
        });
        double seconds = clock.Elapsed.TotalSeconds;

        string from = Path.GetFileName(request.Picture.Image!)
            + (last is null ? "" : $" to {Path.GetFileName(request.Picture.Interpolate)}");
        var drawing = new Drawing(info, classes, redrawn.Images)
        {
            From = new(from, solver, recipe.Steps, pipeline.ModelHash), Strip = last is not null,
            Prompts = info.IsAskedInWords ? asked : null,
        };
        string written = request.Out ?? drawing.FreeName();
        (output ?? SampleOutput.For(written)).Write(drawing);
        string picture = output is null && !request.Json ? drawing.OnTerminal(terminal) : "";
        string roundTrip = redrawn.RoundTripError is { } error
            ? string.Create(
                CultureInfo.InvariantCulture, $"; what is drawn as what it shows comes back to {error:G2} of the range (RMS)")
            : "";
        terminal.Result(request.Json, new
        {
            Out = written,
            Model = folder,
            Labels = info.IsAskedInWords ? null : labels.Select(label => info.ClassNames[label]),
            Prompts = info.IsAskedInWords ? prompts : null,
            Count = classes.Length,
            redrawn.RoundTripError,
            recipe.Steps,
            recipe.Sampler,
            recipe.Levels,
            request.Picture.FromZero,
            Seconds = Math.Round(seconds, 2),
        }, picture + string.Create(CultureInfo.InvariantCulture, $"{written}: {Quantity.Of(classes.Length, "image")} of "
            + $"{drawing.Labels(labels)} from {from}, drawn in {seconds:F1} s{roundTrip}"));
        return CommandLine.Done;
    }

    /// <summary>The class that each image of a walk is nearer to.</summary>
    private static int[] Frames(SampleVerb.Request request, IReadOnlyList<int> labels)
    {
        if (labels.Count > 2)
            throw new MezzotintException(
                "--interpolate FILE has to know what its pictures show: add --label with one label for both, or with one for "
                + "each, as in --label 3,5; of a model that is asked in words, one prompt or two.");
        int count = (int)(request.Count > 0 ? request.Count : FramesUnlessSaid);
        if (count is < 2 or > MostFrames)
            throw new MezzotintException($"--count {count}: a walk from one picture to another has 2 to {MostFrames} images.");
        return [.. Enumerable.Range(0, count).Select(i => labels[2 * i < count ? 0 : labels.Count - 1])];
    }

    private static int Single(string label, ModelInfo info) => LabelList.Parse(label, info.ClassNames) is [var one] ? one
        : throw new MezzotintException($"--invert {label}: a picture is walked up as one label. Name the one that it shows.");
}
