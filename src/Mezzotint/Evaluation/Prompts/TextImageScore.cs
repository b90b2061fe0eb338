namespace Mezzotint.Evaluation.Prompts;

/// <summary>How well captions and pictures go together: the cosine of their embeddings, as CLIP's score has it (Hessel et al.
/// 2021, arXiv 2104.08718, without its factor).</summary>
/// <param name="Each">Of each picture with its own caption: -1 to 1.</param>
/// <param name="Shuffled">The mean over all pictures with the captions of the others; null of fewer than two.</param>
internal sealed record TextImageScore(double[] Each, double? Shuffled)
{
    /// <summary>The mean.</summary>
    public double Mean => Each.Average();

    /// <summary>The standard error of the mean; null of fewer than two.</summary>
    public double? StandardError => Each.Length < 2 ? null
        : Math.Sqrt(Each.Sum(score => (score - Mean) * (score - Mean)) / (Each.Length - 1) / Each.Length);

    /// <summary>Compares captions with pictures.</summary>
    /// <param name="texts">[N, D], of length 1.</param>
    /// <param name="pictures">Likewise, in the same order.</param>
    public static TextImageScore Of(Points texts, Points pictures)
    {
        double[] each = [.. Enumerable.Range(0, texts.Count).Select(i => PairwiseDistances.Dot(texts[i], pictures[i]))];
        // the sum over all pairs is the product of the sums
        double all = PairwiseDistances.Dot(Sum(texts), Sum(pictures));
        return new(each, texts.Count < 2 ? null : (all - each.Sum()) / texts.Count / (texts.Count - 1));
    }

    private static double[] Sum(Points points)
    {
        double[] sum = new double[points.Length];
        for (int i = 0; i < points.Count; i++)
            for (int j = 0; j < sum.Length; j++)
                sum[j] += points[i][j];
        return sum;
    }
}
