using System.Diagnostics;
using System.Formats.Tar;
using System.IO.Compression;
using System.Net.Http.Json;
using System.Runtime.Versioning;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace Mezzotint.Cli.Tests;

/// <summary>The image of <c>dotnet publish src/Mezzotint.Cli -t:PublishContainer</c>, and the compose file that starts
/// it.</summary>
public sealed class ContainerTests : IDisposable
{
    private const string SlowVariable = "MEZZOTINT_SLOW", Key = "correct-horse", Project = "src/Mezzotint.Cli";

    /// <summary>The user of the base image.</summary>
    private const string User = "1654";

    /// <summary>Bytes; and what of them the base image takes at most.</summary>
    private const long MostCompressed = 300_000_000, Base = 60_000_000;

    private readonly ScratchFolder _scratch = new();

    public void Dispose() => _scratch.Dispose();

    [Fact]
    public void The_compose_file_starts_servers_with_options_that_there_are()
    {
        string compose = File.ReadAllText(Path.Combine(Repository.Root, "deploy", "compose.yaml"));
        string[] arguments = [.. Regex.Matches(
            Regex.Match(compose, @"command: \[(.*)\]").Groups[1].Value, "\"([^\"]*)\"").Select(word => word.Groups[1].Value)];
        arguments[0] = _scratch["nowhere"];
        var said = Command.Run(["serve", .. arguments, "--api-key", Key]);
        Assert.Contains("nowhere", said.ErrorLine, StringComparison.Ordinal); // all else is as it should be
        foreach (string file in Regex.Matches(compose, @"- \./(\w+):").Select(found => found.Groups[1].Value))
            Assert.True(File.Exists(Path.Combine(Repository.Root, "deploy", file)), file);
        string port = Property("--getItem:ContainerPort").GetProperty("Items").GetProperty("ContainerPort")[0]
            .GetProperty("Identity").GetString()!;
        Assert.Contains($"server-1:{port} server-2:{port}", File.ReadAllText(
            Path.Combine(Repository.Root, "deploy", "Caddyfile")), StringComparison.Ordinal);
        Assert.Contains($"http://0.0.0.0:{port}", arguments);
    }

    /// <summary>Where the base image can be had, the image; else what would lie in it, started as it would be.</summary>
    [Fact]
    [SupportedOSPlatform("linux")]
    public async Task The_image_is_small_and_its_server_draws_without_rights_and_writes_nothing()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Images are of Linux.");
        Assert.SkipUnless(
            Environment.GetEnvironmentVariable(SlowVariable) == "1", $"It takes minutes: set {SlowVariable}=1 to run it.");
        string archive = _scratch["image.tar.gz"], layout = _scratch["app"];
        var image = Dotnet(
            "publish", Project, "-c", "Release", "-t:PublishContainer", $"-p:ContainerArchiveOutputPath={archive}", "-o", layout,
            "-p:CreateHardLinksForPublishFilesIfPossible=true");
        bool made = image.ExitCode == 0;
        var told = TestContext.Current.TestOutputHelper!;
        told.WriteLine(made ? "The image was made." : $"No image: {Reason(image.Out)}");
        Assert.True(made || image.Out.Contains("CreateNewImage", StringComparison.Ordinal), image.Out);
        long bytes = made ? new FileInfo(archive).Length : Compressed(layout) + Base;
        told.WriteLine($"{bytes / 1e6:F0} MB compressed, {Files(layout).Sum(file => file.Length) / 1e6:F0} MB not");
        Assert.InRange(bytes, 0, MostCompressed);
        await DrawsAsync(layout, told);
    }

    [SupportedOSPlatform("linux")]
    private static async Task DrawsAsync(string layout, ITestOutputHelper told)
    {
        string models = Path.Combine(layout, "models");
        string[] before = State(layout);
        string[] program = [Path.Combine(layout, "Mezzotint.Cli.dll"), "serve", Path.Combine(models, "seed")];
        string[] dotnet = Environment.UserName == "root" && File.Exists("/usr/bin/setpriv")
            ? ["/usr/bin/setpriv", "--reuid", User, "--regid", User, "--clear-groups", "dotnet"] : ["dotnet"];
        for (var folder = new DirectoryInfo(layout); folder.FullName != Path.GetTempPath().TrimEnd('/'); folder = folder.Parent!)
            folder.UnixFileMode |= UnixFileMode.OtherRead | UnixFileMode.OtherExecute;
        var start = new ProcessStartInfo(
            dotnet[0], [.. dotnet[1..], .. program, "--urls", "http://0.0.0.0:0", "--json"])
        {
            RedirectStandardOutput = true, WorkingDirectory = "/",
        };
        start.Environment.Remove("HOME");
        start.Environment["DOTNET_EnableDiagnostics"] = "0";
        start.Environment["MEZZOTINT_API_KEY"] = Key;
        using var process = Process.Start(start)!;
        try
        {
            var started = JsonDocument.Parse((await process.StandardOutput.ReadLineAsync())!).RootElement;
            int port = new Uri(started.GetProperty("urls")[0].GetString()!).Port;
            using var client = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{port}") };
            Assert.Contains("ok", await client.GetStringAsync(new Uri("/healthz", UriKind.Relative)), StringComparison.Ordinal);
            client.DefaultRequestHeaders.Add("Authorization", $"Bearer {Key}");
            using var drawn = await client.PostAsJsonAsync("/v1/images/generations", new { prompt = "7", steps = 4 });
            Assert.True(drawn.IsSuccessStatusCode);
        }
        finally
        {
            process.Kill(entireProcessTree: true);
        }
        Assert.Equal(before, State(layout));
        told.WriteLine($"The layout draws as {(dotnet.Length > 1 ? $"user {User}" : "this user")}, and nothing was written.");
    }

    private static string Reason(string said) =>
        Regex.Match(said, @"(?m)\S*Exception: (.*?)( \[[^\[]*\])?$") is { Success: true } raised ? raised.Groups[1].Value
        : said.Split('\n').FirstOrDefault(line => line.Contains("error", StringComparison.Ordinal)) ?? said;

    private static IEnumerable<FileInfo> Files(string folder) =>
        new DirectoryInfo(folder).EnumerateFiles("*", SearchOption.AllDirectories);

    private static string[] State(string folder) =>
    [
        .. Files(folder).Select(file => $"{file.FullName} {file.Length} {file.LastWriteTimeUtc:O}")
            .Order(StringComparer.Ordinal),
    ];

    /// <summary>Bytes of a folder as a layer of an image.</summary>
    private long Compressed(string folder)
    {
        string layer = _scratch["layer.tar.gz"];
        using (var file = File.Create(layer))
        using (var compressed = new GZipStream(file, CompressionLevel.Optimal))
            TarFile.CreateFromDirectory(folder, compressed, includeBaseDirectory: false);
        return new FileInfo(layer).Length;
    }

    private static JsonElement Property(string asked) =>
        JsonDocument.Parse(Dotnet("msbuild", Project, asked).Out).RootElement;

    private static Outcome Dotnet(params string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet", arguments)
        {
            RedirectStandardOutput = true, WorkingDirectory = Repository.Root,
        };
        using var process = Process.Start(start)!;
        string said = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return new(process.ExitCode, said, "");
    }
}
