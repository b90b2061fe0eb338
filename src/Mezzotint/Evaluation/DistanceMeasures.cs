using Mezzotint.Runtime;

namespace Mezzotint.Evaluation;

/// <summary>The figures that are distances between sets of points.</summary>
internal static class DistanceMeasures
{
    private const long BootstrapSeed = 1;

    /// <summary>To the test images, with the ratio to what real images get, and to training images.</summary>
    public static IEnumerable<Figure> Frechet(Space space, WorkerThreads threads)
    {
        var (mine, floor, ratio) = FrechetRatio.Of(space, threads, BootstrapSeed);
        var train = Moments.Of(space.Train);
        Figure Distance(string against, string words, double value, double real) => new()
        {
            Key = $"frechet_{space.Key}_{against}",
            Group = $"Frechet distance to {words}",
            Name = space.Name,
            Value = value,
            Real = real,
            Better = Better.Lower,
        };
        return
        [
            Distance("test", "the test images", mine, floor) with { Ratio = ratio },
            Distance("train", "training images", FrechetDistance.Between(Moments.Of(space.Images), train),
                FrechetDistance.Between(Moments.Of(space.Floor), train)),
        ];
    }

    public static IEnumerable<Figure> Kernel(Space space, WorkerThreads threads)
    {
        var distance = new KernelDistance(space.Test, threads);
        var (mine, floor) = (distance.To(space.Images), distance.To(space.Floor));
        yield return new Figure
        {
            Key = $"kernel_{space.Key}_test",
            Group = "Kernel distance to the test images",
            Name = space.Name,
            Value = mine.Value,
            StandardError = mine.StandardError,
            Real = floor.Value,
            Better = Better.Lower,
        };
    }

    /// <summary>Of as many images as test images, both drawn at random where there are more: the two figures depend on the
    /// counts.</summary>
    public static IReadOnlyList<Figure> PrecisionAndRecall(Space space, bool first, WorkerThreads threads)
    {
        PrecisionRecall Against(Points points)
        {
            int count = Math.Min(points.Count, space.Test.Count);
            return PrecisionRecall.Of(Drawn(space.Test, count), Drawn(points, count), threads);
        }
        var (mine, floor) = (Against(space.Images), Against(space.Floor));
        int of = Math.Min(space.Images.Count, space.Test.Count);
        Figure Share(string key, string name, double value, double real) => new()
        {
            Key = first ? key : $"{key}_{space.Key}", // the first space's keys are from when there was one alone
            Group = $"Precision and recall (k = {PrecisionRecall.Neighbours})",
            Name = $"{name}, {space.Name}",
            Value = value,
            StandardError = LabelMeasures.ErrorOf(value, of),
            Real = real,
            Ratio = OfShares(value, real, of),
            Unit = FigureUnit.Share,
            Better = Better.Higher,
        };
        return
        [
            Share("precision", "precision", mine.Precision, floor.Precision),
            Share("recall", "recall", mine.Recall, floor.Recall),
        ];
    }

    /// <summary>The worst ratio of a kind, over the spaces: what a set of images is worth.</summary>
    /// <param name="figures">Of that kind, one a space.</param>
    /// <param name="key">The new figure's key.</param>
    /// <param name="name">The new figure's name.</param>
    public static IEnumerable<Figure> Worst(IEnumerable<Figure> figures, string key, string name)
    {
        var rated = figures.Where(figure => figure.Ratio is not null).ToList();
        if (rated.Count == 0)
            yield break;
        var worst = rated[0].Better == Better.Lower
            ? rated.MaxBy(figure => figure.Ratio!.Value)! : rated.MinBy(figure => figure.Ratio!.Value)!;
        yield return new Figure
        {
            Key = key,
            Group = "The worst space: how many times what real images get",
            Name = name,
            Value = worst.Ratio!.Value,
            Real = 1,
            Ratio = worst.Ratio,
            Better = worst.Better,
            Note = $"in the space '{worst.Key}', the worst of {rated.Count}",
        };
    }

    /// <summary>The ratio of two shares of as many images. Each is binomial, given the ground that the other set covers: the
    /// bootstrap's limit, without the drawing.</summary>
    private static RatioInterval? OfShares(double value, double real, int count)
    {
        if (value <= 0 || real <= 0)
            return null;
        double variance = (1 - value) / (value * count) + (1 - real) / (real * count);
        double ratio = value / real, factor = Math.Exp(RatioInterval.Deviations * Math.Sqrt(variance));
        return new(ratio, ratio / factor, ratio * factor);
    }

    private static Points Drawn(Points points, int count) =>
        count == points.Count ? points : points.Take(ReferenceImages.Order(points.Count, seed: 0)[..count]);
}
