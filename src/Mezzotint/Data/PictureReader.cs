using Mezzotint.Formats;

namespace Mezzotint.Data;

/// <summary>Decodes files into a set of images of one size, and notes what was left out or changed.</summary>
/// <param name="root">The folder, for messages.</param>
/// <param name="folder">Opens the files.</param>
/// <param name="notes">Told what is left out or changed.</param>
internal sealed class PictureReader(string root, PictureFolder folder, ReadingNotes notes)
{
    private byte[] _pixels = [];
    private int _height, _width, _length;
    private string _first = "";

    /// <summary>1 for grey, 3 for colour; null for grey as long as no picture has colour.</summary>
    public required int? Channels { get; init; }

    private int Planes => Channels ?? 1;

    /// <summary>Rows and columns to bring every image to; null where all must be of one size.</summary>
    public int? Size { get; init; }

    /// <summary>The colour behind what is transparent.</summary>
    public Background Background { get; init; }

    /// <summary>Decodes files.</summary>
    /// <param name="name">What to call the set.</param>
    /// <param name="classes">The names of the classes.</param>
    /// <param name="files">The files, and the class of each.</param>
    /// <returns>The images; null where a picture has colour and <see cref="Channels"/> is null.</returns>
    /// <exception cref="MezzotintException">No file is a picture that can be read, the sizes differ, or there is too much of
    /// it.</exception>
    public ImageSet? Read(string name, IReadOnlyList<string> classes, IReadOnlyList<(string Path, int Class)> files)
    {
        var labels = new List<byte>();
        foreach (var (path, label) in files)
        {
            using var file = folder.Open(path);
            if (file is null)
                continue;
            if (folder.Decode(file, path) is not { } picture)
                continue;
            if (Channels is null && HasColour(picture))
                return null;
            Measure(file, path, files.Count);
            Add(picture, labels.Count, files.Count);
            labels.Add((byte)label);
            Note(file, picture, path);
        }
        if (labels.Count == 0)
            throw notes.FirstFailure ?? new MezzotintException(
                $"{root} has no images: put PNG, JPEG, WebP, BMP or GIF files into it{notes}.");
        Array.Resize(ref _pixels, labels.Count * _length);
        return new ImageSet(name, _pixels, [.. labels], Planes, _height, _width, classes)
            { Reading = notes.Report(root, labels.Count, Background) };
    }

    /// <summary>The first picture says of what size all are.</summary>
    private void Measure(PictureFile file, string path, int count)
    {
        if (_length == 0)
        {
            _first = path;
            (_height, _width) = Size is { } side ? (side, side) : (file.Height, file.Width);
            if ((Int128)count * Planes * _height * _width > Array.MaxLength)
                throw new MezzotintException(
                    $"{root}: {count} images of {Planes} x {_height} x {_width} exceed the {Array.MaxLength} bytes that a data "
                    + "set may have: give a smaller data.size, or --size.") { Key = "data.size" };
            _length = Planes * _height * _width;
        }
        else if (Size is null && (file.Height != _height || file.Width != _width))
            throw new MezzotintException(
                $"{path} is {file.Width} x {file.Height}, but {_first} is {_width} x {_height}: bring all images of the set to one "
                + $"size with data.size = {Smallest(file)} in a training, with --size {Smallest(file)} in other commands.")
                { Key = "data.size" };
    }

    private int Smallest(PictureFile file) => Math.Min(Math.Min(file.Width, file.Height), Math.Min(_width, _height));

    /// <summary>Whether colour is to be seen in a picture: its own, or that of the background.</summary>
    private bool HasColour(DecodedPicture picture) => picture.Coloured || (picture.Transparent && !Background.IsGrey);

    private void Add(DecodedPicture picture, int index, int count)
    {
        if (_pixels.Length < (index + 1) * _length) // grown by what was really decoded, not by what the first header claims
            Array.Resize(ref _pixels, (int)Math.Min((long)count * _length, Math.Max(2L * _pixels.Length, _length)));
        picture.On(Planes, Background, Size).Pixels.CopyTo(_pixels, index * _length);
    }

    private void Note(PictureFile file, DecodedPicture picture, string path)
    {
        if (file.Frames > 1)
            notes.Add(ReadingReason.Animation, folder.NameOf(path));
        if (picture.Transparent)
            notes.Add(ReadingReason.Transparent, folder.NameOf(path));
        if (Planes == 1 && HasColour(picture))
            notes.Add(ReadingReason.Grey, folder.NameOf(path));
    }
}
