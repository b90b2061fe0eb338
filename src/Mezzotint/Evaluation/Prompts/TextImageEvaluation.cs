using System.Globalization;
using Mezzotint.Data;
using Mezzotint.Models;
using Mezzotint.Runtime;
using Mezzotint.Training;
using static TorchSharp.torch;

namespace Mezzotint.Evaluation.Prompts;

/// <summary>How well a text-image model finds pictures by captions and captions by pictures, among all of a set.</summary>
public static class TextImageEvaluation
{
    /// <summary>Measures a model.</summary>
    /// <param name="model">The model, on the CPU.</param>
    /// <param name="set">The set.</param>
    /// <param name="count">Captions of the training pictures that are asked for, drawn by lot; those of all held-out pictures
    /// are.</param>
    /// <param name="seed">Of the lot.</param>
    /// <param name="threads">What shares the work.</param>
    /// <param name="cancellation">Stops it.</param>
    /// <returns>Two figures a part; beside each the share of a model that guesses.</returns>
    /// <exception cref="MezzotintException">There are too few captions, or the model is for pictures of another
    /// size.</exception>
    /// <exception cref="OperationCanceledException">It was stopped.</exception>
    public static IReadOnlyList<Figure> Of(
        LoadedTextImageModel model, CaptionedPictures set, int count, long seed, WorkerThreads threads,
        CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(set);
        PromptEvaluation.CheckJudge(model, set.Images);
        var parts = AskedCaptions.Parted(set, count, seed);
        using var scope = NewDisposeScope();
        int[] captioned = [.. Enumerable.Range(0, set.Images.Count).Where(i => set.Images.Captions(i).Count > 0)];
        var all = set.Images.Pick(captioned);
        var retrieval = new Retrieval(model.Network, model.Tokenizer, threads, CPU, cancellation);
        var (pictures, captions) = (retrieval.Pictures(all), retrieval.Captions(all));
        var places = captioned.Index().ToDictionary(at => at.Item, at => at.Index);
        return
        [
            .. parts.SelectMany(part =>
            {
                int[] asked = [.. part.Places.Select(place => places[place])];
                var rows = tensor([.. asked.Select(place => (long)place)]);
                var (picture, caption) = Retrieval.First(all.Pick(asked), pictures.index_select(0, rows),
                    captions.index_select(0, rows), all, pictures, captions);
                return (Figure[])
                [
                    First("picture", "Caption to picture", part, picture),
                    First("caption", "Picture to caption", part, caption),
                ];
            }).OrderBy(figure => figure.Key.StartsWith("caption", StringComparison.Ordinal)),
        ];

        Figure First(string what, string way, PicturePart part, double share) => new()
        {
            Key = PromptFigures.Key(what, "first", part.Name),
            Group = Invariant($"{way} among all {all.Count:N0}, first place"),
            Name = Invariant($"{part.Name} ({part.Places.Count:N0})"),
            Value = share,
            StandardError = LabelMeasures.ErrorOf(share, part.Places.Count),
            Shuffled = 1.0 / all.Count,
            Unit = FigureUnit.Share,
            Better = Better.Higher,
        };
    }

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
