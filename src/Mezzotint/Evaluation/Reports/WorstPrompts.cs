using Mezzotint.Evaluation.Prompts;
using Mezzotint.Formats;

namespace Mezzotint.Evaluation.Reports;

/// <summary>The images that fit their captions least, each beside the real picture of its caption.</summary>
public static class WorstPrompts
{
    /// <summary>How many there are.</summary>
    public const int Most = 48;

    private const int PairsInRow = 6;

    /// <summary>Pairs in rows, the lowest score first: the real picture, what was drawn, the next real one, ...</summary>
    /// <param name="evaluation">What has them.</param>
    public static ImageBatch Sheet(PromptEvaluation evaluation)
    {
        ArgumentNullException.ThrowIfNull(evaluation);
        var images = evaluation.Asked.Set.Images;
        var grid = new PrintGrid(images.Channels, images.Height, images.Width, 2 * PairsInRow);
        foreach (int i in evaluation.Worst.Take(Most))
        {
            grid.Add(images.Image(evaluation.Asked.Pictures[i]), Ink.Copper);
            grid.Add(evaluation.Drawn.Image(i), Ink.Black);
        }
        return grid.Print();
    }
}
