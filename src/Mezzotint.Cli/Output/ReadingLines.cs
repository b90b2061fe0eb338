using Mezzotint.Data;

namespace Mezzotint.Cli.Output;

/// <summary>What readers of pictures left out or changed, at the terminal.</summary>
internal static class ReadingLines
{
    /// <summary>Says it in one short line a reason; what is true of both parts of one folder is said once.</summary>
    public static void Say(Terminal terminal, params IEnumerable<ImageSet?> sets)
    {
        var lines = sets.OfType<ImageSet>()
            .SelectMany(set => set.Reading?.Notes.Select(note => (set.Reading.Source, set.Name, Text: note.ToString())) ?? [])
            .DistinctBy(line => (line.Source, line.Text));
        foreach (var (_, name, text) in lines)
            terminal.Say($"{name}: {text}");
    }
}
