using Mezzotint.Data;
using Mezzotint.Evaluation.Prompts;

namespace Mezzotint.Cli.Choices;

/// <summary>What captions ask for piece by piece: <c>--aspect NAME=PATTERN</c>.</summary>
internal static class AspectList
{
    public const string Option = "--aspect";

    /// <summary>The names, and the values of each picture of a set.</summary>
    /// <exception cref="MezzotintException">A name or a pattern is wrong, or no picture has such a value.</exception>
    public static IReadOnlyList<AspectValues> Read(
        IReadOnlyList<string> aspects, CaptionedPictures set)
    {
        var read = new List<AspectValues>();
        foreach (string aspect in aspects)
        {
            int equals = aspect.IndexOf('=', StringComparison.Ordinal);
            string name = equals < 0 ? "" : aspect[..equals].Trim();
            if (name.Length == 0 || !name.All(letter => char.IsAsciiLetterOrDigit(letter) || letter is '-' or '_'))
                throw Wrong($"{Option} takes NAME=PATTERN such as style={{style}}, a name of letters, digits and hyphens, not "
                    + $"'{aspect}'.");
            if (name == AspectValues.WholePicture || read.Any(other => other.Name == name))
                throw Wrong($"{Option} {name}: there is one of this name already, choose another.");
            if (string.IsNullOrWhiteSpace(aspect[(equals + 1)..]))
                throw Wrong($"{Option} {name}: its pattern is empty, name a column such as {{style}}.");
            var values = Values(set, name, aspect[(equals + 1)..]);
            if (values.All(value => value.Count == 0))
                throw Wrong($"{Option} {name}: no picture of {set.Images.Name} has such a value.");
            read.Add(new(name, values));
        }
        return read;
    }

    private static IReadOnlyList<IReadOnlyList<string>> Values(CaptionedPictures set, string name, string pattern)
    {
        const string setting = "data.caption"; // what a pattern is elsewhere
        try
        {
            return set.Values(pattern);
        }
        catch (MezzotintException wrong) when (wrong.Key == setting)
        {
            throw new MezzotintException(
                wrong.Message.Replace(setting, $"{Option} {name}", StringComparison.Ordinal), wrong) { Key = Option };
        }
    }

    private static MezzotintException Wrong(string message) => new(message) { Key = Option };
}
