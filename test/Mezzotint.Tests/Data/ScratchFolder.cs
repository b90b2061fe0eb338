namespace Mezzotint.Tests.Data;

/// <summary>A new empty folder under the temporary folder, removed with everything in it at the end of a test.</summary>
internal sealed class ScratchFolder : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("mezzotint-test-").FullName;

    /// <summary>The path of something in the folder; its parent folders are made.</summary>
    public string this[params string[] names]
    {
        get
        {
            string path = System.IO.Path.Combine([Path, .. names]);
            Directory.CreateDirectory(System.IO.Path.GetDirectoryName(path)!);
            return path;
        }
    }

    /// <summary>Writes a file and gives its path.</summary>
    public string Write(byte[] bytes, params string[] names)
    {
        string path = this[names];
        File.WriteAllBytes(path, bytes);
        return path;
    }

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
