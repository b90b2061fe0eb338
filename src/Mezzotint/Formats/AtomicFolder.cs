namespace Mezzotint.Formats;

/// <summary>A few files of a folder, and of folders below it, that are replaced together: a reader sees all of the old ones or
/// all of the new ones.</summary>
/// <remarks>
/// No portable call replaces several files at once, and the folder may hold other files, which stay. So the new files are written
/// into a folder of their own inside it, which a single rename then calls <c>.mezzotint-next</c>. From that moment the new files
/// count, wherever they are: <see cref="PathOf"/> looks there first. What is left is to move them to their places, one by one. A
/// process that is killed before the rename leaves the old files, one that is killed after it the new ones, and the next writer
/// or reader moves the rest.
/// </remarks>
internal static class AtomicFolder
{
    private const string Next = AtomicFile.TemporaryPrefix + "next";

    /// <summary>Replaces files of a folder, which is made where it is not there.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="write">Writes the files into the folder that it is given, which is empty, and into folders that it makes
    /// there.</param>
    /// <exception cref="MezzotintException">The file system refuses.</exception>
    public static void Write(string folder, Action<string> write)
    {
        string staged = Path.Combine(folder, AtomicFile.TemporaryName());
        try
        {
            PortableName.Check(folder);
            Directory.CreateDirectory(folder);
            AtomicFile.SweepOnce(folder);
            Directory.CreateDirectory(staged);
        }
        catch (Exception cause) when (cause is IOException or UnauthorizedAccessException)
        {
            throw new MezzotintException($"Cannot make the folder '{folder}': {Printable.Line(cause.Message)}", cause);
        }
        try
        {
            write(staged);
            Finish(folder);
            string next = Path.Combine(folder, Next);
            AtomicFile.BeforeStep?.Invoke("rename", next);
            AtomicFile.Patiently(() => Directory.Move(staged, next));
            AtomicFile.BeforeStep?.Invoke("fsync folder", next);
            AtomicFile.SyncFolder(folder);
            TryFinish(folder);
        }
        catch (Exception cause) when (cause is IOException or UnauthorizedAccessException)
        {
            throw new MezzotintException($"Cannot write the folder '{folder}': {Printable.Line(cause.Message)}", cause);
        }
        finally
        {
            AtomicFile.RemoveFolder(staged);
        }
    }

    /// <summary>Where a file of the folder is: usually in it.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="name">The file, with the folder below it where it is in one.</param>
    public static string PathOf(string folder, string name) =>
        Path.Combine(folder, Next, name) is var next && File.Exists(next) ? next : Path.Combine(folder, name);

    /// <summary>Where a subfolder is whose files are replaced with those of the folder: usually in it.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="name">The subfolder.</param>
    public static string SubfolderOf(string folder, string name) =>
        Path.Combine(folder, Next, name) is var next && Directory.Exists(next) ? next : Path.Combine(folder, name);

    /// <summary>The names of the files of a folder below it that begin in one way, wherever they are.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="part">The folder below it.</param>
    /// <param name="start">What the names begin with.</param>
    public static string[] FilesOf(string folder, string part, string start) =>
        [.. new[] { Path.Combine(folder, Next, part), Path.Combine(folder, part) }.Where(Directory.Exists)
            .SelectMany(Directory.GetFiles).Select(path => Path.GetFileName(path)!)
            .Where(name => name.StartsWith(start, StringComparison.Ordinal)).Distinct()];

    /// <summary>Moves what a killed writer had left to move, where the file system allows it.</summary>
    /// <param name="folder">The folder.</param>
    public static void TryFinish(string folder)
    {
        try
        {
            Finish(folder);
        }
        catch (Exception cause) when (cause is IOException or UnauthorizedAccessException)
        {
            // The files are read where they are. On Windows a reader that has an old one open keeps its place.
        }
    }

    private static void Finish(string folder)
    {
        string next = Path.Combine(folder, Next);
        if (!Directory.Exists(next))
            return;
        string[] folders = [next, .. Directory.GetDirectories(next, "*", SearchOption.AllDirectories)];
        foreach (string from in folders)
        {
            string to = Path.GetFullPath(Path.Combine(folder, Path.GetRelativePath(next, from)));
            Directory.CreateDirectory(to);
            foreach (string file in Directory.GetFiles(from))
            {
                string target = Path.Combine(to, Path.GetFileName(file));
                AtomicFile.BeforeStep?.Invoke("rename", target);
                try
                {
                    AtomicFile.Replace(file, target);
                }
                catch (FileNotFoundException)
                {
                    // Another process moves them too.
                }
            }
            AtomicFile.BeforeStep?.Invoke("fsync folder", to);
            AtomicFile.SyncFolder(to);
        }
        AtomicFile.SyncFolder(folder); // which may have new folders
        AtomicFile.BeforeStep?.Invoke("remove", next);
        foreach (string from in folders.Reverse()) // those inside first
            if (Directory.Exists(from))
                AtomicFile.Patiently(() => Directory.Delete(from));
    }
}
