using System.CommandLine.Parsing;
using System.CommandLine;
using Mezzotint.Cli.Choices;
using Mezzotint.Cli.Output;
using Mezzotint.Data;
using Mezzotint.Models;
using Mezzotint.Settings;

namespace Mezzotint.Cli.Verbs;

/// <summary>What <c>mezzotint evaluate</c> was asked for.</summary>
internal sealed record EvaluateRequest(
    string Target, string? Data, FolderChoice.Chosen Pictures, long Seed, long Count, SamplerChoice.Chosen Sampler,
    GuidanceChoice.Chosen Guidance,
    long LikelihoodCount, string[] Classifiers, bool Choosing, FeaturesChoice.Chosen Features, string? Report,
    PromptChoice.Chosen Prompts,
    PlaceChoice.Chosen Place, ModelOpening Opening, bool Json)
{
    /// <summary>Reads the model in a folder or file.</summary>
    public LoadedModel Load(string folder) => Place.Load(folder, Opening);
}

/// <summary><c>mezzotint evaluate MODEL|FILE|FOLDER</c>: how good a model or a set of images is, in figures.</summary>
internal static class EvaluateVerb
{
    public static Command Create(Terminal terminal)
    {
        var target = Options.Required(
            "MODEL",
            "A model as `sample` takes it, which is made to draw; a text-image model; or images by anybody: an .npz file with "
            + "the array `images` (and `labels`), or a folder of images, in a subfolder for each class or in none.");
        var loss = new Option<bool>("--loss")
        {
            Description =
                "Instead of all that: the training loss of a model on the test images, one random time and one noise an image.",
        };
        var data = Options.Text(
            "--data", "SET", "Real images to measure against: mnist, strokes, or the path of a folder, zip archive or file. "
            + "[default: what the model was trained on, else mnist]");
        var pictures = new FolderChoice(ofModel: true);
        var count = Options.Whole(
            "--count", null, 1, EvaluateImages.MostImages, "Images",
            $"{EvaluateModel.DefaultCount:N0} of a model, {EvaluatePrompts.DefaultCount:N0} training captions (and all that were "
            + "held out) of one that is asked in words, all of a file or folder, all test images with --loss");
        var seed = Options.Seed(
            "The seed of the first image drawn, and of the real images that are drawn by lot; with --loss of times and noise");
        var sampler = new SamplerChoice();
        var guidance = new GuidanceChoice();
        var likelihood = Options.Whole(
            "--likelihood", EvaluateModel.DefaultLikelihoodCount, 0, int.MaxValue,
            "Test images whose likelihood under the model is measured as well, three times the work of drawing one in 200 steps");
        var classifier = new Option<string[]>("--classifier")
        {
            HelpName = "FOLDER",
            Description = "A classifier from `train-classifier` to ask; the first gives the embedding. May be given several "
                + "times. [default: those in models/classifiers that fit]",
            DefaultValueFactory = _ => [],
            CustomParser = result => [.. result.Tokens.Select(token => token.Value)],
        };
        var choosing = new Option<bool>("--choosing")
        {
            Description = "For figures that something is chosen by, such as steps or guidance: against training images, a sixth "
                + "of which stands for the test images, and by the classifiers in models/choosers.",
        };
        var features = new FeaturesChoice();
        var report = Options.Text(
            "--report", "FOLDER",
            "Also write a page, index.html, with the figures and pictures: samples, failures, nearest training images.");
        var prompts = new PromptChoice();
        var place = new PlaceChoice();
        var opening = new OpeningChoice();
        var json = Options.Json();
        var command = new Command(
            "evaluate",
            "Measure a model, or images by anybody, against real images: accuracy of the labels, distances, coverage, "
            + "memorisation, diversity. Beside each figure stands what real images get.")
        {
            target, loss, data, count, seed, classifier, choosing, report, json,
        };
        foreach (var option in features.All)
            command.Add(option);
        foreach (var option in prompts.All)
            command.Add(option);
        foreach (var option in pictures.All)
            command.Add(option);
        foreach (var option in place.All.Concat(opening.All))
            command.Add(option);
        IReadOnlyList<Option> drawing = [likelihood, .. sampler.All, .. guidance.All];
        foreach (var option in drawing)
            command.Add(option);
        command.SetAction(result =>
        {
            var request = new EvaluateRequest(
                result.GetRequiredValue(target), result.GetValue(data), pictures.Read(result), result.GetValue(seed),
                result.GetValue(count),
                sampler.Read(result), guidance.Read(result), result.GetValue(likelihood), result.GetValue(classifier) ?? [],
                result.GetValue(choosing),
                features.Read(result), result.GetValue(report), prompts.Read(result), place.Read(result), opening.Read(result),
                result.GetValue(json));
            if (result.GetValue(loss))
            {
                Refuse(result, [.. drawing, .. prompts.All, classifier, choosing, .. features.All, report],
                    "has no part in the loss: leave it out, or --loss");
                return EvaluateLoss.Run(terminal, request);
            }
            if (TextImageSource.Known(request.Target) is { } towers)
            {
                Refuse(result,
                    [.. drawing, .. prompts.All, .. place.All, .. opening.All, classifier, choosing, .. features.All, report],
                    $"is for what draws, and '{towers}' is a text-image model: leave it out");
                return EvaluateTextImage.Run(terminal, request, towers);
            }
            if (!EvaluateImages.IsImages(request.Target) && ModelSource.Find(request.Target) is var folder
                && EvaluatePrompts.Measures(folder, request.Opening))
            {
                Refuse(result, [likelihood, classifier, choosing, .. features.All, report],
                    "is for a model of classes, and this one is asked in words: leave it out");
                return EvaluatePrompts.Run(terminal, request, folder);
            }
            Refuse(result, prompts.OfWords, "is for a model that is asked in words: leave it out");
            return EvaluateImages.Run(terminal, request, Given(result, drawing));
        });
        return command;
    }

    /// <summary>A data set by the name or path after <c>--data</c>, with MNIST fetched where it is not at hand.</summary>
    /// <param name="terminal">Where it is told what was fetched and read.</param>
    /// <param name="name">The name or path.</param>
    /// <param name="channels">As the model has them; null for what the data have.</param>
    /// <param name="pictures">The size and background of pictures.</param>
    /// <param name="train">Whether the training images are wanted too.</param>
    /// <param name="testLimit">At most so many test images; null for all.</param>
    public static (ImageSet? Train, ImageSet Test) LoadData(
        Terminal terminal, string name, int? channels, FolderChoice.Chosen pictures, bool train, int? testLimit = null)
    {
        string? folder = null;
        if (Directory.Exists(name) && Mnist.MissingFrom(Path.Combine(name, DataSource.MnistName)).Count == 0)
            (name, folder) = (DataSource.MnistName, name);
        if (name == DataSource.MnistName)
            MnistFiles.Ensure(terminal, folder);
        ImageSet Load(ImageSplit part, int? limit, int? planes) =>
            SetReading.Load(terminal, name, folder, pictures.Reading(part, planes), limit);
        var images = train ? Load(ImageSplit.Train, null, channels) : null;
        var test = Load(ImageSplit.Test, testLimit, channels ?? images?.Channels);
        ReadingLines.Say(terminal, images, test);
        return (images, test);
    }

    public static void CheckFit(ModelInfo info, ImageSet images)
    {
        if ((images.Channels, images.Height, images.Width) != (info.Channels, info.Height, info.Width))
            throw new MezzotintException(
                $"{images.Name} has images of {images.Channels} x {images.Height} x {images.Width}, the model of {info.Channels} "
                + $"x {info.Height} x {info.Width}: choose other data with --data.");
        if (info.Model.HasClasses && images.ClassNames.Count > info.Model.CorpusLength)
            throw new MezzotintException(
                $"{images.Name} has {images.ClassNames.Count} classes, the model knows {info.Model.CorpusLength}: choose other "
                + $"data with --data.");
    }

    private static void Refuse(ParseResult result, IEnumerable<Option> options, string why)
    {
        if (Given(result, options) is { } unused)
            throw new MezzotintException($"{unused} {why}.") { Key = unused };
    }

    private static string? Given(ParseResult result, IEnumerable<Option> options) =>
        options.FirstOrDefault(option => result.GetResult(option) is { Implicit: false })?.Name;
}
