namespace Mezzotint.Evaluation.Prompts;

/// <summary>How often the nearest picture of a set shows what was asked for.</summary>
/// <param name="Count">Captions that ask for it.</param>
/// <param name="Value">The share of their pictures that are nearest to one that shows it, 0 to 1.</param>
/// <param name="Shuffled">The same where each picture is held against the captions of the others, in the mean over all of them:
/// chance; null of fewer than two.</param>
internal sealed record PromptShares(int Count, double Value, double? Shuffled)
{
    /// <summary>Counts; null where no caption asks for the aspect.</summary>
    /// <param name="aspect">What is asked for.</param>
    /// <param name="asked">The picture of the set whose caption each picture was asked with.</param>
    /// <param name="nearest">Of each picture the nearest of the set; of several, each counts for its part.</param>
    public static PromptShares? Of(PictureAspect aspect, IReadOnlyList<int> asked, IReadOnlyList<int[]> nearest)
    {
        int[] counted = [.. Enumerable.Range(0, asked.Count).Where(i => aspect.Counts(asked[i]))];
        if (counted.Length == 0)
            return null;
        double Credit(int i, int caption) =>
            (double)nearest[i].Count(found => aspect.Fits(asked[caption], found)) / nearest[i].Length;
        int others = counted.Length - 1;
        return new(counted.Length, counted.Average(i => Credit(i, i)), others == 0 ? null
            : counted.Average(i => counted.Where(caption => caption != i).Sum(caption => Credit(i, caption)) / others));
    }
}
