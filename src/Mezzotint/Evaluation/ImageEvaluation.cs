using System.Diagnostics;
using Mezzotint.Models;
using Mezzotint.Runtime;

namespace Mezzotint.Evaluation;

/// <summary>How far an evaluation is.</summary>
/// <param name="Fraction">0 to 1.</param>
/// <param name="Stage">What it is doing.</param>
public sealed record EvaluationProgress(double Fraction, string Stage);

/// <summary>A classifier that took part in an evaluation.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Architecture">Its architecture, after which its figures are called.</param>
/// <param name="Hash">The SHA-256 of its weights.</param>
/// <param name="TestAccuracy">The share of the test images whose class it tells: no figure that it gives is more exact than
/// that.</param>
public sealed record ClassifierFacts(string Name, string Architecture, string Hash, double TestAccuracy);

/// <summary>What was found about the images of one label.</summary>
/// <param name="Label">The label.</param>
/// <param name="Name">Its name.</param>
/// <param name="Count">Images that were to show it.</param>
/// <param name="Accuracy">By each classifier, the share that does: 0 to 1.</param>
/// <param name="RealAccuracy">The same of the test images of the label.</param>
/// <param name="Diversity">The Vendi score; null of fewer than two images.</param>
/// <param name="RealDiversity">That of as many real images.</param>
public sealed record LabelFigures(
    int Label, string Name, int Count, IReadOnlyList<double> Accuracy, IReadOnlyList<double> RealAccuracy, double? Diversity,
    double? RealDiversity);

/// <summary>
/// Everything that is measured of a set of images, and of real images in the same way: the one place where the figures come
/// together.
/// </summary>
public sealed record ImageEvaluation
{
    /// <summary>Fewer images have no figures worth the name.</summary>
    public const int FewestImages = 10;

    /// <summary>What was measured.</summary>
    public required EvaluatedImages Images { get; init; }

    /// <summary>Against what.</summary>
    public required ReferenceImages Reference { get; init; }

    /// <summary>Who was asked; none where no classifier was at hand.</summary>
    public required IReadOnlyList<ClassifierFacts> Classifiers { get; init; }

    /// <summary>The figures, by group.</summary>
    public required IReadOnlyList<Figure> Figures { get; init; }

    /// <summary>What was found label by label; empty where the labels are not known.</summary>
    public required IReadOnlyList<LabelFigures> Labels { get; init; }

    /// <summary>The images that the classifiers take least for their label, the worst first: the numbers of up to 60, of those
    /// that one of them takes for another. Without labels, those they are least sure of.</summary>
    public required IReadOnlyList<int> Worst { get; init; }

    /// <summary>What the first classifier takes each image for: [N]; empty without one.</summary>
    public required byte[] Seen { get; init; }

    /// <summary>The training image nearest to each image: [N].</summary>
    public required NearestImage[] Nearest { get; init; }

    /// <summary>Its distance over the threshold of its class, below 1 where the image counts as memorised: [N].</summary>
    public required double[] NearestRatios { get; init; }

    /// <summary>The time that the measuring took, in seconds.</summary>
    public required double Seconds { get; init; }

    /// <summary>The same with more figures, for what is not measured of images: the cost of a sampler, the likelihood of a
    /// model.</summary>
    public ImageEvaluation With(params IEnumerable<Figure> figures) => this with { Figures = [.. Figures, .. figures] };

    /// <summary>Measures images.</summary>
    /// <param name="images">At least <see cref="FewestImages"/>.</param>
    /// <param name="reference">Real images, divided for these.</param>
    /// <param name="classifiers">Of different architectures, for such images; the first gives the embedding that most distances
    /// are taken in. Without any, these are taken among the components of pixels, and what only a classifier can tell is left
    /// out.</param>
    /// <param name="threads">The work is shared out over these.</param>
    /// <param name="progress">Told as it goes on, from the threads that work.</param>
    /// <param name="features">More spaces to measure in. One with the key <c>features</c> comes before those of the classifiers:
    /// the kernel distance and the figures <c>precision</c> and <c>recall</c> are then measured in it. Null for none.</param>
    /// <param name="cancellation">Stops it.</param>
    /// <exception cref="MezzotintException">There are too few images, or a classifier does not fit.</exception>
    /// <exception cref="OperationCanceledException">It was stopped.</exception>
    public static ImageEvaluation Of(
        EvaluatedImages images, ReferenceImages reference, IReadOnlyList<LoadedClassifier> classifiers, WorkerThreads threads,
        IProgress<EvaluationProgress>? progress = null, IReadOnlyList<FeatureSpace>? features = null,
        CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(images);
        ArgumentNullException.ThrowIfNull(reference);
        ArgumentNullException.ThrowIfNull(classifiers);
        Check(images, reference, classifiers);
        var clock = Stopwatch.StartNew();
        var run = new EvaluationRun(images, reference, classifiers, threads, features ?? [], progress, cancellation);
        var said = run.AskClassifiers();
        var figures = new List<Figure>();
        figures.AddRange(LabelMeasures.Accuracy(images, reference, said));
        figures.AddRange(run.Distances(said));
        var (nearest, ratios, memorised) = run.Memorised();
        figures.Add(memorised);
        var labels = run.PerLabel(said);
        figures.Add(run.DiversityOfAll());
        figures.AddRange(LabelMeasures.Summary(images, reference, said, labels));
        return new ImageEvaluation
        {
            Images = images,
            Reference = reference,
            Classifiers = [.. said.Select(answer => answer.Facts)],
            Figures = figures,
            Labels = labels,
            Worst = LabelMeasures.Worst(images, said),
            Seen = said.Count > 0 ? said[0].Images.Labels : [],
            Nearest = nearest,
            NearestRatios = ratios,
            Seconds = clock.Elapsed.TotalSeconds,
        };
    }

    /// <summary>Measures two figures alone, which are quick: how often one classifier agrees with the labels, and the Frechet
    /// distance to the test images in its embedding, beside what real images get.</summary>
    /// <param name="images">At least <see cref="FewestImages"/>, with labels.</param>
    /// <param name="reference">Real images, divided for these.</param>
    /// <param name="classifier">For such images.</param>
    /// <param name="threads">The work is shared out over these.</param>
    /// <param name="cancellation">Stops it.</param>
    /// <exception cref="MezzotintException">There are too few images, or the classifier does not fit.</exception>
    /// <exception cref="OperationCanceledException">It was stopped.</exception>
    public static (Figure Accuracy, Figure Distance) Brief(
        EvaluatedImages images, ReferenceImages reference, LoadedClassifier classifier, WorkerThreads threads,
        CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(images);
        ArgumentNullException.ThrowIfNull(reference);
        ArgumentNullException.ThrowIfNull(classifier);
        Check(images, reference, [classifier]);
        var run = new EvaluationRun(images, reference, [classifier], threads, [], null, cancellation);
        var said = run.AskClassifiers();
        var space = EvaluationRun.SpaceOf(said[0]);
        return (LabelMeasures.Accuracy(images, reference, said).First(), DistanceMeasures.Frechet(space, threads).First());
    }

    private static void Check(EvaluatedImages images, ReferenceImages reference, IReadOnlyList<LoadedClassifier> classifiers)
    {
        var set = images.Images;
        if (set.Count < FewestImages)
            throw new MezzotintException(
                $"{set.Name} has {set.Count} images: figures of fewer than {FewestImages} mean nothing. Take more.");
        if (reference.Test.Count < FewestImages || reference.TrainSample.Count < FewestImages
            || reference.Floor.Count < FewestImages)
            throw new MezzotintException(
                $"{reference.Train.Name} and {reference.Test.Name} have too few images to measure others against: "
                + $"{reference.Train.Count} and {reference.Test.Count}.");
        if (classifiers.DistinctBy(classifier => classifier.Info.Network.Architecture).Count() < classifiers.Count)
            throw new MezzotintException(
                "Two of the classifiers are of one architecture, so that they err alike: name two of different ones.");
        foreach (var classifier in classifiers)
        {
            var network = classifier.Info.Network;
            if ((network.Channels, network.Height, network.Width) != (set.Channels, set.Height, set.Width)
                || !classifier.Info.ClassNames.SequenceEqual(reference.Test.ClassNames))
                throw new MezzotintException(
                    $"The classifier '{classifier.Info.Name}' is for images of {network.Channels} x {network.Height} x "
                    + $"{network.Width} in the classes {string.Join(", ", classifier.Info.ClassNames.Take(12))}, not for those "
                    + $"of {reference.Test.Name}: train one with `mezzotint train-classifier --set DATA`.");
        }
    }
}
