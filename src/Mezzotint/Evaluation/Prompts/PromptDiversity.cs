namespace Mezzotint.Evaluation.Prompts;

/// <summary>How far apart pictures are that could have been asked for alike: distances of embeddings of length 1.</summary>
internal static class PromptDiversity
{
    /// <summary>The mean distance of two pictures of one prompt, the mean over the prompts.</summary>
    /// <param name="pictures">The embeddings.</param>
    /// <param name="prompts">Of each prompt the places of its pictures: two or more.</param>
    public static double Of(Points pictures, IReadOnlyList<IReadOnlyList<int>> prompts) => prompts.Average(places =>
        Pairs(places.Count).Average(pair => Distance(pictures[places[pair.A]], pictures[places[pair.B]])));

    /// <summary>The mean distance of the asked pictures to those that their captions differ from in one aspect alone; null where
    /// there are none.</summary>
    /// <param name="all">The embeddings of the set.</param>
    /// <param name="asked">The places of the asked pictures.</param>
    /// <param name="aspects">All aspects.</param>
    /// <param name="changed">The one that differs.</param>
    public static double? BetweenReal(
        Points all, IReadOnlyList<int> asked, IReadOnlyList<PictureAspect> aspects, PictureAspect changed)
    {
        double[] means = [.. asked.Select(picture => Enumerable.Range(0, all.Count)
            .Where(other => changed.Counts(picture) && changed.Counts(other)
                && aspects.All(aspect => aspect.Same(picture, other) == (aspect != changed)))
            .Select(other => Distance(all[picture], all[other])).DefaultIfEmpty(double.NaN).Average())
            .Where(mean => !double.IsNaN(mean))];
        return means.Length == 0 ? null : means.Average();
    }

    private static IEnumerable<(int A, int B)> Pairs(int count) =>
        Enumerable.Range(0, count).SelectMany(a => Enumerable.Range(a + 1, count - a - 1).Select(b => (a, b)));

    private static double Distance(ReadOnlySpan<double> a, ReadOnlySpan<double> b) =>
        Math.Sqrt(Math.Max(0, 2 - 2 * PairwiseDistances.Dot(a, b))); // of length 1
}
