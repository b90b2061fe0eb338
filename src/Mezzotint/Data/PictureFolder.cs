using Mezzotint.Formats;

namespace Mezzotint.Data;

/// <summary>Finds the pictures in folders, and notes what else lies there.</summary>
/// <remarks>
/// A file may be a picture by its name, where that ends as pictures do or has no ending; what it is then, its bytes say. Hidden
/// files and folders, and what systems leave behind, are passed over.
/// </remarks>
/// <param name="root">The folder that names are told from.</param>
/// <param name="notes">Told what is left out.</param>
internal sealed class PictureFolder(string root, ReadingNotes notes)
{
    private static readonly HashSet<string> Endings = new(StringComparer.OrdinalIgnoreCase)
        { "", ".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".bmp", ".dib", ".gif", ".tif", ".tiff" };

    private static readonly HashSet<string> Leftovers = new(StringComparer.OrdinalIgnoreCase)
        { "__MACOSX", "Thumbs.db", "desktop.ini" };

    // Folders that are links may lead round in a circle.
    private static readonly EnumerationOptions Below = new()
        { RecurseSubdirectories = true, AttributesToSkip = FileAttributes.ReparsePoint, IgnoreInaccessible = true };

    /// <summary>Whether a folder holds pictures itself.</summary>
    public static bool HasPictures(string folder) => MayBePictures(folder).Any(PictureFile.IsReadable);

    /// <summary>The folders in a folder that hold pictures, by name.</summary>
    public static IEnumerable<string> ClassesIn(string folder) =>
        Directory.EnumerateDirectories(folder).Where(path => !IsHidden(path) && HasPictures(path));

    /// <summary>The files in a folder that may be pictures, in the order of their names; the others are noted.</summary>
    public List<string> Pictures(string folder)
    {
        foreach (string path in Sorted(Directory.EnumerateFiles(folder)))
            if (IsHidden(path))
                notes.Add(ReadingReason.Hidden, NameOf(path));
            else if (!MayBePicture(path))
                notes.Add(ReadingReason.Format, NameOf(path));
        foreach (string path in Sorted(Directory.EnumerateDirectories(folder)))
            NoteNested(path);
        return [.. MayBePictures(folder)];
    }

    /// <summary>Notes what lies beside the folders that are read.</summary>
    /// <param name="folder">The folder that holds them.</param>
    /// <param name="read">The names of those that are read.</param>
    public void NoteBeside(string folder, IReadOnlyCollection<string> read)
    {
        foreach (string path in Sorted(Directory.EnumerateFiles(folder)))
            notes.Add(IsHidden(path) ? ReadingReason.Hidden : ReadingReason.Beside, NameOf(path));
        foreach (string path in Sorted(Directory.EnumerateDirectories(folder)))
            if (IsHidden(path))
                notes.Add(ReadingReason.Hidden, NameOf(path) + "/");
            else if (!read.Contains(Path.GetFileName(path)))
                NoteNoClass(path);
    }

    /// <summary>The path of a file as it is seen from the root.</summary>
    public string NameOf(string path) => Path.GetRelativePath(root, path).Replace(Path.DirectorySeparatorChar, '/');

    /// <summary>Opens a file and judges its header; null, and a note, where its bytes are no picture.</summary>
    /// <exception cref="MezzotintException">It cannot be opened, or is no regular file.</exception>
    public PictureFile? Open(string path)
    {
        byte[] bytes = PictureFile.BytesOf(path);
        try
        {
            return PictureFile.Open(bytes, path);
        }
        catch (MezzotintException failure)
        {
            string? format = PictureFile.FormatOf(bytes);
            bool other = format is "TIFF" || format is null && Path.GetExtension(path).Length == 0;
            notes.AddFailure(other ? ReadingReason.Format : ReadingReason.Damaged, NameOf(path), failure);
            return null;
        }
    }

    /// <summary>Decodes a picture; null, and a note, where it is damaged.</summary>
    public DecodedPicture? Decode(PictureFile picture, string path)
    {
        try
        {
            return picture.Decode();
        }
        catch (MezzotintException failure)
        {
            notes.AddFailure(ReadingReason.Damaged, NameOf(path), failure);
            return null;
        }
    }

    /// <summary>Says of a folder whose files are no pictures what they are instead.</summary>
    private void NoteNoClass(string folder)
    {
        notes.Add(ReadingReason.NoClass, NameOf(folder) + "/");
        foreach (string path in Pictures(folder))
            Open(path)?.Dispose();
    }

    private void NoteNested(string folder)
    {
        if (IsHidden(folder))
        {
            notes.Add(ReadingReason.Hidden, NameOf(folder) + "/");
            return;
        }
        foreach (string path in Sorted(Directory.EnumerateFiles(folder, "*", Below)))
            if (!NameOf(path).Split('/').Any(IsHiddenName) && Path.GetExtension(path).Length > 0 && MayBePicture(path))
                notes.Add(ReadingReason.Nested, NameOf(path));
    }

    private static IEnumerable<string> MayBePictures(string folder) =>
        Sorted(Directory.EnumerateFiles(folder).Where(path => !IsHidden(path) && MayBePicture(path)));

    private static IEnumerable<string> Sorted(IEnumerable<string> paths) => paths.Order(StringComparer.Ordinal);

    private static bool MayBePicture(string path) => Endings.Contains(Path.GetExtension(path));

    private static bool IsHidden(string path) => IsHiddenName(Path.GetFileName(path));

    private static bool IsHiddenName(string name) => name.StartsWith('.') || Leftovers.Contains(name);
}
