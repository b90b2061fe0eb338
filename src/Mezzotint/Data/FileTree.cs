using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Mezzotint.Formats;

namespace Mezzotint.Data;

/// <summary>The files below a root, in a folder (<see cref="FolderTree"/>) or in a zip archive (<see cref="ZipTree"/>).</summary>
/// <remarks>
/// Names are paths from the root with a slash between folders, in the order of their characters. Hidden files and folders, and
/// what systems leave behind, are kept apart from the others. Files may be read by several threads at once.
/// </remarks>
internal abstract class FileTree : IDisposable
{
    private static readonly HashSet<string> Leftovers = new(StringComparer.OrdinalIgnoreCase)
        { "__MACOSX", "Thumbs.db", "desktop.ini" };

    private Listing? _listing;

    /// <summary>The folder or archive, as the user named it.</summary>
    public abstract string Root { get; }

    /// <summary>All files that are not hidden.</summary>
    public IReadOnlyList<string> Files => Listed.Files;

    /// <summary>Hidden files, and hidden folders with a slash at their end; what is in these is not listed.</summary>
    public IReadOnlyList<string> Hidden => Listed.Hidden;

    /// <summary>All folders that are not hidden, without the root.</summary>
    public IReadOnlyList<string> Folders => Listed.Folders;

    /// <summary>How many bytes all files have.</summary>
    public long Bytes => Listed.Bytes;

    private Listing Listed => _listing ??= List();

    /// <summary>Opens what a path names.</summary>
    /// <param name="path">A folder, or a zip archive.</param>
    /// <exception cref="MezzotintException">It is neither, or cannot be read.</exception>
    public static FileTree Open(string path) => Directory.Exists(path) ? new FolderTree(path) : new ZipTree(path);

    /// <summary>What an error calls a file.</summary>
    public string PathOf(string name) => Path.Combine(Root, name.Replace('/', Path.DirectorySeparatorChar));

    /// <summary>The bytes of a file.</summary>
    /// <param name="name">One of <see cref="Files"/>.</param>
    /// <param name="mostBytes">The most to accept.</param>
    /// <exception cref="MezzotintException">It cannot be read, is damaged, or has more bytes.</exception>
    public abstract byte[] Read(string name, int mostBytes);

    /// <summary>A file that is read from its beginning to its end.</summary>
    /// <param name="name">One of <see cref="Files"/>.</param>
    /// <exception cref="MezzotintException">It cannot be read.</exception>
    public abstract Stream OpenStream(string name);

    /// <summary>Whether a file begins as a picture does.</summary>
    /// <exception cref="MezzotintException">It cannot be read.</exception>
    public abstract bool IsPicture(string name);

    /// <summary>A text that changes when a file comes, goes or changes. It follows from the name and length of each file and, in
    /// a folder, the time of its last change, in an archive its checksum. No list is kept.</summary>
    public string Fingerprint()
    {
        // The sum of their hashes does not depend on the order in which a file system tells its files.
        UInt128 sum = 0;
        ulong count = 0;
        foreach (var (name, bytes, version) in Walk())
        {
            if (name.EndsWith('/'))
                continue;
            byte[] hash = SHA256.HashData(Encoding.UTF8.GetBytes(FormattableString.Invariant($"{name}\0{bytes}\0{version}")));
            sum += BinaryPrimitives.ReadUInt128LittleEndian(hash);
            count++;
        }
        return FormattableString.Invariant($"{count} {sum:x32}");
    }

    /// <inheritdoc/>
    public abstract void Dispose();

    /// <summary>All files and folders, these with a slash at their end, in any order; hidden folders are not gone into.</summary>
    protected abstract IEnumerable<(string Name, long Bytes, long Version)> Walk();

    /// <summary>Whether a name, without the folders it is in, is that of something hidden or left behind.</summary>
    protected static bool IsHiddenName(ReadOnlySpan<char> name) =>
        name.StartsWith('.') || Leftovers.GetAlternateLookup<ReadOnlySpan<char>>().Contains(name);

    private Listing List()
    {
        List<string> files = [], hidden = [], folders = [];
        long sum = 0;
        foreach (var (name, bytes, _) in Walk())
        {
            if (IsHiddenName(Path.GetFileName(name.AsSpan().TrimEnd('/'))))
                hidden.Add(name);
            else if (name.EndsWith('/'))
                folders.Add(name[..^1]);
            else
            {
                files.Add(name);
                sum += bytes;
            }
        }
        foreach (var names in (List<string>[])[files, hidden, folders])
            names.Sort(StringComparer.Ordinal);
        return new Listing(files, hidden, folders, sum);
    }

    private sealed record Listing(List<string> Files, List<string> Hidden, List<string> Folders, long Bytes);
}
