namespace Mezzotint.Data;

/// <summary>
/// Images of one size, with classes, captions, both or neither: what every source of data becomes before it is used.
/// </summary>
/// <remarks>
/// Small sets are in memory. Large ones are in a file of the cache, from which images are read when they are needed. So a set may
/// be larger than memory, and its readers see no difference.
/// </remarks>
public sealed class ImageSet
{
    /// <summary>The largest side of an image, in pixels.</summary>
    public const int MaxSide = 4096;

    private readonly ImageStore _store;
    private byte[]? _pixels;

    /// <summary>Puts images and labels together.</summary>
    /// <param name="name">What to call the set in messages and logs, such as <c>mnist train</c>.</param>
    /// <param name="pixels">The grey or colour values, image by image, channel by channel, row by row: [N, C, H, W].</param>
    /// <param name="labels">One class an image, from 0 to the number of classes - 1; 0 where there are no classes.</param>
    /// <param name="channels">1 for grey, 3 for colour.</param>
    /// <param name="height">Rows of an image.</param>
    /// <param name="width">Columns of an image.</param>
    /// <param name="classNames">One name a class, in the order of the labels; each name once. Empty for images without
    /// classes.</param>
    /// <param name="captions">The captions of each image, in variants; null for images without captions.</param>
    /// <exception cref="ArgumentException">The lengths do not fit together, a label has no class, or two classes have one
    /// name.</exception>
    public ImageSet(
        string name, byte[] pixels, byte[] labels, int channels, int height, int width, IReadOnlyList<string> classNames,
        IReadOnlyList<IReadOnlyList<string>>? captions = null)
        : this(name, labels, channels, height, width, classNames,
            new ImageArray(pixels ?? throw new ArgumentNullException(nameof(pixels)), channels * height * width, captions))
    {
        if ((long)labels.Length * channels * height * width != pixels.Length)
            throw new ArgumentException(
                $"{labels.Length} images of {channels} x {height} x {width} need {(long)labels.Length * ImageLength} bytes, not "
                + $"{pixels.Length}.", nameof(pixels));
        if (captions is not null && captions.Count != labels.Length)
            throw new ArgumentException($"{labels.Length} images have {captions.Count} lists of captions.", nameof(captions));
        (_pixels, HasCaptions) = (pixels, captions is not null);
    }

    /// <summary>Puts a store and labels together.</summary>
    internal ImageSet(
        string name, byte[] labels, int channels, int height, int width, IReadOnlyList<string> classNames, ImageStore store)
    {
        ArgumentNullException.ThrowIfNull(labels);
        ArgumentNullException.ThrowIfNull(classNames);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(channels);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(height);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(width);
        int classes = Math.Max(1, classNames.Count);
        foreach (byte label in labels)
            if (label >= classes)
                throw new ArgumentException($"Label {label} has no class: there are {classNames.Count}.", nameof(labels));
        var names = new HashSet<string>(StringComparer.Ordinal);
        foreach (string className in classNames)
            if (!names.Add(className))
                throw new ArgumentException($"Two classes are called '{className}'.", nameof(classNames));
        (Name, Labels, Channels, Height, Width, ClassNames, _store) = (name, labels, channels, height, width, classNames, store);
    }

    /// <summary>What the set is called in messages and logs.</summary>
    public string Name { get; }

    /// <summary>The values 0 to 255 of all images at once: [N, C, H, W], row-major. Of a set in a file, the first call reads them
    /// all; <see cref="Read"/> takes one.</summary>
    /// <exception cref="MezzotintException">They are more bytes than an array can have, about 2 GB.</exception>
    public byte[] Pixels => _pixels ??= _store.Array ?? ReadAll();

    /// <summary>The class of each image: [N]; 0 where there are no classes.</summary>
    public byte[] Labels { get; }

    /// <summary>1 for grey, 3 for colour.</summary>
    public int Channels { get; }

    /// <summary>Rows of an image.</summary>
    public int Height { get; }

    /// <summary>Columns of an image.</summary>
    public int Width { get; }

    /// <summary>The names of the classes, in the order of the labels; none for images without classes.</summary>
    public IReadOnlyList<string> ClassNames { get; }

    /// <summary>Whether the images have classes.</summary>
    public bool HasClasses => ClassNames.Count > 0;

    /// <summary>Whether the images have captions; some of them may have none all the same.</summary>
    public bool HasCaptions { get; internal init; }

    /// <summary>What the reader of the set took and left out; null where no pictures were read.</summary>
    public ReadingReport? Reading { get; init; }

    /// <summary>The number of images.</summary>
    public int Count => Labels.Length;

    /// <summary>The number of values of an image, C x H x W.</summary>
    public int ImageLength => Channels * Height * Width;

    /// <summary>Whether all pixels are in memory.</summary>
    internal bool IsInMemory => _pixels is not null || _store.Array is not null;

    /// <summary>The values of image <paramref name="index"/>: [C, H, W].</summary>
    /// <exception cref="MezzotintException">The file that they are in is damaged.</exception>
    public ReadOnlySpan<byte> Image(int index)
    {
        if (IsInMemory)
            return Pixels.AsSpan(checked(index * ImageLength), ImageLength);
        byte[] pixels = new byte[ImageLength];
        Read(index, pixels);
        return pixels;
    }

    /// <summary>Copies the values of image <paramref name="index"/>, [C, H, W]; any thread may call it.</summary>
    /// <param name="index">The image.</param>
    /// <param name="pixels">Where they go: <see cref="ImageLength"/> values.</param>
    /// <exception cref="MezzotintException">The file that they are in is damaged.</exception>
    public void Read(int index, Span<byte> pixels)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(index, Count);
        ArgumentOutOfRangeException.ThrowIfNotEqual(pixels.Length, ImageLength);
        _store.Read(index, pixels);
    }

    /// <summary>The captions of image <paramref name="index"/>, in variants: none where it has none.</summary>
    public IReadOnlyList<string> Captions(int index)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(index, Count);
        return HasCaptions ? _store.Captions(index) : [];
    }

    /// <summary>The first <paramref name="count"/> images as a set of their own.</summary>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="count"/> is negative or more than there are.</exception>
    public ImageSet Take(int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, Count);
        return Selected([.. Enumerable.Range(0, count)], Reading);
    }

    /// <summary>The images at <paramref name="indices"/>, in their order, as a set of their own.</summary>
    /// <exception cref="ArgumentOutOfRangeException">An index is not that of an image.</exception>
    public ImageSet Pick(IReadOnlyList<int> indices)
    {
        ArgumentNullException.ThrowIfNull(indices);
        return Selected([.. indices], reading: null);
    }

    /// <summary>The images without their mirror images.</summary>
    public int DistinctCount => _store is MirroredImages ? Count / 2 : Count;

    /// <summary>The images, and after them each as in a mirror, left and right exchanged: twice as many. The mirror images take
    /// no memory. A training takes one of the two in each pass, by lot.</summary>
    /// <exception cref="MezzotintException">There are too many.</exception>
    public ImageSet WithMirrorImages()
    {
        if (2L * Count > Array.MaxLength)
            throw new MezzotintException($"{Name} has too many images to mirror them all: leave data.flip out.")
                { Key = "data.flip" };
        var mirrored = new MirroredImages(_store, Count, Width);
        return Like([.. Labels, .. Labels], mirrored, Reading);
    }

    /// <summary>The same images under another name and with other classes.</summary>
    internal ImageSet Renamed(string name, byte[] labels, IReadOnlyList<string> classNames) =>
        new(name, labels, Channels, Height, Width, classNames, _store) { Reading = Reading, HasCaptions = HasCaptions };

    private ImageSet Selected(int[] indices, ReadingReport? reading)
    {
        byte[] labels = Array.ConvertAll(indices, index => Labels[index]);
        return Like(labels, new SelectedImages(_store, indices), reading).InMemoryIf(IsInMemory);
    }

    private ImageSet Like(byte[] labels, ImageStore store, ReadingReport? reading) =>
        new(Name, labels, Channels, Height, Width, ClassNames, store) { Reading = reading, HasCaptions = HasCaptions };

    /// <summary>What is made of images in memory is copied to where it is read fast.</summary>
    private ImageSet InMemoryIf(bool inMemory)
    {
        if (inMemory && (long)Count * ImageLength <= Array.MaxLength)
            _pixels = ReadAll();
        return this;
    }

    private byte[] ReadAll()
    {
        if ((long)Count * ImageLength > Array.MaxLength)
            throw new MezzotintException(
                $"{Name} has {Count} images of {Channels} x {Height} x {Width}, {(long)Count * ImageLength} bytes: this needs "
                + $"them all in memory, where at most {Array.MaxLength} fit. Take fewer, or a smaller data.size.");
        byte[] pixels = new byte[Count * ImageLength];
        for (int i = 0; i < Count; i++)
            _store.Read(i, pixels.AsSpan(i * ImageLength, ImageLength));
        return pixels;
    }
}
