using Mezzotint.Formats;

namespace Mezzotint.Data;

/// <summary>The files in a folder and in the folders below it.</summary>
/// <param name="root">The folder.</param>
internal sealed class FolderTree(string root) : FileTree
{
    private const int StartLength = 12;

    /// <inheritdoc/>
    public override string Root => root;

    /// <inheritdoc/>
    public override byte[] Read(string name, int mostBytes)
    {
        string path = PathOf(name);
        return InputFile.Read(path, stream =>
        {
            if (stream.Length > mostBytes)
                throw new MezzotintException(
                    $"Cannot read '{path}': {stream.Length} bytes are more than the {mostBytes} that are accepted.");
            byte[] bytes = new byte[stream.Length];
            stream.ReadExactly(bytes);
            return bytes;
        });
    }

    /// <inheritdoc/>
    public override Stream OpenStream(string name) => InputFile.Open(PathOf(name));

    /// <inheritdoc/>
    public override bool IsPicture(string name) => InputFile.Read(PathOf(name), stream =>
    {
        Span<byte> start = stackalloc byte[StartLength];
        return PictureFile.IsReadable(start[..stream.ReadAtLeast(start, start.Length, throwOnEndOfStream: false)]);
    });

    /// <inheritdoc/>
    public override void Dispose() { }

    /// <inheritdoc/>
    protected override IEnumerable<(string Name, long Bytes, long Version)> Walk() =>
        Walk(new DirectoryInfo(Path.GetFullPath(root)), "", []);

    private static IEnumerable<(string Name, long Bytes, long Version)> Walk(
        DirectoryInfo folder, string prefix, IReadOnlyList<string> above)
    {
        string real = folder.ResolveLinkTarget(returnFinalTarget: true)?.FullName ?? folder.FullName;
        if (above.Contains(real))
            yield break; // a link that leads round in a circle
        foreach (var entry in folder.EnumerateFileSystemInfos())
        {
            string name = prefix + entry.Name;
            if (entry is FileInfo file)
            {
                // A link has its own length and time; those of the file it leads to are meant.
                var target = file.LinkTarget is null ? file : file.ResolveLinkTarget(returnFinalTarget: true) as FileInfo;
                bool there = target is { Exists: true };
                yield return (name, there ? target!.Length : 0, there ? target!.LastWriteTimeUtc.Ticks : 0);
                continue;
            }
            yield return (name + "/", 0, 0);
            if (IsHiddenName(entry.Name))
                continue;
            foreach (var below in Walk((DirectoryInfo)entry, name + "/", [.. above, real]))
                yield return below;
        }
    }
}
