using System.Globalization;
using Mezzotint.Data;
using Mezzotint.Runtime;

namespace Mezzotint.Evaluation.Prompts;

/// <summary>The figures of a model that is asked in words.</summary>
/// <param name="asked">What it was asked for.</param>
/// <param name="aspects">What is looked for piece by piece; the first is the picture itself.</param>
/// <param name="seen">What was drawn.</param>
internal sealed class PromptFigures(AskedCaptions asked, IReadOnlyList<PictureAspect> aspects, JudgedImages seen)
{
    private readonly (PicturePart Part, int Start)[] _parts = [.. asked.Parts.Select((part, i) =>
        (part, asked.Parts.Take(i).Sum(before => before.Places.Count)))];

    /// <summary>The text-image score of each image of a caption.</summary>
    public double[] Scores { get; } = new double[asked.Pictures.Count];

    /// <summary>All figures.</summary>
    public IReadOnlyList<Figure> All(WorkerThreads threads) =>
    [
        .. _parts.SelectMany(part => Shares(part.Part, part.Start)),
        .. _parts.Select(part => Score(part.Part, part.Start)),
        .. _parts.Skip(1).SelectMany(part => Memorised(part.Part, part.Start)),
        .. Diversity(),
        .. new PromptDistances(asked, seen, threads).All(),
    ];

    private IEnumerable<Figure> Shares(PicturePart part, int start)
    {
        foreach (var measure in seen.Measures)
            foreach (var aspect in aspects)
            {
                PromptShares? Of(NearestPictures nearest) => PromptShares.Of(
                    aspect, part.Places, nearest.Nearest.AsSpan(start, part.Places.Count).ToArray());
                var figure = new Figure
                {
                    Key = Key(aspect.Name, measure.Key, part.Name),
                    Group = $"Nearest picture shows what was asked for, {part.Name}",
                    Name = $"{aspect.Name}, {measure.Name}",
                    Unit = FigureUnit.Share,
                    Better = Better.Higher,
                };
                yield return Of(measure.Drawn) is not { } shares ? figure with { Missing = "no caption asks for it" }
                    : figure with
                    {
                        Name = string.Create(CultureInfo.InvariantCulture, $"{figure.Name} ({shares.Count:N0})"),
                        Value = shares.Value,
                        StandardError = LabelMeasures.ErrorOf(shares.Value, shares.Count),
                        Real = Of(measure.Real)!.Value,
                        Shuffled = shares.Shuffled,
                    };
            }
    }

    private Figure Score(PicturePart part, int start)
    {
        int[] rows = [.. Enumerable.Range(start, part.Places.Count)];
        var texts = seen.Captions.Take(rows);
        var mine = TextImageScore.Of(texts, seen.Drawn.Take(rows));
        mine.Each.CopyTo(Scores, start);
        return new()
        {
            Key = Key("score", part.Name),
            Group = "Text-image score",
            Name = part.Name,
            Value = mine.Mean,
            StandardError = mine.StandardError,
            Real = TextImageScore.Of(texts, seen.Real.Take(rows)).Mean,
            Shuffled = mine.Shuffled,
            Better = Better.Higher,
        };
    }

    private IEnumerable<Figure> Memorised(PicturePart part, int start) => seen.Measures.Select(measure =>
    {
        int count = part.Places.Count;
        double share = (double)Enumerable.Range(start, count).Count(
            i => measure.Drawn.TrainSquares[i] < measure.Real.TrainSquares[i]) / count;
        return new Figure
        {
            Key = Key("memorised", measure.Key, part.Name),
            Group = "Nearer to a training picture than the real picture of the caption is",
            Name = $"{part.Name}, {measure.Name}",
            Value = share,
            StandardError = LabelMeasures.ErrorOf(share, count),
            Unit = FigureUnit.Share,
            Better = Better.Lower,
        };
    });

    private IEnumerable<Figure> Diversity()
    {
        if (asked.Repeats.Count == 0)
            yield break;
        const string group = "Distance of pictures to each other, by the judge";
        yield return new Figure
        {
            Key = "diversity",
            Group = group,
            Name = $"{asked.Repeats[0].Count} images of one prompt ({asked.Repeats.Count} prompts)",
            Value = PromptDiversity.Of(seen.Drawn, asked.Repeats),
            Better = Better.AsReal,
        };
        int[] pictures = [.. asked.Repeats.Select(places => asked.Pictures[places[0]])];
        foreach (var aspect in aspects.Skip(1))
            if (PromptDiversity.BetweenReal(seen.All, pictures, [.. aspects.Skip(1)], aspect) is { } distance)
                yield return new Figure
                {
                    Key = Key("diversity_real", aspect.Name),
                    Group = group,
                    Name = $"real pictures that differ in {aspect.Name} alone",
                    Real = distance,
                    Better = Better.AsReal,
                };
    }

    /// <summary>A key in snake_case of names that may have other characters.</summary>
    internal static string Key(params IEnumerable<string> names) => string.Concat(string.Join('_', names).Select(
        character => char.IsAsciiLetterOrDigit(character) ? char.ToLowerInvariant(character) : '_'));
}
