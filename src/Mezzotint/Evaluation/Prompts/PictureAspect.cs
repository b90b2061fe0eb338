namespace Mezzotint.Evaluation.Prompts;

/// <summary>Something that captions ask for, such as a style.</summary>
/// <param name="Name">What it is called.</param>
/// <param name="Values">What it is in each picture of a set, of which any is right; none where a picture has no such
/// thing.</param>
public sealed record AspectValues(string Name, IReadOnlyList<IReadOnlyList<string>> Values)
{
    /// <summary>The name of the aspect that is the picture as a whole; no other may have it.</summary>
    public const string WholePicture = "picture";
}

/// <summary>An aspect of the pictures of a set, of which some are the same.</summary>
internal sealed class PictureAspect
{
    private readonly IReadOnlyList<IReadOnlyList<string>> _own;
    private readonly Dictionary<int, HashSet<string>> _shown = [];
    private readonly int[] _equal;

    /// <summary>Reads the values.</summary>
    /// <param name="aspect">The values.</param>
    /// <param name="equal">As <see cref="EqualPictures"/> gives it: a picture shows the values of all that are the same.</param>
    public PictureAspect(AspectValues aspect, int[] equal)
    {
        (Name, _own, _equal) = (aspect.Name, aspect.Values, equal);
        for (int i = 0; i < equal.Length; i++)
        {
            if (!_shown.TryGetValue(equal[i], out var values))
                _shown[equal[i]] = values = new(StringComparer.Ordinal);
            values.UnionWith(_own[i]);
        }
    }

    /// <summary>What it is called.</summary>
    public string Name { get; }

    /// <summary>Whether a picture's caption asks for it.</summary>
    public bool Counts(int picture) => _own[picture].Count > 0;

    /// <summary>Whether picture <paramref name="found"/> shows what the caption of <paramref name="asked"/> asks for.</summary>
    public bool Fits(int asked, int found) => _shown[_equal[found]].Overlaps(_own[asked]);

    /// <summary>Whether the captions of two pictures ask for the same, which may be nothing.</summary>
    public bool Same(int a, int b) => _own[a].SequenceEqual(_own[b], StringComparer.Ordinal);
}
