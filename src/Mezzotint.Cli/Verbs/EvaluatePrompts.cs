using System.Diagnostics;
using System.Globalization;
using Mezzotint.Cli.Choices;
using Mezzotint.Cli.Output;
using Mezzotint.Data;
using Mezzotint.Evaluation;
using Mezzotint.Evaluation.Prompts;
using Mezzotint.Evaluation.Reports;
using Mezzotint.Formats;
using Mezzotint.Models;
using Mezzotint.Runtime;
using Mezzotint.Serving;

namespace Mezzotint.Cli.Verbs;

/// <summary><c>mezzotint evaluate MODEL</c> of a model that is asked in words: it draws captions of its data, and a judge says
/// what the images show.</summary>
internal static class EvaluatePrompts
{
    public const int DefaultCount = 1000;

    private const int WorstTold = 10;

    /// <summary>Whether a model is asked in words.</summary>
    /// <param name="folder">As <see cref="ModelSource.Find"/> gives it.</param>
    /// <param name="opening">What a single file does not say.</param>
    public static bool Measures(string folder, ModelOpening opening) =>
        !SeedCheckpoint.Exists(folder) && ModelPath.ReadInfo(folder, opening).IsAskedInWords;

    public static int Run(Terminal terminal, EvaluateRequest request, string folder)
    {
        request.Prompts.CheckOut();
        using var judge = TextImageSource.Judge(request.Prompts.Judge);
        using var model = request.Load(folder);
        var info = model.Info;
        string data = request.Data ?? info.Dataset
            ?? throw new MezzotintException("The model does not say what it was trained on: name it with --data.")
                { Key = "--data" };
        var set = LoadCaptioned(terminal, data, request.Pictures.Or(info, data), info.Channels, info.Data);
        EvaluateVerb.CheckFit(info, set.Images);
        PromptEvaluation.CheckJudge(judge, set.Images);
        var aspects = AspectList.Read(request.Prompts.Aspects, set);
        var asked = AskedCaptions.Choose(
            set, request.Count > 0 ? (int)request.Count : DefaultCount, request.Prompts.Each, request.Seed);
        var (drawn, how, cost) = Draw(terminal, request, model, asked);
        if (!terminal.Exchange.IsFirst)
            return CommandLine.Done;
        using var threads = new WorkerThreads(0);
        var images = new ImageSet(
            folder, drawn.Images.Pixels, new byte[drawn.Count], info.Channels, info.Height, info.Width, []);
        var evaluation = ProgressDisplay.Show(terminal, "measuring", display => PromptEvaluation.Of(
            asked, images, model, aspects, judge, threads,
            new Reports<EvaluationProgress>(report => display.Report(report.Fraction, report.Stage)), terminal.Stop));
        if (request.Prompts.Out is { } file)
            PngFile.Write(file, WorstPrompts.Sheet(evaluation), 1, new Dictionary<string, string>
            {
                ["Software"] = $"mezzotint {CommandLine.Version}", ["Model"] = info.Name,
                ["Prompts"] = string.Join(" | ", evaluation.Worst.Take(WorstPrompts.Most).Select(i => asked.Captions[i])),
            });
        Tell(terminal, request, folder, judge, evaluation, how, [.. evaluation.Figures, .. cost]);
        return CommandLine.Done;
    }

    /// <summary>All pictures of a set, with their captions.</summary>
    /// <param name="terminal">Where the reading is told.</param>
    /// <param name="data">The name or path of the set.</param>
    /// <param name="pictures">What was given of its pictures.</param>
    /// <param name="channels">Their channels.</param>
    /// <param name="settings">The table [data] of the model; null where it is not known.</param>
    public static CaptionedPictures LoadCaptioned(
        Terminal terminal, string data, FolderChoice.Chosen pictures, int channels, DataConfig? settings)
    {
        // wherever the pictures lie now
        var options = pictures.Reading(ImageSplit.All, channels, DataSource.IsPictures(data) ? settings : null);
        var images = SetReading.Load(terminal, data, folder: null, options);
        ReadingLines.Say(terminal, images);
        return new(images, data, options, settings?.TrainCount ?? 0);
    }

    private static (GeneratedImages Drawn, string How, IReadOnlyList<Figure> Cost) Draw(
        Terminal terminal, EvaluateRequest request, LoadedModel model, AskedCaptions asked)
    {
        var prompts = asked.Prompts;
        EvaluateModel.CheckSeeds(request.Seed, prompts.Count);
        var recipe = request.Sampler.RecipeFor(model.Info.Sampling);
        using var weaker = request.Guidance.LoadWeaker(request.Place);
        using var classifier = request.Guidance.LoadClassifier();
        using var pipeline = new DiffusionPipeline(model, exchange: terminal.Exchange);
        var options = request.Guidance.Into(
            request.Sampler.Into(new GenerationOptions { Seed = request.Seed }), recipe, weaker, classifier);
        var generation = pipeline.Prepare(prompts, options);
        terminal.ShareOut(Processes.Draw);
        var clock = Stopwatch.StartNew();
        long evaluations = 0;
        var drawn = Drawing.Show(terminal, generation, count => EvaluateModel.KeepLargest(ref evaluations, count));
        return (drawn, EvaluationSource.Drawn(recipe, EvaluateModel.GuidanceOf(generation), request.Seed), EvaluateModel.Cost(
            (double)evaluations / terminal.Exchange.PartOf(prompts.Count).Count, clock.Elapsed.TotalSeconds / prompts.Count));
    }

    private static void Tell(
        Terminal terminal, EvaluateRequest request, string folder, LoadedTextImageModel judge, PromptEvaluation evaluation,
        string how, IReadOnlyList<Figure> figures)
    {
        var (asked, images) = (evaluation.Asked, evaluation.Asked.Set.Images);
        var worst = evaluation.Worst.Select(i =>
            (Caption: asked.Captions[i], Score: evaluation.Scores[i], Seed: request.Seed + i)).ToList();
        string parts = string.Join(", ", asked.Parts.Select(part => $"{Number(part.Places.Count)} {part.Name}"));
        string[] lines =
        [
            $"{request.Target}: {Quantity.Of(asked.Captions.Count, "caption")} ({parts}), an image each ({how}), measured "
                + $"against {Quantity.Of(images.Count, "picture")} of {images.Name} in "
                + $"{Quantity.Of(TimeSpan.FromSeconds(evaluation.Seconds))}",
            $"judge: {judge.Info.Name}",
            "",
            .. FigureTable.Lines(figures),
            "",
            "lowest text-image scores",
            .. worst.Take(WorstTold).Select(each => string.Create(
                CultureInfo.InvariantCulture, $"  {each.Score,7:0.0000}  {each.Caption} (seed {each.Seed})")),
            "",
            .. FigureTable.Notes(figures),
            "real: the real pictures of the same captions, through the model's codec and back; they are themselves among the "
                + "pictures that the nearest is looked for in",
            "shuffled: the same images, each with the captions of the others: chance",
            .. request.Prompts.Out is { } file ? (string[])[$"sheet  {file}"] : [],
        ];
        terminal.Result(request.Json, new
        {
            Model = folder,
            ModelSha256 = ModelPath.Hash(folder, request.Opening),
            Judge = TextImageSource.Known(request.Prompts.Judge!),
            Data = images.Name,
            Pictures = images.Count,
            Parts = asked.Parts.ToDictionary(part => part.Name, part => part.Places.Count),
            Drawn = how,
            request.Seed,
            Read = images.Reading?.ToJson(),
            Figures = FigureTable.Values(figures),
            Worst = worst.Take(WorstPrompts.Most)
                .Select(each => new { each.Caption, Score = Math.Round(each.Score, 4), each.Seed }),
            Seconds = Math.Round(evaluation.Seconds, 1),
            request.Prompts.Out,
        }, string.Join('\n', lines));
    }

    private static string Number(int count) => count.ToString("N0", CultureInfo.InvariantCulture);
}
