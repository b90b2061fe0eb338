using System.Diagnostics;
using System.Net.Sockets;
using System.Text.RegularExpressions;
using Mezzotint.Data;
using Mezzotint.Formats;
using Mezzotint.Runs;
using Mezzotint.Serving;
using Mezzotint.Training;

namespace Mezzotint.Tests.Formats;

/// <summary>What a path is comes before opening it: a test that opens a pipe would never end.</summary>
public sealed partial class InputFileTests : IDisposable
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
        ("log", path => RunLog.Read(path)),
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

    // What opens files by itself, and why it may: none of it reads a file that a user names.
    private static readonly Dictionary<string, string> Openers = new()
    {
        ["Mezzotint/Formats/InputFile.cs"] = "the one place that opens what is read",
        ["Mezzotint/Formats/AtomicFile.cs"] = "its own temporary files",
        ["Mezzotint/Formats/TensorBoardLog.cs"] = "writes new files",
        ["Mezzotint/Runs/RunFolder.cs"] = "the lock of a run",
        ["Mezzotint/Runs/TrainingRun.cs"] = "the configuration and the pictures that it has just written, for TensorBoard",
        ["Mezzotint/Runs/RunHeartbeat.cs"] = "writes the sign of life",
        ["Mezzotint/Data/EncodedImages.cs"] = "the cache that it has written itself, by position",
        ["Mezzotint/Data/ImageCacheFile.cs"] = "the cache that it has written itself, by position",
        ["Mezzotint/Data/FileDownload.cs"] = "writes the part of a download, after asking what is there",
        ["Mezzotint/Evaluation/Reports/EvaluationReport.cs"] = "pictures that it has just written",
        ["Mezzotint/Runtime/AddressSpace.cs"] = "what the kernel says of the process",
        ["Mezzotint/Runtime/Libtorch.cs"] = "the native library, and its copy in the cache",
        ["Mezzotint.AspNetCore/Api/DownloadEndpoints.cs"] = "a download that it has just written, and deletes when it is closed",
        ["Mezzotint.Cli/Output/Machine.cs"] = "what the kernel says of the processor",
        ["Mezzotint.Cli/Output/StopSignals.cs"] = "what the kernel says of the process",
    };

    [Fact]
    public void Files_are_opened_in_one_place()
    {
        string source = Path.Combine(Repository.Root, "src");
        var openers = Directory.EnumerateFiles(source, "*.cs", SearchOption.AllDirectories)
            .Where(file => OpensFiles().IsMatch(File.ReadAllText(file)))
            .Select(file => Path.GetRelativePath(source, file).Replace('\\', '/'));
        Assert.Equal(Openers.Keys.Order(StringComparer.Ordinal), openers.Order(StringComparer.Ordinal));
    }

    [GeneratedRegex(
        @"\bFile\.(Open|ReadAll|ReadLines|Create\b|CreateText|AppendText)|new (FileStream|StreamReader)\((?!stream\b)")]
    private static partial Regex OpensFiles();

    [Fact]
    public void A_file_that_is_being_written_is_read()
    {
        string path = _folder.File("log");
        using var writer = new FileStream(path, FileMode.CreateNew, FileAccess.Write, FileShare.ReadWrite);
        writer.Write("{\"step\":1,\"epoch\":1,\"train_loss\":2,\"seconds\":3}\n{\"st"u8);
        writer.Flush();
        Assert.Equal(1, Assert.Single(RunLog.Read(path)).Step);
    }

    private static string Refusal(string kind, string path)
    {
        string message = Assert.Throws<MezzotintException>(() => Readers.First(reader => reader.Name == kind).Read(path)).Message;
        Assert.DoesNotContain('\n', message);
        return message;
    }
}
