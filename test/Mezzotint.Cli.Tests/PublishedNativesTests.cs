using System.Globalization;
using System.Reflection.PortableExecutable;

namespace Mezzotint.Cli.Tests;

/// <summary>What a web application that uses the packages has in its folder once it is published.</summary>
public class PublishedNativesTests(PackedLibrary library) : IClassFixture<PackedLibrary>
{
    private const string SlowVariable = "MEZZOTINT_SLOW", Name = "Web", System = "linux-x64";

    private const string Program = """
        using Mezzotint.AspNetCore;
        using Microsoft.AspNetCore.Builder;
        var builder = WebApplication.CreateBuilder(args);
        builder.Services.AddMezzotint(options => options.Models["digits"] = new() { Folder = "models/seed" });
        var application = builder.Build();
        application.MapMezzotint();
        application.Run();
        """;

    [Fact]
    public void A_web_application_has_no_natives_of_other_systems_and_no_symbols_of_natives()
    {
        Assert.SkipWhen(library.Missing is not null, library.Missing ?? "");
        Assert.SkipUnless(
            Environment.GetEnvironmentVariable(SlowVariable) == "1", $"It takes a minute: set {SlowVariable}=1 to run it.");
        library.Build(Name, ["Mezzotint.AspNetCore", $"libtorch-cpu-{System}"], """
            <OutputType>Exe</OutputType>
            <CreateHardLinksForPublishFilesIfPossible>true</CreateHardLinksForPublishFilesIfPossible>
            """, [("Program.cs", Program)]);
        foreach (string? runtime in new[] { null, System })
        {
            string folder = library.Publish(Name, runtime);
            string[] files = [.. Directory.GetFiles(folder, "*", SearchOption.AllDirectories)
                .Select(file => Path.GetRelativePath(folder, file))];
            TestContext.Current.TestOutputHelper!.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"{runtime ?? "any system"}: {files.Sum(file => new FileInfo(Path.Combine(folder, file)).Length) / 1e6:0} MB"));
            string[] natives = [.. files.Where(file => IsNative(Path.Combine(folder, file)))];
            Assert.Contains(natives, file => Path.GetFileName(file) == "libtorch_cpu.so");
            Assert.Contains(natives, file => Path.GetFileName(file) == "libSkiaSharp.so");
            string place = runtime is null ? Path.Combine("runtimes", System, "native") : "";
            Assert.All(natives, file => Assert.Equal((place, ".so"), (Path.GetDirectoryName(file), Extension(file))));
            Assert.Equal([$"{Name}.pdb"], files.Where(file => Path.GetExtension(file) is ".pdb" or ".dbg" or ".dwarf"));
        }
    }

    private static bool IsNative(string file)
    {
        if (Extension(file) is ".so" or ".dylib")
            return true;
        if (Extension(file) is not (".dll" or ".exe"))
            return false;
        using var reader = new PEReader(File.OpenRead(file));
        return !reader.HasMetadata;
    }

    /// <summary>As <c>.so</c>, also of <c>libgomp-24e2ab19.so.1.0.0</c>.</summary>
    private static string Extension(string file) =>
        Path.GetFileName(file).Contains(".so.", StringComparison.Ordinal) ? ".so" : Path.GetExtension(file);
}
