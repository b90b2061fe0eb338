using Mezzotint.Runtime;

namespace Mezzotint.Evaluation;

/// <summary>The figures that are distances between sets of points.</summary>
internal static class DistanceMeasures
{
    public static IEnumerable<Figure> Frechet(Space space)
    {
        var (mine, test, train, floor) =
            (Moments.Of(space.Images), Moments.Of(space.Test), Moments.Of(space.Train), Moments.Of(space.Floor));
        Figure Distance(string against, string words, Moments reference) => new()
        {
            Key = $"frechet_{space.Key}_{against}",
            Group = $"Frechet distance to {words}",
            Name = space.Name,
            Value = FrechetDistance.Between(mine, reference),
            Real = FrechetDistance.Between(floor, reference),
            Better = Better.Lower,
        };
        return [Distance("test", "the test images", test), Distance("train", "training images", train)];
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
    public static IEnumerable<Figure> PrecisionAndRecall(Space space, WorkerThreads threads)
    {
        PrecisionRecall Against(Points points)
        {
            int count = Math.Min(points.Count, space.Test.Count);
            return PrecisionRecall.Of(Drawn(space.Test, count), Drawn(points, count), threads);
        }
        var (mine, floor) = (Against(space.Images), Against(space.Floor));
        Figure Share(string key, string name, double value, double real) => new()
        {
            Key = key,
            Group = $"Precision and recall (k = {PrecisionRecall.Neighbours})",
            Name = $"{name}, {space.Name}",
            Value = value,
            Real = real,
            Unit = FigureUnit.Share,
            Better = Better.Higher,
        };
        yield return Share("precision", "precision", mine.Precision, floor.Precision);
        yield return Share("recall", "recall", mine.Recall, floor.Recall);
    }

    private static Points Drawn(Points points, int count) =>
        count == points.Count ? points : points.Take(ReferenceImages.Order(points.Count, seed: 0)[..count]);
}
