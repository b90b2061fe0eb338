using Mezzotint.Formats;

namespace Mezzotint.Data;

/// <summary>The files in a zip archive, read where they lie.</summary>
internal sealed class ZipTree : FileTree
{
    private readonly Lock _lock = new();
    private readonly FileStream _stream;
    private readonly ZipReader _zip;

    /// <summary>Opens an archive, and checks its directory.</summary>
    /// <exception cref="MezzotintException">It cannot be read, or is no sound archive.</exception>
    public ZipTree(string path)
    {
        Root = path;
        _stream = InputFile.Open(path);
        try
        {
            _zip = ZipReader.Open(_stream, pictures: true);
        }
        catch (Exception cause) when (cause is InvalidDataException or IOException)
        {
            _stream.Dispose();
            throw new MezzotintException($"Cannot read '{path}': {cause.Message}.", cause);
        }
    }

    /// <inheritdoc/>
    public override string Root { get; }

    /// <summary>Whether the archive is an .npz file: it has nothing but arrays.</summary>
    public bool HasOnlyArrays => _zip.Entries.Count > 0
        && _zip.Entries.Keys.All(name => name.EndsWith(".npy", StringComparison.Ordinal));

    /// <inheritdoc/>
    public override byte[] Read(string name, int mostBytes)
    {
        var entry = _zip.Entries[name];
        if (entry.Length > mostBytes)
            throw new MezzotintException(
                $"Cannot read '{PathOf(name)}': {entry.Length} bytes are more than the {mostBytes} that are accepted.");
        try
        {
            lock (_lock)
                return _zip.Read(entry);
        }
        catch (Exception cause) when (cause is InvalidDataException or IOException)
        {
            throw new MezzotintException($"Cannot read '{PathOf(name)}': {cause.Message}.", cause);
        }
    }

    /// <inheritdoc/>
    public override Stream OpenStream(string name) => new MemoryStream(Read(name, Array.MaxLength), writable: false);

    /// <inheritdoc/>
    public override bool IsPicture(string name)
    {
        try
        {
            return PictureFile.IsReadable(Read(name, PictureFile.MostBytes));
        }
        catch (MezzotintException)
        {
            return true; // it is damaged, whatever it is: reading it will say so
        }
    }

    /// <inheritdoc/>
    public override void Dispose() => _stream.Dispose();

    /// <inheritdoc/>
    protected override IEnumerable<(string Name, long Bytes, long Version)> Walk()
    {
        var told = new HashSet<string>(StringComparer.Ordinal); // folders: archives may leave theirs out
        foreach (var (name, entry) in _zip.Entries)
        {
            bool hidden = false;
            int start = 0;
            for (int slash = name.IndexOf('/'); slash >= 0 && !hidden; slash = name.IndexOf('/', start))
            {
                if (told.Add(name[..(slash + 1)]))
                    yield return (name[..(slash + 1)], 0, 0);
                hidden = IsHiddenName(name.AsSpan(start, slash - start));
                start = slash + 1;
            }
            if (!hidden && !name.EndsWith('/'))
                yield return (name, entry.Length, entry.Crc);
        }
    }
}
