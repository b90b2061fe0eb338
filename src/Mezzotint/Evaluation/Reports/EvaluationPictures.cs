using Mezzotint.Formats;

namespace Mezzotint.Evaluation.Reports;

/// <summary>The pictures of an evaluation: figures say how often, pictures what.</summary>
internal static class EvaluationPictures
{
    private const int Columns = 20, MostPairs = 40;

    /// <summary>The measured images, a row a label, the first of each; without labels row after row.</summary>
    public static ImageBatch Samples(ImageEvaluation evaluation)
    {
        ArgumentNullException.ThrowIfNull(evaluation);
        var set = evaluation.Images.Images;
        var grid = Grid(evaluation);
        if (evaluation.Images.Labelled)
            for (int label = 0; label < set.ClassNames.Count; label++)
            {
                foreach (int i in Enumerable.Range(0, set.Count).Where(i => set.Labels[i] == label).Take(Columns))
                    grid.Add(set.Image(i), Ink.Black);
                grid.EndRow();
            }
        else
            for (int i = 0; i < Math.Min(set.Count, 10 * Columns); i++)
                grid.Add(set.Image(i), Ink.Black);
        return grid.Print();
    }

    /// <summary>Real images in the same order, as many: what the samples are to look like.</summary>
    public static ImageBatch Real(ImageEvaluation evaluation)
    {
        ArgumentNullException.ThrowIfNull(evaluation);
        var floor = evaluation.Reference.Floor;
        var grid = Grid(evaluation);
        for (int i = 0; i < Math.Min(floor.Count, 10 * Columns) && floor.ClassNames.Count == 0; i++)
            grid.Add(floor.Image(i), Ink.Copper);
        for (int label = 0; label < floor.ClassNames.Count; label++)
        {
            foreach (int i in Enumerable.Range(0, floor.Count).Where(i => floor.Labels[i] == label).Take(Columns))
                grid.Add(floor.Image(i), Ink.Copper);
            grid.EndRow();
        }
        return grid.Print();
    }

    /// <summary>The images that the classifiers take least for their label, the worst first; null where there are none.</summary>
    public static ImageBatch? Worst(ImageEvaluation evaluation)
    {
        ArgumentNullException.ThrowIfNull(evaluation);
        if (evaluation.Worst.Count == 0)
            return null;
        var grid = Grid(evaluation);
        foreach (int i in evaluation.Worst)
            grid.Add(evaluation.Images.Images.Image(i), Ink.Black);
        return grid.Print();
    }

    /// <summary>Pairs of an image and the training image that is nearest to it, for the images that come nearest for their class:
    /// ink and copper.</summary>
    public static ImageBatch Neighbours(ImageEvaluation evaluation)
    {
        ArgumentNullException.ThrowIfNull(evaluation);
        var grid = Grid(evaluation);
        foreach (int i in NearestFirst(evaluation).Take(MostPairs))
        {
            grid.Add(evaluation.Images.Images.Image(i), Ink.Black);
            grid.Add(evaluation.Reference.Train.Image(evaluation.Nearest[i].Index), Ink.Copper);
        }
        return grid.Print();
    }

    internal static IEnumerable<int> NearestFirst(ImageEvaluation evaluation) =>
        Enumerable.Range(0, evaluation.NearestRatios.Length).OrderBy(i => evaluation.NearestRatios[i]).ThenBy(i => i);

    private static PrintGrid Grid(ImageEvaluation evaluation)
    {
        var set = evaluation.Images.Images;
        return new PrintGrid(set.Channels, set.Height, set.Width, Columns);
    }
}
