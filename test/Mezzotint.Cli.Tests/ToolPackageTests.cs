using System.IO.Compression;
using Mezzotint.Formats;

namespace Mezzotint.Cli.Tests;

/// <summary>
/// The command as a tool of .NET: packed for Linux and Windows, installed into a folder, run. Where there is no SDK of Windows,
/// its package runs on the runtime that the published program brings along.
/// </summary>
[Collection(WindowsDefinition.Name), Trait("System", "Windows")]
public sealed class ToolPackageTests(WindowsProgram windows) : IDisposable
{
    private const string SlowVariable = "MEZZOTINT_SLOW", Version = "0.0.1-test";
    private const string Linux = "linux-x64", Windows = "win-x64";

    private readonly ScratchFolder _scratch = new();

    public void Dispose() => _scratch.Dispose();

    [Fact]
    public void It_is_packed_for_each_system_installed_into_a_folder_and_draws()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "The tool is installed on Linux, and that of Windows runs under wine.");
        Assert.SkipUnless(windows.Missing is null, windows.Missing ?? "");
        Assert.SkipUnless(
            Environment.GetEnvironmentVariable(SlowVariable) == "1", $"It takes minutes: set {SlowVariable}=1 to run it.");
        PackedLibrary.Succeed(PackedLibrary.Dotnet(
            Repository.Root, "pack", "src/Mezzotint.Cli", "--output", _scratch["feed"], $"-p:Version={Version}",
            $"-p:ToolPackageRuntimeIdentifiers=\"{Linux};{Windows}\"", $"-p:ArtifactsPath={WindowsProgram.Artifacts}",
            "-p:RunAnalyzers=false", "-p:UseSharedCompilation=false", "-p:NuGetAudit=false"));
        TinyTraining.WriteModel(_scratch["models", "tiny"]);
        string[] sample = ["sample", "tiny", "--label", "1", "--count", "1", "--steps", "2", "--out"];

        _scratch.Write("nuget.config", """
            <configuration><packageSources><clear /><add key="feed" value="feed" /></packageSources></configuration>
            """);
        PackedLibrary.Succeed(PackedLibrary.Dotnet(
            _scratch.Path, "tool", "install", "Mezzotint.Cli", "--version", Version, "--tool-path", "tools"));
        AssertNatives(_scratch["tools", ".store"], ".so");
        var start = new System.Diagnostics.ProcessStartInfo(_scratch["tools", "mezzotint"], [.. sample, "here.png"])
        {
            WorkingDirectory = _scratch.Path, RedirectStandardInput = true, RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using (var process = Command.StartQuietly(start))
            PackedLibrary.Succeed(Command.Finish(process));

        ZipFile.ExtractToDirectory(_scratch["feed", $"Mezzotint.Cli.{Windows}.{Version}.nupkg"], _scratch["windows"]);
        AssertNatives(_scratch["windows"], ".dll");
        string tool = Path.GetDirectoryName(Assert.Single(
            Directory.GetFiles(_scratch["windows"], "Mezzotint.Cli.dll", SearchOption.AllDirectories)))!;
        Assert.Contains("EntryPoint=\"Mezzotint.Cli.dll\"", File.ReadAllText(Path.Combine(tool, "DotnetToolSettings.xml")),
            StringComparison.Ordinal);
        windows.LendRuntime(tool);
        using (var process = windows.Start(_scratch.Path, [.. sample, "there.png"], folder: tool))
            PackedLibrary.Succeed(Command.Finish(process));
        Assert.All(
            PngFile.Read(_scratch["here.png"]).Pixels.Zip(PngFile.Read(_scratch["there.png"]).Pixels),
            pixel => Assert.InRange(pixel.First - pixel.Second, -1, 1));
    }

    /// <summary>Its own system's libtorch, nothing of others, no symbols of natives, and the models.</summary>
    private static void AssertNatives(string folder, string ending)
    {
        string[] files = [.. Directory.GetFiles(folder, "*", SearchOption.AllDirectories)];
        Assert.Single(files, file => Path.GetFileNameWithoutExtension(file) is "libtorch_cpu" or "torch_cpu");
        Assert.Single(files, file => Path.GetFileName(file) is "libSkiaSharp.so" or "libSkiaSharp.dll");
        Assert.DoesNotContain(files, file => Path.GetExtension(file) is ".dylib" or ".so" && Path.GetExtension(file) != ending);
        Assert.DoesNotContain(files, file => Path.GetExtension(file) == ".pdb"
            && !Path.GetFileName(file).StartsWith("Mezzotint", StringComparison.Ordinal));
        Assert.Contains(files, file => file.Contains($"models{Path.DirectorySeparatorChar}mnist", StringComparison.Ordinal));
    }
}
