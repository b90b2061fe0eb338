namespace Mezzotint.Evaluation;

/// <summary>The figures that ask what an image shows, and what it was to show.</summary>
internal static class LabelMeasures
{
    private const int MostWorst = 60;

    /// <summary>The standard error of a share: sqrt(p (1 - p) / n); null of none and of all, where that formula knows
    /// nothing.</summary>
    public static double? ErrorOf(double share, int count) =>
        share is > 0 and < 1 ? Math.Sqrt(share * (1 - share) / count) : null;

    /// <summary>The share of images that show their label, by each classifier and by all at once; real images are the test
    /// images.</summary>
    public static IEnumerable<Figure> Accuracy(
        EvaluatedImages images, ReferenceImages reference, IReadOnlyList<ClassifierAnswers> said)
    {
        Figure Share(string key, string name, double share, double real) => new()
        {
            Key = key,
            Group = "Accuracy of the asked label",
            Name = name,
            Value = images.Labelled ? share : null,
            StandardError = images.Labelled ? ErrorOf(share, images.Images.Count) : null,
            Missing = images.WhyUnlabelled,
            Real = real,
            Unit = FigureUnit.Share,
            Better = Better.Higher,
        };
        foreach (var answer in said)
            yield return Share(
                $"accuracy_{answer.Facts.Architecture}", $"{answer.Facts.Architecture} classifier",
                answer.Images.Accuracy(images.Images.Labels), answer.Facts.TestAccuracy);
        if (said.Count > 1)
            yield return Share("accuracy_all", said.Count == 2 ? "both agree on it" : "all agree on it",
                AllRight(said.Select(answer => answer.Images.Labels), images.Images.Labels),
                AllRight(said.Select(answer => answer.Test.Labels), reference.Test.Labels));
    }

    /// <summary>Balance and diversity, over all labels.</summary>
    public static IEnumerable<Figure> Summary(
        EvaluatedImages images, ReferenceImages reference, IReadOnlyList<ClassifierAnswers> said,
        IReadOnlyList<LabelFigures> labels)
    {
        var scored = labels.Where(label => label.Diversity is not null).ToList();
        yield return new Figure
        {
            Key = "diversity",
            Group = "Diversity",
            Name = "images of a label that differ in effect (Vendi score)",
            Value = scored.Count > 0 ? scored.Average(label => label.Diversity!.Value) : null,
            Real = scored.Count > 0 ? scored.Average(label => label.RealDiversity!.Value) : null,
            Missing = images.WhyUnlabelled ?? (scored.Count > 0 ? null : "no label has two images"),
            Better = Better.AsReal,
        };
        if (said.Count == 0)
            yield break; // nobody tells what they show
        int classes = reference.Test.ClassNames.Count;
        var testShares = Shares(reference.Test.Labels, classes);
        yield return new Figure
        {
            Key = "class_imbalance",
            Group = "Class balance",
            Name = $"share to move for {(images.Labelled ? "the balance that was asked for" : "the balance of the test set")}",
            Value = Apart(
                Shares(said[0].Images.Labels, classes), images.Labelled ? Shares(images.Images.Labels, classes) : testShares),
            Real = Apart(Shares(said[0].Test.Labels, classes), testShares),
            Unit = FigureUnit.Share,
            Better = Better.Lower,
        };
    }

    /// <summary>What was found label by label; of as many images of the floor as there are of the label.</summary>
    public static IEnumerable<LabelFigures> PerLabel(
        EvaluatedImages images, ReferenceImages reference, IReadOnlyList<ClassifierAnswers> said, Space coarse)
    {
        var set = images.Images;
        for (int label = 0; label < set.ClassNames.Count; label++)
        {
            int[] mine = Of(set.Labels, label), test = Of(reference.Test.Labels, label),
                floor = Of(reference.Floor.Labels, label);
            if (mine.Length == 0)
                continue;
            int scored = Math.Min(mine.Length, floor.Length);
            double? diversity = null, real = null;
            if (scored > 1 && test.Length > 1)
            {
                double width = Diversity.TotalVariance(coarse.Test.Take(test));
                diversity = Diversity.VendiScore(coarse.Images.Take(mine[..scored]), width);
                real = Diversity.VendiScore(coarse.Floor.Take(floor[..scored]), width);
            }
            yield return new LabelFigures(label, set.ClassNames[label], mine.Length,
                [.. said.Select(answer => mine.Count(i => answer.Images.Labels[i] == label) / (double)mine.Length)],
                [
                    .. said.Select(answer =>
                        test.Length == 0 ? double.NaN : test.Count(i => answer.Test.Labels[i] == label) / (double)test.Length),
                ],
                diversity, real);
        }
    }

    /// <summary>The images whose label the classifiers believe in least.</summary>
    public static IReadOnlyList<int> Worst(EvaluatedImages images, IReadOnlyList<ClassifierAnswers> said)
    {
        if (said.Count == 0)
            return [];
        int classes = images.Images.ClassNames.Count;
        double Belief(int i) => said.Average(answer => images.Labelled
            ? answer.Images.Confidence[i * classes + images.Images.Labels[i]]
            : (double)answer.Images.Confidence[i * classes + answer.Images.Labels[i]]);
        return [.. Enumerable.Range(0, images.Images.Count)
            .Where(i => !images.Labelled || said.Any(answer => answer.Images.Labels[i] != images.Images.Labels[i]))
            .Select(i => (Index: i, Belief: Belief(i))).OrderBy(image => image.Belief).ThenBy(image => image.Index)
            .Take(MostWorst).Select(image => image.Index)];
    }

    /// <summary>Half the sum of the differences of shares: how many images in all would have to be of another class.</summary>
    internal static double Apart(double[] a, double[] b) => a.Zip(b, (x, y) => Math.Abs(x - y)).Sum() / 2;

    private static double[] Shares(byte[] labels, int classes)
    {
        var shares = new double[classes];
        foreach (byte label in labels)
            shares[label] += 1.0 / labels.Length;
        return shares;
    }

    private static double AllRight(IEnumerable<byte[]> said, byte[] labels)
    {
        var answers = said.ToList();
        return Enumerable.Range(0, labels.Length)
            .Count(i => answers.TrueForAll(answer => answer[i] == labels[i])) / (double)labels.Length;
    }

    private static int[] Of(byte[] labels, int label) => [.. Enumerable.Range(0, labels.Length).Where(i => labels[i] == label)];
}
