using System.Globalization;
using Mezzotint.Data;
using Mezzotint.Models;
using Mezzotint.Networks.Classifiers;
using Mezzotint.Runtime;

namespace Mezzotint.Evaluation;

/// <summary>What one classifier says of the images and of the real ones.</summary>
internal sealed record ClassifierAnswers(
    ClassifierFacts Facts, ClassifierOutput Images, ClassifierOutput Test, ClassifierOutput Train, ClassifierOutput Floor);

/// <summary>A space with the images and the real images in it.</summary>
internal sealed record Space(string Key, string Name, Points Images, Points Test, Points Train, Points Floor);

/// <summary>The slow parts of an evaluation, which tell how far they are.</summary>
internal sealed class EvaluationRun(
    EvaluatedImages images, ReferenceImages reference, IReadOnlyList<LoadedClassifier> classifiers, WorkerThreads threads,
    IReadOnlyList<FeatureSpace> features, IProgress<EvaluationProgress>? progress, CancellationToken cancellation)
{
    /// <summary>Images to embed (once more without their faint background), and to find the neighbours of, which takes about
    /// three times as long an image.</summary>
    private readonly double _total =
        (classifiers.Count + 1.0 + features.Sum(space => space.Work))
            * (images.Images.Count + reference.Test.Count + reference.TrainSample.Count + reference.Floor.Count)
        + 3.0 * (images.Images.Count + reference.Test.Count);

    /// <summary>The space of a user's own network comes first.</summary>
    internal const string OwnFeatures = "features";

    private double _before;
    private Space? _coarse;

    public IReadOnlyList<ClassifierAnswers> AskClassifiers() => [.. classifiers.Select(classifier =>
    {
        var test = Ask(classifier, reference.Test);
        var network = classifier.Info.Network;
        return new ClassifierAnswers(
            new(classifier.Info.Name, network.Architecture, classifier.Hash, test.Accuracy(reference.Test.Labels)),
            Ask(classifier, images.Images), test, Ask(classifier, reference.TrainSample), Ask(classifier, reference.Floor));
    })];

    /// <summary>The distances in each space, and the worst of them first.</summary>
    public IEnumerable<Figure> Distances(IReadOnlyList<ClassifierAnswers> said)
    {
        var named = features.Select(Featured).ToList();
        var spaces = said.Select(SpaceOf).ToList();
        spaces.InsertRange(0, named.Where(space => space.Key == OwnFeatures));
        spaces.AddRange(named.Where(space => space.Key != OwnFeatures));
        var pixels = Pixels();
        if (classifiers.Count == 0 && spaces.FirstOrDefault()?.Key != OwnFeatures)
            spaces.Insert(0, pixels[0]);
        var covered = spaces.ToList(); // where images have neighbours that look alike
        if (classifiers.Count > 0)
            spaces.Add(WithoutBackground());
        spaces.AddRange(pixels.Except(spaces));
        var frechet = new List<Figure>();
        foreach (var space in spaces)
        {
            frechet.AddRange(DistanceMeasures.Frechet(space, threads));
            cancellation.ThrowIfCancellationRequested();
        }
        var shares = covered.Select((space, index) => DistanceMeasures.PrecisionAndRecall(space, index == 0, threads)).ToList();
        return
        [
            .. DistanceMeasures.Worst(frechet, "worst_frechet", "Frechet distance to the test images"),
            .. DistanceMeasures.Worst(shares.Select(pair => pair[0]), "worst_precision", "precision"),
            .. DistanceMeasures.Worst(shares.Select(pair => pair[1]), "worst_recall", "recall"),
            .. frechet, .. DistanceMeasures.Kernel(spaces[0], threads), .. shares.SelectMany(pair => pair),
        ];
    }

    /// <summary>The embedding of a classifier.</summary>
    public static Space SpaceOf(ClassifierAnswers answer) => new(
        answer.Facts.Architecture, $"embedding, {answer.Facts.Architecture} classifier", answer.Images.Embedding,
        answer.Test.Embedding, answer.Train.Embedding, answer.Floor.Embedding);

    public (NearestImage[] Nearest, double[] Ratios, Figure Figure) Memorised()
    {
        var memorisation = Memorisation.Of(
            reference.Train, reference.Test, threads, Stage("finding the nearest training images", reference.Test.Count, 3),
            cancellation);
        var (nearest, ratios, share) = memorisation.Measure(
            images.Images, Stage("finding the nearest training images", images.Images.Count, 3), cancellation);
        return (nearest, ratios, new Figure
        {
            Key = "memorised",
            Group = "Memorisation",
            Name = $"nearer to a training image than {100 - Memorisation.Percentile} % of test images",
            Value = share,
            StandardError = LabelMeasures.ErrorOf(share, ratios.Length),
            Real = Memorisation.Percentile / 100,
            Unit = FigureUnit.Share,
            Better = Better.Lower,
        });
    }

    /// <summary>Of all images together, which needs no labels; among the coarse components, so <see cref="Distances"/> comes
    /// first.</summary>
    public Figure DiversityOfAll()
    {
        int count = Math.Min(_coarse!.Images.Count, _coarse.Floor.Count); // the score grows with the number
        double width = Diversity.TotalVariance(_coarse.Test);
        double Score(Points points) => Diversity.VendiScore(points.Take([.. Enumerable.Range(0, count)]), width);
        bool alike = width <= 0; // of test images that are all the same
        return new Figure
        {
            Key = "diversity_all",
            Group = "Diversity",
            Name = string.Create(CultureInfo.InvariantCulture, $"of {Math.Min(count, Diversity.MostImages):N0} images those ")
                + "that differ in effect (Vendi score)",
            Value = alike ? null : Score(_coarse.Images),
            Real = alike ? null : Score(_coarse.Floor),
            Missing = alike ? "the test images are all the same" : null,
            Better = Better.AsReal,
        };
    }

    /// <summary>The diversity is measured among the coarse components, so <see cref="Distances"/> comes first.</summary>
    public IReadOnlyList<LabelFigures> PerLabel(IReadOnlyList<ClassifierAnswers> said) =>
        images.Labelled ? [.. LabelMeasures.PerLabel(images, reference, said, _coarse!)] : [];

    private ClassifierOutput Ask(LoadedClassifier classifier, ImageSet set) =>
        ClassifierOutput.Of(
            classifier.Network, set, threads,
            Stage($"asking the {classifier.Info.Network.Architecture} classifier", set.Count, 1), cancellation);

    private Space Featured(FeatureSpace space)
    {
        Points Embedded(ImageSet set) => space.Embed(set, Stage("computing features", set.Count, space.Work), cancellation);
        return new(space.Key, space.Name, Embedded(images.Images), Embedded(reference.Test), Embedded(reference.TrainSample),
            Embedded(reference.Floor));
    }

    private Space WithoutBackground()
    {
        Points Embedded(ImageSet set) => Ask(classifiers[0], FaintBackground.RemovedFrom(set)).Embedding;
        return new("no_background", $"embedding, {classifiers[0].Info.Network.Architecture}, faint background removed",
            Embedded(images.Images), Embedded(reference.Test), Embedded(reference.TrainSample), Embedded(reference.Floor));
    }

    private List<Space> Pixels()
    {
        var components = PixelComponents.Of(reference.Train, threads);
        var (mine, test) = (components.Project(images.Images, threads), components.Project(reference.Test, threads));
        var (train, floor) = (components.Project(reference.TrainSample, threads), components.Project(reference.Floor, threads));
        _coarse = new(
            "pixels_coarse", $"pixels, first {PixelComponents.Coarse} principal components", mine.Coarse, test.Coarse,
            train.Coarse, floor.Coarse);
        return mine.Fine is null ? [_coarse]
            : [_coarse, new("pixels_fine", components.FineName, mine.Fine, test.Fine!, train.Fine!, floor.Fine!)];
    }

    /// <summary>Reports for a stage that does <paramref name="count"/> images, each worth <paramref name="weight"/>.</summary>
    private Reports? Stage(string name, int count, double weight)
    {
        double before = _before;
        _before += weight * count;
        return progress is null ? null : new Reports(done => progress.Report(new((before + weight * done) / _total, name)));
    }

    private sealed class Reports(Action<int> handle) : IProgress<int>
    {
        public void Report(int value) => handle(value);
    }
}
