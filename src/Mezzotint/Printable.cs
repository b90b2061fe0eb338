using System.Globalization;
using System.Text;

namespace Mezzotint;

/// <summary>Text from a file that nobody vouches for, made fit for a one-line message.</summary>
internal static class Printable
{
    /// <summary>The text in quotes, as <see cref="Line"/> gives it, at most 80 characters of it.</summary>
    public static string Quote(string text) => $"'{Line(text, 80)}'";

    /// <summary>The text without control characters (they stand as \uXXXX), cut where it is too long.</summary>
    public static string Line(string text, int limit = 300)
    {
        var line = new StringBuilder();
        foreach (Rune rune in text.AsSpan(0, Math.Min(text.Length, limit)).EnumerateRunes())
        {
            bool shown = Rune.GetUnicodeCategory(rune) is not (UnicodeCategory.Control or UnicodeCategory.Format
                or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator);
            line.Append(shown ? rune.ToString() : $"\\u{rune.Value:X4}");
        }
        return text.Length > limit ? line.Append("...").ToString() : line.ToString();
    }
}
