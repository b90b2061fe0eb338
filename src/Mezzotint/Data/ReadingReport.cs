using System.Text.Json;
using System.Text.Json.Nodes;
using Mezzotint.Formats;

namespace Mezzotint.Data;

/// <summary>What a reader did with something other than to take it as it is.</summary>
public enum ReadingReason
{
    /// <summary>Left out: files of a format that is not read.</summary>
    Format,

    /// <summary>Left out: pictures that are damaged, or larger than is accepted.</summary>
    Damaged,

    /// <summary>Left out: pictures that the metadata name and that are not there.</summary>
    Missing,

    /// <summary>Left out: pictures that the metadata do not name.</summary>
    Unlisted,

    /// <summary>Left out: files and folders beside the folders of the classes.</summary>
    Beside,

    /// <summary>Left out: hidden files and folders, and what systems leave in folders, such as <c>__MACOSX</c>.</summary>
    Hidden,

    /// <summary>Folders without a picture, which are no classes.</summary>
    NoClass,

    /// <summary>Pictures without a caption in a set that has captions.</summary>
    NoCaption,

    /// <summary>Left out: arrays that are not asked for.</summary>
    Arrays,

    /// <summary>Colour that became grey, because one channel is asked for.</summary>
    Grey,

    /// <summary>Pictures that are transparent somewhere, which were laid on the background.</summary>
    Transparent,

    /// <summary>Animations, of which the first frame was taken.</summary>
    Animation,
}

/// <summary>One line of a report.</summary>
/// <param name="Reason">What was done.</param>
/// <param name="Count">To how many files, folders or arrays: 1 or more.</param>
/// <param name="First">The first of their names, up to <see cref="ReadingReport.NamesShown"/>, as seen from the
/// folder that was read.</param>
public sealed record ReadingNote(ReadingReason Reason, int Count, IReadOnlyList<string> First)
{
    /// <summary>The reasons by their keys of JSON.</summary>
    internal static IReadOnlyDictionary<string, ReadingReason> Reasons { get; } =
        Enum.GetValues<ReadingReason>().ToDictionary(reason => JsonNamingPolicy.SnakeCaseLower.ConvertName($"{reason}"));

    /// <summary>The reason as a key of JSON.</summary>
    internal string Key => JsonNamingPolicy.SnakeCaseLower.ConvertName($"{Reason}");

    /// <summary>The note as a short line.</summary>
    public override string ToString()
    {
        string names = string.Join(", ", First.Select(name => Printable.Line(name, 80))) + (Count > First.Count ? ", ..." : "");
        string Of(string one, string many) => Count == 1 ? $"1 {one}" : FormattableString.Invariant($"{Count:N0} {many}");
        string what = Reason switch
        {
            ReadingReason.Format => $"left out {Of("file", "files")} of a format that is not read",
            ReadingReason.Damaged => $"left out {Of("picture that is", "pictures that are")} damaged or too large",
            ReadingReason.Missing => $"left out {Of("picture", "pictures")} that the metadata name and that are not there",
            ReadingReason.Unlisted => $"left out {Of("picture that", "pictures that")} the metadata do not name",
            ReadingReason.NoCaption => Of("picture has no caption", "pictures have no caption"),
            ReadingReason.Beside => $"left out {Of("file or folder", "files and folders")} beside the classes",
            ReadingReason.Hidden => $"left out {Of("hidden file or folder", "hidden files and folders")}",
            ReadingReason.NoClass => Of(
                "folder without pictures of its own is no class", "folders without pictures of their own are no classes"),
            ReadingReason.Arrays => $"left out {Of("array", "arrays")}",
            ReadingReason.Grey => $"made {Of("picture", "pictures")} in colour grey, because the images have 1 channel",
            ReadingReason.Transparent => $"laid {Of("picture", "pictures")} with transparent parts on the background",
            _ => $"took the first frame of {Of("animation", "animations")}",
        };
        return $"{what}: {names}";
    }
}

/// <summary>What a reader of images took, and what it left out or changed, and why.</summary>
public sealed record ReadingReport
{
    /// <summary>How many names a note has at most.</summary>
    public const int NamesShown = 3;

    /// <summary>The folder or file.</summary>
    public required string Source { get; init; }

    /// <summary>Images taken.</summary>
    public required int Taken { get; init; }

    /// <summary>What was laid behind transparent parts.</summary>
    public Background Background { get; init; }

    /// <summary>One note for each reason there was, in the order of <see cref="ReadingReason"/>.</summary>
    public IReadOnlyList<ReadingNote> Notes { get; init; } = [];

    /// <summary>Reads what <see cref="ToJson"/> gives.</summary>
    internal static ReadingReport Parse(JsonElement json) => new()
    {
        Source = json.GetProperty("source").GetString()!,
        Taken = json.GetProperty("taken").GetInt32(),
        Background = Background.Parse(json.GetProperty("background").GetString()!),
        Notes = [.. json.GetProperty("notes").EnumerateObject().Select(note => new ReadingNote(
            ReadingNote.Reasons[note.Name], note.Value.GetProperty("count").GetInt32(),
            [.. note.Value.GetProperty("first").EnumerateArray().Select(name => name.GetString()!)]))],
    };

    /// <summary>The report as JSON: <c>{"source", "taken", "background", "notes": {REASON: {"count", "first"}}}</c>.</summary>
    public JsonObject ToJson() => new()
    {
        ["source"] = Source,
        ["taken"] = Taken,
        ["background"] = Background.ToString(),
        ["notes"] = new JsonObject(Notes.Select(note => KeyValuePair.Create(note.Key, (JsonNode?)new JsonObject
        {
            ["count"] = note.Count,
            ["first"] = new JsonArray([.. note.First.Select(name => (JsonNode?)JsonValue.Create(name))]),
        }))),
    };
}

/// <summary>Collects the notes of one reading.</summary>
internal sealed class ReadingNotes
{
    private readonly SortedDictionary<ReadingReason, (int Count, List<string> First)> _notes = [];

    public ReadingNotes() { }

    /// <summary>Begins with the notes of another.</summary>
    public ReadingNotes(ReadingNotes other)
    {
        FirstFailure = other.FirstFailure;
        foreach (var (reason, (count, first)) in other._notes)
            _notes.Add(reason, (count, [.. first]));
    }

    /// <summary>The first picture that could not be read.</summary>
    public MezzotintException? FirstFailure { get; private set; }

    public void Add(ReadingReason reason, string name)
    {
        var (count, first) = _notes.GetValueOrDefault(reason, (0, []));
        if (count < ReadingReport.NamesShown)
            first.Add(name);
        _notes[reason] = (count + 1, first);
    }

    /// <summary>Notes a picture that could not be read.</summary>
    public void AddFailure(ReadingReason reason, string name, MezzotintException failure)
    {
        FirstFailure ??= failure;
        Add(reason, name);
    }

    public ReadingReport Report(string source, int taken, Background background = default) => new()
    {
        Source = source,
        Taken = taken,
        Background = background,
        Notes = [.. _notes.Select(note => new ReadingNote(note.Key, note.Value.Count, note.Value.First))],
    };

    /// <summary>The notes at the end of a message, or nothing.</summary>
    public override string ToString() => string.Concat(Report("", 0).Notes.Select(note => $" ({note})"));
}
