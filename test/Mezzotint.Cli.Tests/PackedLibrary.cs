using System.Diagnostics;
using System.IO.Compression;
using System.Runtime.InteropServices;
using System.Xml.Linq;

namespace Mezzotint.Cli.Tests;

/// <summary>
/// The library and the server as packages in a local folder, packed from what is built, and room beside it for programs that use
/// them. Those programs lie outside the repository, take Mezzotint from that folder and everything else from wherever this
/// machine has it, and leave nothing in the package cache.
/// </summary>
public sealed class PackedLibrary : IDisposable
{
    private const string Configuration =
#if DEBUG
        "Debug";
#else
        "Release";
#endif

    private readonly ScratchFolder _scratch = new();

    public PackedLibrary()
    {
        Missing = WhatIsMissing();
        if (Missing is not null)
            return;
        foreach (string project in new[] { "Mezzotint", "Mezzotint.AspNetCore" })
            Succeed(Pack(project, "feed"));
        // Packages that this machine has are taken from where they are; what is new stays in the scratch folder.
        string cache =
            Succeed(Dotnet(_scratch.Path, "nuget", "locals", "global-packages", "--list")).Out.Split(": ", 2)[1].Trim();
        _scratch.Write("nuget.config", $"""
            <configuration>
              <fallbackPackageFolders><add key="cache" value="{cache}" /></fallbackPackageFolders>
              <packageSources><add key="feed" value="feed" /></packageSources>
            </configuration>
            """);
    }

    /// <summary>A version that no cache has.</summary>
    public string Version { get; } = $"0.0.1-test.{DateTime.UtcNow.Ticks}";

    /// <summary>Why nothing was packed; null where all is well.</summary>
    public string? Missing { get; }

    public string Folder => _scratch.Path;

    internal string this[params string[] names] => _scratch[names];

    public ZipArchive Open(string project, string extension) =>
        ZipFile.OpenRead(_scratch["feed", $"{project}.{Version}.{extension}"]);

    /// <summary>Packs a project from what is built.</summary>
    /// <param name="project">Its name.</param>
    /// <param name="feed">The folder that the package is put in.</param>
    /// <param name="settings">Further settings of the build: <c>-p:NAME=VALUE</c>.</param>
    internal Outcome Pack(string project, string feed, params string[] settings) => Dotnet(Repository.Root,
        ["pack", $"src/{project}", "--no-build", "--configuration", Configuration, "--output", _scratch[feed],
            $"-p:Version={Version}", $"-p:NuspecOutputPath={_scratch["nuspec"]}/", .. settings]);

    /// <summary>Writes a project that needs these packages, and builds it.</summary>
    /// <param name="name">The project, and its folder.</param>
    /// <param name="packages">Those of Mezzotint get the packed version, others that of the repository.</param>
    /// <param name="properties">Further properties, as XML.</param>
    /// <param name="files">Its sources: names and texts.</param>
    /// <returns>The built assembly.</returns>
    internal string Build(string name, string[] packages, string properties, params (string Name, string Text)[] files)
    {
        foreach (var (file, text) in files)
            _scratch.Write(Path.Combine(name, file), text);
        _scratch.Write(Path.Combine(name, $"{name}.csproj"), $"""
            <Project Sdk="Microsoft.NET.Sdk">
              <PropertyGroup>
                <TargetFramework>net10.0</TargetFramework>
                <Nullable>enable</Nullable>
                <ImplicitUsings>enable</ImplicitUsings>
                <NuGetAudit>false</NuGetAudit>
                <RestorePackagesPath>../packages</RestorePackagesPath>
                <CreateHardLinksForCopyLocalIfPossible>true</CreateHardLinksForCopyLocalIfPossible>
                {properties}
              </PropertyGroup>
              <ItemGroup>
                {string.Join(
                    "\n    ",
                    packages.Select(package => $"<PackageReference Include=\"{package}\" Version=\"{VersionOf(package)}\" />"))}
              </ItemGroup>
            </Project>
            """);
        Need(name, Dotnet(_scratch[name], "build", "--output", "bin", "-p:UseSharedCompilation=false"));
        return _scratch[name, "bin", $"{name}.dll"];
    }

    /// <summary>Publishes a project that was built, and needs the runtime of .NET where it runs.</summary>
    /// <param name="name">The project.</param>
    /// <param name="runtime">The system that it is for; null for any that its packages have natives for.</param>
    /// <returns>The folder.</returns>
    internal string Publish(string name, string? runtime)
    {
        string folder = _scratch[name, $"published-{runtime ?? "any"}"];
        string[] system = runtime is null ? [] : ["--runtime", runtime, "--self-contained", "false"];
        Need(name, Dotnet(_scratch[name], ["publish", "--output", folder, .. system, "-p:UseSharedCompilation=false"]));
        return folder;
    }

    private static void Need(string name, Outcome made)
    {
        Assert.SkipWhen(
            made.Out.Contains("error NU1301", StringComparison.Ordinal),
            $"Packages that {name} needs are not on this machine, and their source does not answer.");
        Succeed(made);
    }

    /// <summary>Writes a program of one file, which names the packages that it needs itself.</summary>
    /// <param name="folder">A folder for it alone.</param>
    /// <param name="packages">As in <see cref="Build"/>.</param>
    /// <param name="text">Its source.</param>
    /// <returns>The file.</returns>
    internal string WriteFileBased(string folder, string[] packages, string text)
    {
        string directives = string.Concat(packages.Select(package => $"#:package {package}@{VersionOf(package)}\n"));
        string properties = "#:property NuGetAudit=false\n#:property RestorePackagesPath=../packages\n";
        _scratch.Write(Path.Combine(folder, "app.cs"), $"{directives}{properties}{text}\n");
        return _scratch[folder, "app.cs"];
    }

    internal static Outcome Dotnet(string workingFolder, params string[] args)
    {
        var start = new ProcessStartInfo("dotnet", args)
        {
            WorkingDirectory = workingFolder, RedirectStandardInput = true, RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        // What `dotnet test` sets for itself must not reach another build, and no server may stay behind that holds the output
        // open.
        foreach (
            string name in start.Environment.Keys.Where(name => name.StartsWith("MSBUILD", StringComparison.OrdinalIgnoreCase))
                .ToList())
            start.Environment.Remove(name);
        start.Environment["MSBUILDDISABLENODEREUSE"] = "1";
        start.Environment["DOTNET_CLI_USE_MSBUILD_SERVER"] = "0";
        start.Environment["DOTNET_CLI_UI_LANGUAGE"] = "en";
        using var process = Process.Start(start)!;
        return Command.Finish(process);
    }

    internal static Outcome Succeed(Outcome outcome)
    {
        Assert.True(outcome.ExitCode == 0, outcome.Out + outcome.Error);
        return outcome;
    }

    public void Dispose() => _scratch.Dispose();

    private static string? WhatIsMissing()
    {
        if (!OperatingSystem.IsLinux() || RuntimeInformation.OSArchitecture != Architecture.X64)
            return "The program that uses the packages is built for Linux x64 only.";
        try
        {
            return Dotnet(Repository.Root, "--version") is { ExitCode: 0 }
                ? null : "The .NET SDK that global.json asks for is not installed.";
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return "There is no `dotnet` on this machine's path.";
        }
    }

    private string VersionOf(string package)
    {
        if (package.StartsWith("Mezzotint", StringComparison.Ordinal))
            return Version;
        var versions = XDocument.Load(Path.Combine(Repository.Root, "Directory.Packages.props"));
        string version = versions.Descendants("PackageVersion").Single(entry => entry.Attribute("Include")!.Value == package)
            .Attribute("Version")!.Value;
        return version.StartsWith("$(", StringComparison.Ordinal) ? versions.Descendants(version[2..^1]).Single().Value : version;
    }
}
