using Mezzotint.Formats;

namespace Mezzotint.Data;

/// <summary>Takes decoded pictures one by one into a set: checks their sizes, and notes what was left out or changed.</summary>
internal sealed class PictureTaking
{
    private readonly FileTree _tree;
    private readonly PictureList _list;
    private readonly ReadingNotes _notes;
    private readonly ReadingOptions _options;
    private readonly PictureReader _reader;
    private readonly int _channels;
    private readonly List<byte> _labels = [];
    private int _height, _width;
    private string _first = "";

    public PictureTaking(
        FileTree tree, PictureList list, ReadingNotes listed, ReadingOptions options, PictureReader reader, int channels)
    {
        (_tree, _list, _options, _reader, _channels) = (tree, list, options, reader, channels);
        _notes = new ReadingNotes(listed);
        if (options.Frame is { } frame)
            (_height, _width) = (frame.Height, frame.Width);
        else
            MeasureFirst();
    }

    /// <summary>How many bytes the pixels of all pictures have.</summary>
    public long SizeOfAll => (long)_list.Pictures.Count * Length;

    private int Length => checked(_channels * _height * _width);

    /// <summary>Reads the pictures into an array; null where one has colour, one channel is read, and nobody asked for
    /// that.</summary>
    public ImageSet? InMemory(IProgress<ReadingProgress>? progress, CancellationToken cancellation)
    {
        if (SizeOfAll > Array.MaxLength)
            throw new MezzotintException(
                $"{_tree.Root}: {_list.Pictures.Count} images of {_channels} x {_height} x {_width} exceed the {Array.MaxLength} "
                + $"bytes that fit into memory, and the cache, {PictureSet.CachePath}, has no room for them: make room, name "
                + "another folder with MEZZOTINT_CACHE, or give a smaller data.size.") { Key = "data.size" };
        byte[] pixels = [];
        var captions = new List<IReadOnlyList<string>>();
        bool whole = Read((picture, image) =>
        {
            int at = captions.Count * Length;
            if (pixels.Length < at + Length) // grown by what was really decoded, not by what the first header claims
                Array.Resize(ref pixels, (int)Math.Min(SizeOfAll, Math.Max(2L * pixels.Length, Length)));
            image.CopyTo(pixels, at);
            captions.Add(picture.Captions);
        }, progress, cancellation);
        if (!whole)
            return null;
        Array.Resize(ref pixels, captions.Count * Length);
        return Set(new ImageArray(pixels, Length, captions));
    }

    /// <summary>Reads the pictures into a file; false, and the file is of no use, where one has colour as above.</summary>
    public bool IntoFile(ImageCacheFile.Writer writer, IProgress<ReadingProgress>? progress, CancellationToken cancellation)
    {
        if (!Read((picture, image) => writer.Add(image, picture.Captions), progress, cancellation))
            return false;
        writer.Finish(Set(new ImageArray([], Length, null)));
        return true;
    }

    private bool Read(
        Action<ListedPicture, byte[]> add, IProgress<ReadingProgress>? progress, CancellationToken cancellation)
    {
        bool coloured = false;
        _reader.Only = _options.Frame is null ? (_height, _width) : null;
        _reader.Read(_list.Pictures, (picture, read) =>
        {
            if (read.Failure is not null)
            {
                LeaveOut(_notes, _options, picture.Name, read);
                return true;
            }
            if (read.Pixels is not { } image)
                throw OtherSize(picture.Name, read);
            coloured = _options.Channels is null && _channels == 1 && read.Coloured;
            if (coloured)
                return false;
            add(picture, image);
            _labels.Add((byte)picture.Label);
            Note(picture.Name, read);
            return true;
        }, progress, cancellation);
        if (coloured)
            return false;
        return _labels.Count > 0 ? true : throw _notes.FirstFailure ?? new MezzotintException(
            $"{_tree.Root} has no images: put PNG, JPEG, WebP, BMP or GIF files into it{_notes}.");
    }

    private ImageSet Set(ImageStore store) => new(
        PictureSet.NameOf(_tree.Root, _options), [.. _labels], _channels, _height, _width, _list.Classes, store)
    {
        HasCaptions = _list.HasCaptions,
        Reading = _notes.Report(_tree.Root, _labels.Count, _options.Behind),
    };

    /// <summary>The first picture that can be read says of what size all are.</summary>
    private void MeasureFirst()
    {
        foreach (var picture in _list.Pictures)
            if (_reader.Decode(picture.Name) is { Failure: null } read)
            {
                (_first, _height, _width) = (picture.Name, read.Height, read.Width);
                return;
            }
        (_height, _width) = (1, 1); // all are damaged, which reading them says
    }

    /// <summary>Notes a picture that could not be read, where that is allowed.</summary>
    /// <exception cref="MezzotintException">It is damaged, and damaged pictures are not to be left out.</exception>
    public static void LeaveOut(ReadingNotes notes, ReadingOptions options, string name, ReadPicture read)
    {
        var failure = read.Failure!;
        if (!read.OtherFormat && !options.SkipDamaged)
            throw new MezzotintException(
                $"{failure.Message} Or leave damaged pictures out with data.skip_damaged = true (--skip-damaged).", failure)
                { Key = "data.skip_damaged" };
        notes.AddFailure(read.OtherFormat ? ReadingReason.Format : ReadingReason.Damaged, name, failure);
    }

    private MezzotintException OtherSize(string name, ReadPicture read)
    {
        int smallest = Math.Min(Math.Min(read.Height, read.Width), Math.Min(_height, _width));
        return new MezzotintException(
            $"{_tree.PathOf(name)} is {read.Width} x {read.Height}, but {_tree.PathOf(_first)} is {_width} x {_height}: bring "
            + $"all images of the set to one size with data.size = {smallest} in a training, with --size {smallest} in other "
            + "commands.") { Key = "data.size" };
    }

    private void Note(string name, ReadPicture read)
    {
        if (read.Animated)
            _notes.Add(ReadingReason.Animation, name);
        if (read.Transparent)
            _notes.Add(ReadingReason.Transparent, name);
        if (_channels == 1 && read.Coloured)
            _notes.Add(ReadingReason.Grey, name);
    }
}
