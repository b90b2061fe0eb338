using Mezzotint.Formats;

namespace Mezzotint.Data;

/// <summary>
/// The pictures of folders: a folder that holds pictures is a class, named by its path; where the root alone holds pictures,
/// there are no classes. A text beside a picture, <c>NAME.txt</c>, has its captions, one a line.
/// </summary>
internal static class ClassFolders
{
    private const int LongestText = 1 << 20;
    private const string TextEnding = ".txt";

    private static readonly HashSet<string> Endings = new(StringComparer.OrdinalIgnoreCase)
        { "", ".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".bmp", ".dib", ".gif", ".tif", ".tiff" };

    /// <summary>Where a set begins: below folders that hold a single folder and no picture, as archives often have.</summary>
    /// <returns>The folder, with a slash at its end; empty for the root of the tree.</returns>
    public static string Root(FileTree tree, IReadOnlySet<string> files)
    {
        string root = "";
        while (true)
        {
            string[] below = [.. tree.Folders.Where(folder => IsDirectlyIn(folder, root))];
            bool ends = below.Length != 1 || Metadata.FileIn(files, root) is not null || tree.Files.Any(
                name => IsDirectlyIn(name, root) && MayBePicture(name));
            if (ends)
                return root;
            // A folder that holds pictures itself is a class, unless a file says what they are.
            string next = below[0] + "/";
            if (Metadata.FileIn(files, next) is null && (!tree.Folders.Any(folder => IsDirectlyIn(folder, next))
                || tree.Files.Any(name => IsDirectlyIn(name, next) && MayBePicture(name))))
                return root;
            root = next;
        }
    }

    /// <summary>The names below a folder that end as those of pictures do.</summary>
    public static IEnumerable<string> PicturesBelow(FileTree tree, string folder) => tree.Files.Where(
        name => name.StartsWith(folder, StringComparison.Ordinal) && Path.GetExtension(name).Length > 0 && MayBePicture(name));

    /// <summary>The pictures of a tree.</summary>
    /// <param name="tree">The folder or archive.</param>
    /// <param name="root">Where the set begins in it.</param>
    /// <param name="files">All files.</param>
    /// <param name="options">What to take.</param>
    /// <param name="notes">Told what is left out.</param>
    /// <exception cref="MezzotintException">There are none, or too many classes.</exception>
    public static PictureList List(
        FileTree tree, string root, IReadOnlySet<string> files, ReadingOptions options, ReadingNotes notes)
    {
        RefuseColumns(tree, options);
        string train = $"{root}{SplitRule.TrainName}/";
        string? test = SplitRule.TestNames.Select(name => $"{root}{name}/").FirstOrDefault(HasFiles);
        bool divided = test is not null && HasFiles(train);
        bool byShare = SplitRule.ShareOf(options.Split) is not null;
        if (divided && byShare)
            throw new MezzotintException(
                $"data.split = {options.Split}, but {tree.Root} has the folders {train} and {test}: leave data.split out, and "
                + "they are the two sets.") { Key = "data.split" };
        if (!divided && options.Split == SplitRule.Folders)
            throw new MezzotintException(
                $"data.split = 'folders', but {tree.Root} has no folders train and test: make them, or give a share such as 0.1.")
                { Key = "data.split" };

        if (options.PartName is { } only && !(divided && (root + only + "/" == train || root + only + "/" == test)))
            throw MetadataPictures.NoPart(
                tree, only, divided ? [SplitRule.TrainName, test![root.Length..^1]] : ["none: give a share, or name a column"]);

        var lister = new Lister(tree, files, notes);
        string[] parts = !divided ? [root] : Part(options) switch
        {
            ImageSplit.Train => [train],
            ImageSplit.Test => [test!],
            _ => [train, test!],
        };
        if (divided)
            lister.NoteBeside(root, [train, test!]);

        // The training set names the classes, so that labels mean the same in both.
        string naming = divided ? train : root;
        string[] classes = PictureList.Sorted(lister.ClassesIn(naming), tree.Root, "class folders");
        var pictures = new List<ListedPicture>();
        foreach (string folder in parts)
        {
            foreach (string found in lister.ClassesIn(folder).Where(found => !classes.Contains(found)))
                throw new MezzotintException(
                    $"{tree.PathOf(folder + found)} is a class that {tree.PathOf(train)} lacks: both must have the same "
                    + "classes.");
            lister.Note(folder, classes);
            var rule = SplitRule.Of(options.Split);
            var part = divided ? ImageSplit.All : options.Part;
            pictures.AddRange(classes.Length == 0 ? lister.Pictures(folder, 0, rule, part)
                : classes.SelectMany((name, label) => lister.Pictures(folder, label, rule, part, $"{name}/")));
        }
        if (pictures.Count == 0 && classes.Length == 0 && !lister.AnyIn(parts))
            throw notes.FirstFailure ?? new MezzotintException(
                $"{tree.Root} has no class folders with images, and no images itself: put PNG, JPEG, WebP, BMP or GIF files into "
                + $"it, or sort them into one subfolder for each class{notes}.");
        return new PictureList
        {
            Layout = (classes.Length, lister.HasTexts) switch
            {
                (0, false) => "pictures in a folder, without classes",
                (0, true) => "pictures with texts beside them",
                (_, false) => "pictures in a folder for each class",
                _ => "pictures in a folder for each class, with texts beside them",
            },
            Pictures = PictureList.Interleaved(pictures, classes.Length),
            Classes = classes,
            HasCaptions = lister.HasTexts,
            Parts = divided ? new[] { train, test! }.ToDictionary(
                folder => folder[root.Length..^1], folder => PicturesBelow(tree, folder).Count()) : new Dictionary<string, int>(),
        };

        bool HasFiles(string folder) => tree.Folders.Contains(folder[..^1]);
    }

    private static ImageSplit Part(ReadingOptions options) => options.PartName switch
    {
        null => options.Part,
        SplitRule.TrainName => ImageSplit.Train,
        _ => ImageSplit.Test,
    };

    private static void RefuseColumns(FileTree tree, ReadingOptions options)
    {
        string? split = SplitRule.ShareOf(options.Split) is not null || options.Split == SplitRule.Folders ? null : options.Split;
        foreach (var (key, value) in new[] { ("label", options.Label), ("caption", options.Caption), ("split", split) })
            if (value is not null)
                throw new MezzotintException(
                    $"data.{key} = {Printable.Quote(value)} names a column, but {tree.Root} has no {Metadata.Lines} or "
                    + $"{Metadata.Table}: leave data.{key} out.") { Key = $"data.{key}" };
    }

    private static bool IsDirectlyIn(string name, string folder) =>
        name.StartsWith(folder, StringComparison.Ordinal) && name.IndexOf('/', folder.Length) < 0;

    private static bool MayBePicture(string name) => Endings.Contains(Path.GetExtension(name));

    /// <summary>The files of a tree by the folder that they lie in.</summary>
    private sealed class Lister
    {
        private readonly FileTree _tree;
        private readonly IReadOnlySet<string> _files;
        private readonly ReadingNotes _notes;
        private readonly Dictionary<string, List<string>> _byFolder = new(StringComparer.Ordinal); // with a slash at its end
        private readonly HashSet<string> _texts = new(StringComparer.Ordinal);
        private readonly List<string> _withPictures = [];

        public Lister(FileTree tree, IReadOnlySet<string> files, ReadingNotes notes)
        {
            (_tree, _files, _notes) = (tree, files, notes);
            foreach (string name in tree.Files)
            {
                string folder = name[..(name.LastIndexOf('/') + 1)];
                if (!_byFolder.TryGetValue(folder, out var there))
                    _byFolder.Add(folder, there = []);
                there.Add(name);
                if (MayBePicture(name) && TextOf(name) is var text && files.Contains(text))
                    _texts.Add(text);
            }
            foreach (var (folder, there) in _byFolder)
                if (there.Any(name => MayBePicture(name) && tree.IsPicture(name)))
                    _withPictures.Add(folder);
            _withPictures.Sort(StringComparer.Ordinal);
        }

        /// <summary>Whether pictures have texts beside them.</summary>
        public bool HasTexts => _texts.Count > 0;

        /// <summary>The folders below a folder that hold pictures, seen from it.</summary>
        public IEnumerable<string> ClassesIn(string folder) => _withPictures
            .Where(path => path.Length > folder.Length && path.StartsWith(folder, StringComparison.Ordinal))
            .Select(path => path[folder.Length..^1]);

        /// <summary>Whether one of the folders holds pictures itself.</summary>
        public bool AnyIn(IEnumerable<string> folders) => folders.Any(_withPictures.Contains);

        /// <summary>The pictures of one folder, in the order of their names.</summary>
        /// <param name="root">Where the set, or its part, begins.</param>
        /// <param name="label">The class.</param>
        /// <param name="rule">What is held back.</param>
        /// <param name="part">What to take.</param>
        /// <param name="below">The folder of the class, seen from the root; empty for the root.</param>
        public IEnumerable<ListedPicture> Pictures(
            string root, int label, SplitRule rule, ImageSplit part, string below = "")
        {
            foreach (string name in In(root + below).Where(MayBePicture))
            {
                if (!rule.Takes(name[root.Length..], part))
                    continue;
                string[] captions = HasTexts && _files.Contains(TextOf(name)) ? Texts(TextOf(name)) : [];
                if (HasTexts && captions.Length == 0)
                    _notes.Add(ReadingReason.NoCaption, name);
                yield return new ListedPicture(name, label, captions);
            }
        }

        /// <summary>Notes what is in a folder beside the pictures that are taken.</summary>
        /// <param name="root">The folder.</param>
        /// <param name="classes">Its classes; none where the pictures lie in it.</param>
        public void Note(string root, IReadOnlyCollection<string> classes)
        {
            var taken = classes.Select(name => $"{root}{name}/").ToHashSet(StringComparer.Ordinal);
            bool flat = taken.Count == 0 && _withPictures.Contains(root);
            if (flat)
                taken.Add(root);
            foreach (string hidden in _tree.Hidden.Where(name => IsIn(name, root)))
                _notes.Add(ReadingReason.Hidden, hidden);
            foreach (string folder in _byFolder.Keys.Where(name => IsIn(name, root)).Order(StringComparer.Ordinal))
            {
                bool isClass = taken.Contains(folder);
                bool above = taken.Any(path => path.StartsWith(folder, StringComparison.Ordinal));
                foreach (string name in In(folder))
                    if (above && !isClass)
                        _notes.Add(ReadingReason.Beside, name);
                    else if (!MayBePicture(name) && !_texts.Contains(name))
                        _notes.Add(ReadingReason.Format, name);
                    else if (!above)
                        NoteOther(name);
            }
            string last = "\0";
            foreach (string folder in flat ? [] : _tree.Folders.Where(name => IsIn(name, root)))
            {
                string path = folder + "/";
                if (IsIn(path, last) || taken.Any(name => IsIn(name, path) || IsIn(path, name)))
                    continue;
                _notes.Add(ReadingReason.NoClass, last = path);
            }
        }

        /// <summary>Notes what lies in a folder beside the folders that are read.</summary>
        public void NoteBeside(string root, IReadOnlyCollection<string> read)
        {
            foreach (string hidden in _tree.Hidden.Where(name => IsIn(name, root) && !read.Any(part => IsIn(name, part))))
                _notes.Add(ReadingReason.Hidden, hidden);
            foreach (string name in In(root))
                _notes.Add(ReadingReason.Beside, name);
            foreach (string folder in _tree.Folders.Where(name => IsDirectlyIn(name, root) && !read.Contains(name + "/")))
                _notes.Add(ReadingReason.Beside, folder + "/");
        }

        private List<string> In(string folder) => _byFolder.GetValueOrDefault(folder) ?? [];

        private static bool IsIn(string name, string folder) => name.StartsWith(folder, StringComparison.Ordinal);

        /// <summary>Says of a file that looks like a picture, in a folder without any, what it is.</summary>
        private void NoteOther(string name)
        {
            if (PictureReader.Open(_tree, name) is { Failure: { } failure } opened)
                _notes.AddFailure(opened.OtherFormat ? ReadingReason.Format : ReadingReason.Damaged, name, failure);
        }

        private static string TextOf(string picture) => Path.ChangeExtension(picture, null) + TextEnding;

        private string[] Texts(string name)
        {
            string text = SmallFile.Text(_tree.Read(name, LongestText), _tree.PathOf(name)).TrimStart('\uFEFF');
            return [.. text.Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).Distinct()];
        }
    }
}
