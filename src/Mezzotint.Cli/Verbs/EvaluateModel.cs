using System.Diagnostics;
using System.Globalization;
using Mezzotint.Cli.Choices;
using Mezzotint.Cli.Output;
using Mezzotint.Data;
using Mezzotint.Evaluation;
using Mezzotint.Formats;
using Mezzotint.Models;
using Mezzotint.Runtime;
using Mezzotint.Sampling;
using Mezzotint.Serving;
using Mezzotint.Settings;

namespace Mezzotint.Cli.Verbs;

/// <summary>What is measured, and where it came from.</summary>
/// <param name="Images">The images.</param>
/// <param name="Train">Real ones.</param>
/// <param name="Test">Real ones.</param>
internal sealed record EvaluationSource(EvaluatedImages Images, ImageSet Train, ImageSet Test)
{
    /// <summary>The fingerprint of the model that drew them; null of images from files, as are all that follow.</summary>
    public string? ModelHash { get; init; }

    /// <summary>Its name.</summary>
    public string? ModelName { get; init; }

    /// <summary>How many epochs it was trained.</summary>
    public double? Epochs { get; init; }

    /// <summary>How they were drawn.</summary>
    public SamplingRecipe? Recipe { get; init; }

    /// <summary>With which guidance.</summary>
    public string? Guidance { get; init; }

    /// <summary>The figures of the model itself: what the drawing cost, how likely it takes test images to be.</summary>
    public IReadOnlyList<Figure> OfModel { get; init; } = [];

    /// <summary>How they were drawn, in words.</summary>
    public string? Drawn(long seed) => Recipe is null ? null : Drawn(Recipe, Guidance, seed);

    /// <summary>How images are drawn, in words.</summary>
    public static string Drawn(SamplingRecipe recipe, string? guidance, long seed) => string.Create(CultureInfo.InvariantCulture,
        $"{recipe.Sampler}, {recipe.Levels} levels, "
        + $"{Quantity.Of(recipe.Steps, "step")}{(guidance is null ? "" : $", guidance {guidance}")}, from seed {seed}");
}

/// <summary><c>mezzotint evaluate MODEL</c>: the part that a model does, drawing as many images of each label, and its
/// likelihood.</summary>
internal static class EvaluateModel
{
    public const int DefaultCount = 5000, DefaultLikelihoodCount = 100;

    /// <summary>Draws what is measured, and measures what the model itself has figures of.</summary>
    /// <returns>Null in a process that helps process 0 to draw, and has done so.</returns>
    public static EvaluationSource? Draw(Terminal terminal, EvaluateRequest request, string folder, WorkerThreads threads)
    {
        using var model = request.Load(folder);
        var info = model.Info;
        string data = request.Data ?? info.Dataset ?? DataSource.MnistName;
        var (train, test) = EvaluateVerb.LoadData(
            terminal, data, info.Channels, request.Pictures.Or(info, data), train: true);
        EvaluateVerb.CheckFit(info, test);
        // a missing one shows before the drawing
        ClassifierSource.Load(request.Classifiers, test).ToList().ForEach(classifier => classifier.Dispose());
        int count = request.Count > 0 ? (int)request.Count : DefaultCount;
        int classes = test.HasClasses ? test.ClassNames.Count : info.Model.CorpusLength;
        CheckSeeds(request.Seed, count);
        int[] asked = [.. Enumerable.Range(0, count).Select(i => (int)((long)i * classes / count))]; // as many of each, to one
        byte[] labels = test.HasClasses ? Array.ConvertAll(asked, label => (byte)label) : new byte[count];
        var recipe = request.Sampler.RecipeFor(info.Sampling);
        using var weaker = request.Guidance.LoadWeaker(request.Place);
        using var classifier = request.Guidance.LoadClassifier();
        using var pipeline = new DiffusionPipeline(
            model, threads: Math.Max(1, threads.Count / terminal.Exchange.SizeHere), exchange: terminal.Exchange);
        var options = request.Guidance.Into(
            request.Sampler.Into(new GenerationOptions { Seed = request.Seed }), recipe, weaker, classifier);
        var generation = pipeline.Prepare(asked, options);

        var clock = Stopwatch.StartNew();
        long evaluations = 0;
        terminal.ShareOut(Processes.Draw);
        var images = Drawing.Show(terminal, generation, made => KeepLargest(ref evaluations, made)).Images;
        if (!terminal.Exchange.IsFirst)
            return null;
        double seconds = clock.Elapsed.TotalSeconds;
        if (request.Prompts.Out is { } file)
            EvaluatorArrays.Write(file, images, test.HasClasses ? asked : null);
        return new EvaluationSource(
            new EvaluatedImages(
                new ImageSet(folder, images.Pixels, labels, images.Channels, images.Height, images.Width, test.ClassNames),
                test.HasClasses ? null : $"{test.Name} has no classes"),
            train!, test)
        {
            ModelHash = ModelPath.Hash(folder, request.Opening),
            ModelName = info.Name,
            Epochs = info.Epochs,
            Recipe = recipe,
            Guidance = GuidanceOf(generation),
            OfModel =
            [
                .. Likelihood(terminal, request, model, test, threads), .. Cost(
                    (double)evaluations / terminal.Exchange.PartOf(count).Count, seconds / count),
            ],
        };
    }

    /// <summary>The guidance in words, that by a classifier too; null for none.</summary>
    public static string? GuidanceOf(PreparedGeneration generation)
    {
        string?[] kinds =
        [
            generation.Guidance?.ToString(),
            generation.Receipt.Classifier is { } classifier ? $"of a classifier: {classifier}" : null,
        ];
        return kinds.All(kind => kind is null) ? null : string.Join("; ", kinds.Where(kind => kind is not null));
    }

    /// <summary>Refuses a seed after which there are not enough.</summary>
    public static void CheckSeeds(long seed, int count)
    {
        if (seed + count - 1 > Options.LargestSeed)
            throw new MezzotintException(
                $"--seed {seed} leaves too few seeds for {count} images: the last is {Options.LargestSeed}. Choose a smaller "
                + "one.") { Key = "--seed" };
    }

    private static IEnumerable<Figure> Likelihood(
        Terminal terminal, EvaluateRequest request, LoadedModel model, ImageSet test, WorkerThreads threads)
    {
        if (request.LikelihoodCount == 0)
            yield break;
        var images = test.Take((int)Math.Min(request.LikelihoodCount, test.Count));
        var (solver, levels) = new SamplerChoice.Chosen(null, null, 0, null, null).Flow(model.Info.Process);
        var figure = new Figure
        {
            Key = "bits_per_dimension",
            Group = "Likelihood",
            Name = $"bits per dimension of {Quantity.Of(images.Count, "test image")}",
            Note = string.Create(
                CultureInfo.InvariantCulture,
                $"{LikelihoodResult.Convention}, {levels[^1]:G3} here; as `mezzotint likelihood` has it"),
            Better = Better.Lower,
        };
        yield return Measured();

        Figure Measured()
        {
            try
            {
                var likelihood = Evaluation.Likelihood.Of(model) with { Solver = solver, Levels = levels, Seed = request.Seed };
                string count = Quantity.Of(images.Count, "image");
                var result = ProgressDisplay.Show(terminal, "likelihood", display => likelihood.Evaluate(
                    images, threads, new Reports<SamplingProgress>(report =>
                        display.Report((double)report.Evaluations / report.TotalEvaluations, count)), terminal.Stop));
                return figure with { Value = result.BitsPerDimension, StandardError = result.StandardError };
            }
            catch (MezzotintException cause)
            {
                return figure with { Missing = cause.Message, Note = null }; // the images have figures all the same
            }
        }
    }

    public static IReadOnlyList<Figure> Cost(double evaluations, double seconds) =>
    [
        new()
        {
            Key = "evaluations_per_image", Group = "Cost", Name = "network evaluations an image", Value = evaluations,
            Better = Better.Lower,
        },
        new()
        {
            Key = "seconds_per_image", Group = "Cost",
            Name = $"seconds an image, on this machine ({Quantity.Of(Environment.ProcessorCount, "core")})", Value = seconds,
            Unit = FigureUnit.Seconds, Better = Better.Lower,
        },
    ];

    /// <summary>Reports come from several threads, and not in order.</summary>
    public static void KeepLargest(ref long target, long value)
    {
        for (long seen = Interlocked.Read(ref target); value > seen; seen = Interlocked.Read(ref target))
            if (Interlocked.CompareExchange(ref target, value, seen) == seen)
                return;
    }
}
