using System.CommandLine;
using System.CommandLine.Parsing;
using Mezzotint.Data;
using Mezzotint.Training;

namespace Mezzotint.Cli.Choices;

/// <summary>The options of the verbs that read a data set as a training would: the keys of <c>[data]</c>, and short forms of
/// some.</summary>
internal sealed class DataChoice
{
    private const string Table = "data.";

    private readonly FolderChoice _pictures = new();
    private readonly Option<string[]> _overrides = Options.Overrides(
        "Set a key of the table [data] of a configuration, such as data.fit=pad or data.label=category. May be given several "
        + "times.");

    public IReadOnlyList<Option> All => [.. _pictures.All, _overrides];

    /// <summary>How a set is to be read.</summary>
    /// <param name="result">What was given.</param>
    /// <param name="part">Which of its images.</param>
    /// <exception cref="MezzotintException">A setting is of another table, or not allowed.</exception>
    public ReadingOptions Read(ParseResult result, ImageSplit part)
    {
        string[] overrides = result.GetValue(_overrides) ?? [];
        if (overrides.FirstOrDefault(text => !text.TrimStart().StartsWith(Table, StringComparison.Ordinal)) is { } other)
            throw new MezzotintException(
                $"--set {other}: only keys of the table [data] say how a set is read, such as data.size=32.") { Key = "--set" };
        return _pictures.Read(result).Reading(part, channels: null, Configuration.Parse("", "--set", overrides).Data);
    }
}
