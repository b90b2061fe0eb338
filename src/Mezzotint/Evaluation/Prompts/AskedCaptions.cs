using Mezzotint.Data;

namespace Mezzotint.Evaluation.Prompts;

/// <summary>The captions that a model is asked to draw: of some training pictures, and of all that were held out.</summary>
public sealed class AskedCaptions
{
    /// <summary>Figures of fewer mean nothing.</summary>
    public const int Fewest = 10;

    private const int RepeatedPrompts = 16;

    private AskedCaptions(CaptionedPictures set, IReadOnlyList<PicturePart> parts, int each, long seed)
    {
        (Set, Parts) = (set, parts);
        Pictures = [.. parts.SelectMany(part => part.Places)];
        Captions = [.. Pictures.Select(place => set.Images.Captions(place)[0])];
        if (each < 2)
            return;
        var repeats = new List<IReadOnlyList<int>>();
        int before = 0, next = Pictures.Count, ofPart = Math.Max(1, RepeatedPrompts / parts.Count);
        foreach (var part in parts)
        {
            foreach (int i in ReferenceImages.Order(part.Places.Count, seed).Take(ofPart))
            {
                repeats.Add([before + i, .. Enumerable.Range(next, each - 1)]);
                next += each - 1;
            }
            before += part.Places.Count;
        }
        Repeats = repeats;
    }

    /// <summary>The set that they are of.</summary>
    public CaptionedPictures Set { get; }

    /// <summary>The pictures whose captions are asked for: the training pictures, then each held-out part.</summary>
    public IReadOnlyList<PicturePart> Parts { get; }

    /// <summary>The places of all of them.</summary>
    public IReadOnlyList<int> Pictures { get; }

    /// <summary>Their captions, the first of each picture.</summary>
    public IReadOnlyList<string> Captions { get; }

    /// <summary>Of a few captions the places of several images among all that are drawn: that of the caption, then
    /// more.</summary>
    public IReadOnlyList<IReadOnlyList<int>> Repeats { get; } = [];

    /// <summary>What is to be drawn: the captions, then those that are asked for more often.</summary>
    public IReadOnlyList<string> Prompts =>
        [.. Captions, .. Repeats.SelectMany(places => Enumerable.Repeat(Captions[places[0]], places.Count - 1))];

    /// <summary>Chooses the captions.</summary>
    /// <param name="set">The set.</param>
    /// <param name="count">So many of the training pictures at most, drawn by lot; <see cref="Fewest"/> or more.</param>
    /// <param name="each">Images of each of a few captions, for <see cref="Repeats"/>; fewer than two for none.</param>
    /// <param name="seed">Of the lot.</param>
    /// <exception cref="MezzotintException">There are too few.</exception>
    public static AskedCaptions Choose(CaptionedPictures set, int count, int each, long seed) =>
        new(set, Parted(set, count, seed), each, seed);

    /// <summary>The pictures whose captions are asked for, in parts.</summary>
    internal static IReadOnlyList<PicturePart> Parted(CaptionedPictures set, int count, long seed)
    {
        ArgumentNullException.ThrowIfNull(set);
        PicturePart Captioned(PicturePart part) =>
            part with { Places = [.. part.Places.Where(place => set.Images.Captions(place).Count > 0)] };
        var train = Captioned(set.Train);
        if (Math.Min(count, train.Places.Count) < Fewest)
            throw new MezzotintException(
                $"{Math.Min(count, train.Places.Count)} training captions of {set.Images.Name} are asked for: figures of fewer "
                + $"than {Fewest} mean nothing. {(count < Fewest ? "Ask for more with --count" : "Add captioned pictures")}.")
                { Key = "--count" };
        var chosen = ReferenceImages.Order(train.Places.Count, seed).Take(count).Select(i => train.Places[i]);
        return [train with { Places = [.. chosen] }, .. set.HeldOut.Select(Captioned).Where(part => part.Places.Count > 0)];
    }
}
