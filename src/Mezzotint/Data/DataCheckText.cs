using System.Globalization;
using System.Text;

namespace Mezzotint.Data;

/// <summary>What a data set is, as lines for people.</summary>
internal static class DataCheckText
{
    private const int ItemsShown = 12;

    public static string Of(DataCheck check)
    {
        var text = new StringBuilder();
        void Line(string title, string what) => text.Append(CultureInfo.InvariantCulture, $"{title,-11}{what}\n");
        Line("set", $"{Printable.Line(check.Source)}: {check.Layout}");
        Line("images", $"{Images(check.Count)}: {Number(check.Taken.Train)} to train, {Number(check.Taken.Test)} to test");
        if (check.Parts.Count > 0)
            Line("parts", Some(check.Parts.Select(part => Counted(part.Key, part.Value)), check.Parts.Count));
        Line("sizes", Some(check.Sizes.Select(size => $"{size.Width} x {size.Height}"
            + (check.Sizes.Count > 1 ? $" ({Number(size.Count)})" : "")), check.Sizes.Count));
        Line("channels", $"{check.Sheet.Channels}; {Number(check.Coloured)} in colour, {Number(check.Transparent)} with "
            + "transparent parts");
        Line("classes", check.Classes.Count == 0 ? "none" : $"{check.Classes.Count}: "
            + Some(check.Classes.Select(entry => Counted(entry.Name, entry.Count)), check.Classes.Count));
        Line("captions", check.Captioned.Images == 0 ? "none"
            : $"{Number(check.Captioned.Variants)} of {Images(check.Captioned.Images)}, such as "
                + string.Join("; ", check.FirstCaptions.Select(Printable.Quote)));
        if (check.Columns.Count > 0)
            Line("columns", string.Join(", ", check.Columns.Select(column => Printable.Line(column, 80))));
        Line("duplicates", check.Duplicates == 0 ? "none"
            : $"{Images(check.Duplicates)} equal to another, {Number(check.SharedDuplicates)} of them in the test set and "
                + $"in the training set: {string.Join("; ", check.FirstDuplicates.Select(Group))}");
        foreach (var note in check.Reading.Notes)
            Line("", $"{note}");
        if (check.Sizes.Count > 1)
            Line("", $"to train on it, bring all to one size, for instance --set data.size={Smallest(check)}");
        return text.ToString();
    }

    private static string Counted(string name, int count) => $"{Printable.Line(name, 80)} {Number(count)}";

    private static string Group(IReadOnlyList<string> names) =>
        string.Join(" = ", names.Select(name => Printable.Line(name, 80)));

    private static int Smallest(DataCheck check) => check.Sizes.Min(size => Math.Min(size.Width, size.Height));

    private static string Some(IEnumerable<string> items, int count) =>
        string.Join(", ", items.Take(ItemsShown)) + (count > ItemsShown ? $", and {Number(count - ItemsShown)} more" : "");

    private static string Number(int count) => string.Create(CultureInfo.InvariantCulture, $"{count:N0}");

    private static string Images(int count) => $"{Number(count)} {(count == 1 ? "image" : "images")}";
}
