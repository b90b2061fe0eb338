namespace Mezzotint.Cli.Tests;

/// <summary>A new folder under the temporary folder, removed with everything in it at the end of a test.</summary>
internal sealed class ScratchFolder : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("mezzotint-cli-").FullName;

    public string this[params string[] names] => System.IO.Path.Combine([Path, .. names]);

    public string Write(string name, string text)
    {
        string path = this[name];
        Directory.CreateDirectory(System.IO.Path.GetDirectoryName(path)!);
        File.WriteAllText(path, text);
        return path;
    }

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
