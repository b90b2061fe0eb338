using System.Security.Cryptography;
using Mezzotint.Formats;

namespace Mezzotint.Data;

/// <summary>What a data set is, found by reading all of it: <c>mezzotint data check</c>.</summary>
public sealed record DataCheck
{
    /// <summary>How many images a sheet has at most.</summary>
    public const int SheetImages = 64;

    private const int SheetSide = 64;
    private const int GroupsShown = 3, NamesShown = 4, CaptionsShown = 3;

    /// <summary>The name or path.</summary>
    public required string Source { get; init; }

    /// <summary>How the images lie there: a phrase for people.</summary>
    public required string Layout { get; init; }

    /// <summary>Whether these are pictures in files, which can be brought to a size; else arrays.</summary>
    public bool IsPictures { get; init; }

    /// <summary>The share of test images that leaves some for both parts, where a tenth does not: for <c>data.split</c>. Null
    /// where nothing has to be said.</summary>
    public string? ShareNeeded { get; init; }

    /// <summary>The images that could be read.</summary>
    public int Count { get; init; }

    /// <summary>Of these, how many are learned from and held back with these options.</summary>
    public (int Train, int Test) Taken { get; init; }

    /// <summary>How many images each part of the data has: folders, or values of a column.</summary>
    public IReadOnlyDictionary<string, int> Parts { get; init; } = new Dictionary<string, int>();

    /// <summary>The sizes of the images, in pixels, the most frequent first.</summary>
    public IReadOnlyList<(int Width, int Height, int Count)> Sizes { get; init; } = [];

    /// <summary>How many images have colour.</summary>
    public int Coloured { get; init; }

    /// <summary>How many are transparent somewhere.</summary>
    public int Transparent { get; init; }

    /// <summary>The classes, with their numbers of images; none where the images have no classes.</summary>
    public IReadOnlyList<(string Name, int Count)> Classes { get; init; } = [];

    /// <summary>How many images have captions, and how many captions there are.</summary>
    public (int Images, int Variants) Captioned { get; init; }

    /// <summary>The first captions.</summary>
    public IReadOnlyList<string> FirstCaptions { get; init; } = [];

    /// <summary>The columns of the metadata.</summary>
    public IReadOnlyList<string> Columns { get; init; } = [];

    /// <summary>Images that are equal, pixel by pixel, to one before them.</summary>
    public int Duplicates { get; init; }

    /// <summary>Of these, how many are in the test set and equal to one of the training set.</summary>
    public int SharedDuplicates { get; init; }

    /// <summary>The first groups of equal images, by name.</summary>
    public IReadOnlyList<IReadOnlyList<string>> FirstDuplicates { get; init; } = [];

    /// <summary>What was left out, and why.</summary>
    public required ReadingReport Reading { get; init; }

    /// <summary>The first images, in colour where any has some, all of one size.</summary>
    public required ImageBatch Sheet { get; init; }

    /// <summary>All of it as lines for people; names from files are fit for a terminal.</summary>
    public string ToText() => DataCheckText.Of(this);

    /// <summary>Reads a data set.</summary>
    /// <param name="name">Its name or path, as <see cref="DataSource"/> takes it.</param>
    /// <param name="dataFolder">The folder given by <c>--data</c>, or null.</param>
    /// <param name="options">What would become of the images; sizes are those of the files.</param>
    /// <param name="progress">Told how many pictures are decoded.</param>
    /// <param name="cancellation">Ends the reading.</param>
    /// <exception cref="MezzotintException">There is no such data set, or a picture is damaged and
    /// <see cref="ReadingOptions.SkipDamaged"/> is false.</exception>
    public static DataCheck Of(
        string name, string? dataFolder = null, ReadingOptions? options = null, IProgress<ReadingProgress>? progress = null,
        CancellationToken cancellation = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        options ??= new();
        options.Validate();
        using var tree = DataSource.TreeOf(name);
        return tree is null ? OfSets(name, dataFolder, options) : OfPictures(tree, options, progress, cancellation);
    }

    private static DataCheck OfPictures(
        FileTree tree, ReadingOptions options, IProgress<ReadingProgress>? progress, CancellationToken cancellation)
    {
        var notes = new ReadingNotes();
        var list = PictureList.Of(tree, options with { Part = ImageSplit.All }, notes);
        var reader = new PictureReader(tree, 3, options.Behind) { Threads = options.Threads };
        var equal = new EqualImages();
        var sizes = new Dictionary<(int, int), int>();
        int[] classes = new int[list.Classes.Count];
        var (count, coloured, transparent, captioned, variants) = (0, 0, 0, 0, 0);
        var readable = new List<ListedPicture>();
        var names = new HashSet<string>(StringComparer.Ordinal);
        var captions = new List<string>();
        reader.Read(list.Pictures, (picture, read) =>
        {
            if (read.Failure is not null)
            {
                PictureTaking.LeaveOut(notes, options, picture.Name, read);
                return true;
            }
            count++;
            sizes[(read.Width, read.Height)] = sizes.GetValueOrDefault((read.Width, read.Height)) + 1;
            coloured += read.Coloured ? 1 : 0;
            transparent += read.Transparent ? 1 : 0;
            if (read.Animated)
                notes.Add(ReadingReason.Animation, picture.Name);
            if (classes.Length > 0)
                classes[picture.Label]++;
            captioned += picture.Captions.Count > 0 ? 1 : 0;
            variants += picture.Captions.Count;
            captions.AddRange(picture.Captions.Take(CaptionsShown - captions.Count));
            equal.Add(picture.Name, read.Width, read.Pixels);
            names.Add(picture.Name);
            if (readable.Count < SheetImages)
                readable.Add(picture);
            return true;
        }, progress, cancellation);
        if (count == 0)
            throw notes.FirstFailure ?? new MezzotintException($"{tree.Root} has no pictures{notes}.");
        var test = Names(tree, options, ImageSplit.Test);
        var train = Names(tree, options, ImageSplit.Train);
        return new DataCheck
        {
            Source = tree.Root,
            Layout = list.Layout,
            IsPictures = true,
            ShareNeeded = options.Split is not null || list.Parts.Count > 0 ? null : ShareFor(tree, options, names),
            Count = count,
            Taken = (train.Count, test.Count),
            Parts = list.Parts,
            Sizes = [.. sizes.OrderByDescending(size => size.Value).ThenBy(size => size.Key)
                .Select(size => (size.Key.Item1, size.Key.Item2, size.Value))],
            Coloured = coloured,
            Transparent = transparent,
            Classes = !options.Classes ? [] : [.. list.Classes.Select((name, label) => (name, classes[label]))],
            Captioned = (captioned, variants),
            FirstCaptions = captions,
            Columns = list.Columns,
            Duplicates = equal.Repeated,
            SharedDuplicates = equal.Shared(train, test),
            FirstDuplicates = equal.Groups(GroupsShown, NamesShown),
            Reading = notes.Report(tree.Root, count, options.Behind),
            Sheet = SheetOf(tree, readable, options, sizes.Keys.Max(size => Math.Max(size.Item1, size.Item2)), coloured > 0),
        };
    }

    /// <summary>A set that is no pictures in files: whole already, in one size.</summary>
    private static DataCheck OfSets(string name, string? dataFolder, ReadingOptions options)
    {
        ImageSet[] sets = [.. new[] { ImageSplit.Train, ImageSplit.Test }
            .Select(part => DataSource.Load(name, options with { Part = part }, dataFolder))];
        var equal = new EqualImages();
        int coloured = 0;
        foreach (var set in sets)
            for (int i = 0; i < set.Count; i++)
            {
                var image = set.Image(i);
                equal.Add($"{set.Name} {i}", set.Width, image);
                coloured += set.Channels == 3 && !Planes.IsGrey(image) ? 1 : 0;
            }
        var (train, test) = (sets[0], sets[1]);
        int shown = Math.Min(SheetImages, train.Count);
        return new DataCheck
        {
            Source = name,
            Layout = "arrays of images",
            Count = train.Count + test.Count,
            Taken = (train.Count, test.Count),
            Sizes = [(train.Width, train.Height, train.Count + test.Count)],
            Coloured = coloured,
            Classes = [.. train.ClassNames.Select((className, label) =>
                (className, sets.Sum(set => set.Labels.Count(own => own == label))))],
            Duplicates = equal.Repeated,
            SharedDuplicates = equal.Shared(Named(train), Named(test)),
            FirstDuplicates = equal.Groups(GroupsShown, NamesShown),
            Reading = (train.Reading ?? new ReadingReport { Source = name, Taken = 0 }) with { Taken = train.Count + test.Count },
            Sheet = new ImageBatch(shown, train.Channels, train.Height, train.Width, train.Take(shown).Pixels),
        };

        static HashSet<string> Named(ImageSet set) => [.. Enumerable.Range(0, set.Count).Select(i => $"{set.Name} {i}")];
    }

    /// <summary>The least share that leaves at least two images for each part, or else one.</summary>
    private static string? ShareFor(FileTree tree, ReadingOptions options, HashSet<string> readable)
    {
        string?[] shares = [null, "0.2", "0.3", "0.4", "0.5", "0.6", "0.7"];
        int[] least = [.. shares.Select(share => new[] { ImageSplit.Train, ImageSplit.Test }
            .Min(part => Names(tree, options with { Split = share }, part).Count(readable.Contains)))];
        int chosen = Array.FindIndex(least, count => count >= 2);
        return shares[Math.Max(0, chosen >= 0 ? chosen : Array.IndexOf(least, 1))];
    }

    private static HashSet<string> Names(FileTree tree, ReadingOptions options, ImageSplit part)
    {
        try
        {
            return [.. PictureList.Of(tree, options with { Part = part }, new ReadingNotes()).Pictures
                .Select(picture => picture.Name)];
        }
        catch (MezzotintException refused) when (refused.Key is null)
        {
            return []; // too few pictures for both parts
        }
    }

    private static ImageBatch SheetOf(
        FileTree tree, List<ListedPicture> pictures, ReadingOptions options, int largest, bool colour)
    {
        int side = Math.Min(SheetSide, largest), channels = options.Channels ?? (colour ? 3 : 1);
        var frame = options.Frame ?? new PictureFrame(side, side, PictureFit.Pad);
        var pixels = new List<byte>();
        new PictureReader(tree, channels, options.Behind) { Frame = frame }.Read(pictures, (_, read) =>
        {
            pixels.AddRange(read.Pixels ?? []);
            return true;
        });
        return new ImageBatch(
            pixels.Count / (channels * frame.Height * frame.Width), channels, frame.Height, frame.Width, [.. pixels]);
    }

    /// <summary>Which images are the same, by a hash of their pixels.</summary>
    private sealed class EqualImages
    {
        private readonly Dictionary<UInt128, List<string>> _names = [];

        /// <summary>How many images are equal to one before them.</summary>
        public int Repeated => _names.Values.Sum(names => names.Count - 1);

        public void Add(string name, int width, ReadOnlySpan<byte> pixels)
        {
            Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
            SHA256.HashData(pixels, hash);
            var key = System.Buffers.Binary.BinaryPrimitives.ReadUInt128LittleEndian(hash) ^ (UInt128)width;
            if (_names.TryGetValue(key, out var names))
                names.Add(name);
            else
                _names.Add(key, [name]);
        }

        /// <summary>How many test images are equal to one of the training set.</summary>
        public int Shared(HashSet<string> train, HashSet<string> test) => _names.Values
            .Where(names => names.Count > 1 && names.Any(train.Contains)).Sum(names => names.Count(test.Contains));

        public IReadOnlyList<IReadOnlyList<string>> Groups(int groups, int each) =>
            [.. _names.Values.Where(names => names.Count > 1).Take(groups).Select(names => (string[])[.. names.Take(each)])];
    }
}
