using System.Diagnostics;
using System.Net.Sockets;
using Mezzotint.Data;
using Mezzotint.IO;
using Mezzotint.Serving;

namespace Mezzotint.Tests.IO;

/// <summary>What a path is comes before opening it: a test that opens a pipe would never end.</summary>
public sealed class InputFileTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private static readonly (string Name, Action<string> Read)[] Readers =
    [
        ("npz", path => NpzFile.Read(path)),
        ("idx", path => IdxFile.Read(path)),
        ("safetensors", path => SafetensorsFile.Read(path)),
        ("pt", path => PyTorchArchive.Read(path)),
        ("toml", path => Configuration.Read(path)),
        ("receipt", path => ImageReceipt.Read(path)),
    ];

    public static TheoryData<string> Kinds => [.. Readers.Select(reader => reader.Name)];

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Pipes_sockets_devices_and_folders_are_refused_without_opening_them(string kind)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Only Linux is asked what a path is before it is opened.");
        using var mkfifo = Process.Start("mkfifo", [_folder.File("pipe")]);
        mkfifo.WaitForExit();
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        socket.Bind(new UnixDomainSocketEndPoint(_folder.File("socket")));
        Assert.Contains("it is a pipe;", Refusal(kind, _folder.File("pipe")), StringComparison.Ordinal);
        Assert.Contains("it is a socket;", Refusal(kind, _folder.File("socket")), StringComparison.Ordinal);
        Assert.Contains("it is a device;", Refusal(kind, "/dev/null"), StringComparison.Ordinal);
        Assert.Contains("it is a folder;", Refusal(kind, _folder.Name), StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void What_stands_in_place_of_a_file_is_named(string kind)
    {
        string path = _folder.File("file");
        File.WriteAllText(path, $"version https://git-lfs.github.com/spec/v1\noid sha256:{new string('0', 64)}\nsize 3091234\n");
        Assert.Contains("git-lfs pointer", Refusal(kind, path), StringComparison.Ordinal);
        File.WriteAllText(path, "\uFEFF\n <!DOCTYPE html><html><head></head></html>");
        Assert.Contains("HTML page", Refusal(kind, path), StringComparison.Ordinal);
    }

    private static string Refusal(string kind, string path)
    {
        string message = Assert.Throws<MezzotintException>(() => Readers.First(reader => reader.Name == kind).Read(path)).Message;
        Assert.DoesNotContain('\n', message);
        return message;
    }
}
