using System.Globalization;

namespace Mezzotint.Data;

/// <summary>The pictures that a file of metadata names: their classes, captions and parts are its columns.</summary>
internal static class MetadataPictures
{
    /// <summary>The pictures of a tree that has metadata; null where it has none.</summary>
    /// <param name="tree">The folder or archive.</param>
    /// <param name="root">Where the set begins in it, with a slash at its end, or empty.</param>
    /// <param name="files">All files.</param>
    /// <param name="options">What to take.</param>
    /// <param name="notes">Told what is left out.</param>
    /// <exception cref="MezzotintException">A row or a column does not fit.</exception>
    public static PictureList? List(
        FileTree tree, string root, IReadOnlySet<string> files, ReadingOptions options, ReadingNotes notes)
    {
        var places = new List<(string File, string? Part)>();
        if (Metadata.FileIn(files, root) is { } whole)
            places.Add((whole, null));
        else
        {
            foreach (string part in (string[])[SplitRule.TrainName, .. SplitRule.TestNames])
                if (Metadata.FileIn(files, $"{root}{part}/") is { } ofPart)
                    places.Add((ofPart, part));
        }
        if (places.Count == 0)
            return null;
        var reader = new Reader(tree, root, files, options, notes);
        foreach (var (file, part) in places)
            reader.Take(file, part);
        return reader.Finish(places);
    }

    /// <summary>The error about a part that a set does not have.</summary>
    public static MezzotintException NoPart(FileTree tree, string asked, IEnumerable<string> parts) =>
        new($"{tree.Root} has no part {Printable.Quote(asked)}{Spelling.Remedy(asked, parts)}") { Key = "data.split" };

    private sealed class Reader(
        FileTree tree, string root, IReadOnlySet<string> files, ReadingOptions options, ReadingNotes notes)
    {
        private readonly List<(ListedPicture Picture, string? Part)> _rows = [];
        private readonly List<string> _classes = [];
        private readonly Dictionary<string, int> _numbers = new(StringComparer.Ordinal);
        private readonly List<string[]> _combinations = []; // of each class the values of its columns
        private readonly HashSet<string> _named = new(StringComparer.Ordinal), _columns = new(StringComparer.Ordinal);
        private readonly SortedDictionary<string, int> _parts = new(StringComparer.Ordinal);
        private const int MostNumbers = 100_000; // more than there may be classes

        private readonly bool _byShare = SplitRule.ShareOf(options.Split) is not null;

        /// <summary>Takes the rows of a file.</summary>
        public void Take(string file, string? part)
        {
            string folder = file[..(file.LastIndexOf('/') + 1)];
            bool isEdm = file.EndsWith(Metadata.Edm, StringComparison.Ordinal);
            string[] label = [];
            string? split = null;
            CaptionPattern? caption = null;
            bool first = true;
            foreach (var row in Metadata.Rows(tree, file))
            {
                _columns.UnionWith(row.Columns.Keys);
                if (first)
                {
                    first = false;
                    label = LabelColumns(row);
                    split = SplitColumn(row, part);
                    caption = Captions(row);
                }
                string where = $"{tree.PathOf(file)}, {(isEdm ? "entry" : "line")} {row.Line}";
                string name = row.Value(MetadataRow.FileName)?.Replace('\\', '/') ?? throw new MezzotintException(
                    $"{where} has no {MetadataRow.FileName}: each row names its picture in this column.");
                if (name.StartsWith("./", StringComparison.Ordinal))
                    name = name[2..];
                if (!files.Contains(folder + name))
                {
                    Missing(where, name);
                    continue;
                }
                if (!_named.Add(folder + name))
                    throw new MezzotintException($"{where} names {Printable.Quote(name)} again: a picture has one row.");
                string? value = split is null ? part : row.Value(split) ?? throw Lacks(where, split, "data.split");
                if (value is not null)
                    _parts[value] = _parts.GetValueOrDefault(value) + 1;
                int number = label.Length == 0 ? 0
                    : Number([.. label.Select(column => row.Value(column) ?? throw Lacks(where, column, "data.label"))]);
                _rows.Add((new ListedPicture(folder + name, number, caption?.Of(row) ?? []), value));
            }
            if (first && isEdm) // labels: null says that there are no classes
                _rows.AddRange(ClassFolders.PicturesBelow(tree, folder).Where(_named.Add)
                    .Select(name => (new ListedPicture(name, 0, []), part)));
        }

        public PictureList Finish(List<(string File, string? Part)> places)
        {
            foreach (string name in ClassFolders.PicturesBelow(tree, root).Where(name => !_named.Contains(name)))
                notes.Add(ReadingReason.Unlisted, name);
            if (options.PartName is { } only && !_parts.ContainsKey(only))
                throw NoPart(tree, only, _parts.Keys);
            string source = tree.PathOf(places[0].File);
            string[] classes = PictureList.Sorted(
                places[0].File.EndsWith(Metadata.Edm, StringComparison.Ordinal) ? UpToLargest() : _classes, source, "classes");
            if (_combinations.Any(values => values.Length > 1))
                classes = AllCombinations(source);
            int[] moved = [.. _classes.Select(name => Array.IndexOf(classes, name))];
            var taken = _rows.Where(row => Takes(row.Picture.Name, row.Part))
                .Select(row => row.Picture with { Label = moved.Length == 0 ? 0 : moved[row.Picture.Label] }).ToList();
            bool captioned = _rows.Any(row => row.Picture.Captions.Count > 0);
            foreach (var picture in taken.Where(picture => captioned && picture.Captions.Count == 0))
                notes.Add(ReadingReason.NoCaption, picture.Name);
            return new PictureList
            {
                Layout = $"pictures with {Path.GetFileName(places[0].File)}",
                Pictures = PictureList.Interleaved(taken, classes.Length),
                Classes = classes,
                HasCaptions = captioned,
                Columns = [.. _columns.Order(StringComparer.Ordinal)],
                Parts = _parts,
            };
        }

        /// <summary>Numbers are places of a vector for EDM's tools: one that no picture has is a class too.</summary>
        private IEnumerable<string> UpToLargest() =>
            _classes.Count == 0 ? [] : Enumerable.Range(
                0, Math.Min(MostNumbers, _classes.Max(name => int.Parse(name, CultureInfo.InvariantCulture))) + 1)
                .Select(number => $"{number}");

        private bool Takes(string name, string? value)
        {
            if (options.PartName is { } only)
                return value == only;
            if (options.Part == ImageSplit.All)
                return true;
            string shortName = name[root.Length..];
            if (_byShare || _parts.Count == 0)
                return SplitRule.Of(options.Split).Takes(shortName, options.Part);
            if (SplitRule.TestNames.FirstOrDefault(_parts.ContainsKey) is { } test)
                return value == (options.Part == ImageSplit.Test ? test : SplitRule.TrainName);
            if (_parts.Keys.Any(IsHeldOut))
                return options.Part == ImageSplit.Test ? value is not null && IsHeldOut(value) : value == SplitRule.TrainName;
            return value == SplitRule.TrainName && SplitRule.Of(null).Takes(shortName, options.Part);
        }

        private static bool IsHeldOut(string part) => part.StartsWith(SplitRule.HeldOut, StringComparison.Ordinal);

        /// <summary>Every combination of the values, the last column's first; also those that no picture has.</summary>
        private string[] AllCombinations(string source)
        {
            IEnumerable<string> all = [""];
            int columns = _combinations[0].Length;
            for (int i = 0; i < columns; i++)
            {
                string[] values = PictureList.Sorted(_combinations.Select(combination => combination[i]).Distinct(), source,
                    "values in one column");
                all = PictureList.Checked([.. all.SelectMany(_ => values, (before, value) =>
                    before.Length == 0 ? value : $"{before} {value}")], source, "combinations");
            }
            return [.. all];
        }

        private int Number(string[] values)
        {
            string name = string.Join(' ', values);
            if (_numbers.TryGetValue(name, out int number))
                return number;
            _classes.Add(name);
            _combinations.Add(values);
            return _numbers[name] = _classes.Count - 1;
        }

        /// <summary>The columns of the classes: one, or several with commas between them; none where there are no
        /// classes.</summary>
        private string[] LabelColumns(MetadataRow row)
        {
            string[] asked = options.Label is { } label && !row.Columns.ContainsKey(label)
                ? label.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries) : [];
            return asked.Length > 1 ? [.. asked.Select(name => Column(row, "data.label", name, name)!)]
                : Column(row, "data.label", options.Label, PictureList.LabelColumn) is { } one ? [one] : [];
        }

        /// <summary>The column that is asked for, or the one of the usual name, where it is there.</summary>
        private string? Column(MetadataRow row, string key, string? asked, string usual)
        {
            if (asked is null)
                return row.Columns.ContainsKey(usual) ? usual : null;
            return row.Columns.ContainsKey(asked) ? asked : throw Unknown(row, key, asked);
        }

        /// <summary>The column that tells the parts apart; null where a share or the folders do.</summary>
        private string? SplitColumn(MetadataRow row, string? part)
        {
            if (options.Split == SplitRule.Folders && part is null)
                throw new MezzotintException(
                    $"data.split = 'folders', but {tree.Root} has no metadata in folders train and test: name a column, give a "
                    + "share, or leave it out.") { Key = "data.split" };
            return _byShare || options.Split == SplitRule.Folders ? null
                : Column(row, "data.split", options.Split, SplitRule.DefaultColumn);
        }

        private CaptionPattern? Captions(MetadataRow row)
        {
            if (options.Caption is not { } asked)
                return row.Columns.ContainsKey(PictureList.CaptionColumn) ? new CaptionPattern(PictureList.CaptionColumn) : null;
            var pattern = new CaptionPattern(asked);
            return pattern.Columns.FirstOrDefault(column => !row.Columns.ContainsKey(column)) is not { } unknown ? pattern
                : throw Unknown(row, "data.caption", unknown);
        }

        private void Missing(string where, string name)
        {
            var failure = new MezzotintException(
                $"{where} names {Printable.Quote(name)}, which is not there. Get it again, or leave it out with "
                + "data.skip_damaged = true.") { Key = "data.skip_damaged" };
            if (!options.SkipDamaged)
                throw failure;
            notes.AddFailure(ReadingReason.Missing, name, failure);
        }

        private MezzotintException Unknown(MetadataRow row, string key, string column) =>
            new($"{key}: {tree.Root} has no column {Printable.Quote(column)}"
                + Spelling.Remedy(column, row.Columns.Keys.Where(name => name != MetadataRow.FileName))) { Key = key };

        private static MezzotintException Lacks(string where, string column, string key) =>
            new($"{where} has no {Printable.Quote(column)}: every row needs one, or name another column with {key}.")
                { Key = key };
    }
}
