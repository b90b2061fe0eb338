using System.IO.Compression;
using System.Xml.Linq;
using Mezzotint.Formats;

namespace Mezzotint.Cli.Tests;

/// <summary>What the packages hold, and that a program elsewhere can use them; the C# of the documents is compiled against them
/// too.</summary>
public class PackageTests(PackedLibrary library) : IClassFixture<PackedLibrary>
{
    /// <summary>Trains two steps, draws an image with the model, then does what the README shows.</summary>
    private const string Program = """
        using Mezzotint.Data;
        using Mezzotint.Networks;
        using Mezzotint.Runs;
        using Mezzotint.Serving;
        using Mezzotint.Training;

        var config = new ExperimentConfig
        {
            Data = new() { Name = "strokes" },
            Training = new() { Epochs = 1, BatchSize = 16, Replicas = 1, SamplesPerLabel = 0 },
            Model = new UNetConfig { NumResBlocks = 1, ChannelMultipliers = [1],
                Transformer = new() { ContextDim = 8, NumHeads = 2 } },
        };
        using (var folder = RunFolder.Open("run"))
        {
            var run =
                new TrainingRun(
                    config, folder, DataSource.Load("strokes", limit: 32), DataSource.Load("strokes", train: false, limit: 16));
            Console.WriteLine($"{run.Run().Step} steps");
        }
        using (var pipeline = DiffusionPipeline.Load("run/model", threads: 1))
            pipeline.Generate("7", new() { Count = 1, Seed = 42, Steps = 2 }).SavePng("seven.png");
        foreach (var example in Examples.OfReadme)
            await example();
        """;

    /// <summary>What the chapters' examples take as given.</summary>
    private const string Given = """
        global using System.ClientModel;
        global using Mezzotint.Data;
        global using Mezzotint.Engine;
        global using Mezzotint.Evaluation;
        global using Mezzotint.Formats;
        global using Mezzotint.Models;
        global using Mezzotint.Networks;
        global using Mezzotint.Noise;
        global using Mezzotint.Plots;
        global using Mezzotint.Runs;
        global using Mezzotint.Runtime;
        global using Mezzotint.Sampling;
        global using Mezzotint.Serving;
        global using Mezzotint.Settings;
        global using Mezzotint.AspNetCore;
        global using Mezzotint.Text;
        global using Mezzotint.Training;
        global using Microsoft.Extensions.AI;
        global using Microsoft.Extensions.Logging;
        global using OpenAI;
        global using OpenAI.Images;
        global using TorchSharp;
        global using static Given;

        static class Given
        {
            public static DenoisingNetwork network = null!;
            public static LoadedModel model = null!;
            public static ImageSet pictures = null!;
            public static NoiseProcess process = null!;
            public static IDenoiser denoiser = null!;
            public static torch.Tensor z = null!;
            public static Condition condition = null!;
            public static ImageNoise noise = null!;
            public static NetworkBuilder net = null!;
            public static Node x = null!, time = null!;
            public static int channels, groups;
            public static double[] levels = null!;
            public static ImageSet train = null!, test = null!;
            public static WorkerThreads threads = null!;
            public static DiffusionPipeline pipeline = null!;
            public static ILoggerFactory loggers = null!;
            public static CancellationToken cancellation;
            public static void Show(params object?[] what) { }
        }
        """;

    [Theory]
    [InlineData("Mezzotint")]
    [InlineData("Mezzotint.AspNetCore")]
    public void A_package_has_its_page_documentation_licence_and_symbols_and_nothing_native(string project)
    {
        Assert.SkipWhen(library.Missing is not null, library.Missing ?? "");
        using var package = library.Open(project, "nupkg");
        string[] files = [.. package.Entries.Select(entry => entry.FullName)];
        Assert.Contains("PACKAGE.md", files);
        Assert.Contains($"lib/net10.0/{project}.xml", files);
        Assert.Equal(
            [$"lib/net10.0/{project}.dll"],
            files.Where(name => Path.GetExtension(name) is ".dll" or ".so" or ".dylib" or ".exe" or ".pdb"));
        Assert.DoesNotContain(files, name => name.StartsWith("runtimes/", StringComparison.Ordinal));

        using var stream = package.GetEntry($"{project}.nuspec")!.Open();
        var metadata = XDocument.Load(stream).Root!.Elements().Single();
        string Text(string name) => metadata.Elements().Single(element => element.Name.LocalName == name).Value;
        Assert.Equal(
            (project, library.Version, "MIT", "PACKAGE.md"), (Text("id"), Text("version"), Text("license"), Text("readme")));
        Assert.NotEmpty(Text("description"));
        Assert.NotEmpty(Text("tags"));
        Assert.Equal(ReleaseNotes, Text("releaseNotes").ReplaceLineEndings("\n"));
        string[] dependencies =
        [
            .. metadata.Descendants().Where(element => element.Name.LocalName == "dependency").Select(element =>
                $"{element.Attribute("id")!.Value} {element.Attribute("version")!.Value}"),
        ];
        Assert.DoesNotContain(
            dependencies,
            dependency =>
                dependency.StartsWith("libtorch", StringComparison.OrdinalIgnoreCase)
                    || dependency.StartsWith("TorchSharp-", StringComparison.OrdinalIgnoreCase));
        Assert.Contains(
            dependencies,
            dependency =>
                dependency.StartsWith(
                    project == "Mezzotint" ? "TorchSharp " : $"Mezzotint {library.Version}", StringComparison.Ordinal));

        using var symbols = library.Open(project, "snupkg");
        Assert.Contains(symbols.Entries, entry => entry.FullName == $"lib/net10.0/{project}.pdb");
    }

    /// <summary>The topmost section of the changelog, as much of it as fits.</summary>
    private static string ReleaseNotes
    {
        get
        {
            string[] lines = File.ReadAllLines(Path.Combine(Repository.Root, "CHANGELOG.md"));
            int begin = Array.FindIndex(lines, line => line.StartsWith("## ", StringComparison.Ordinal));
            int end = Array.FindIndex(lines, begin + 1, line => line.StartsWith("## ", StringComparison.Ordinal));
            string section = string.Join('\n', lines[begin..(end < 0 ? lines.Length : end)]);
            return section.Length <= 30_000 ? section : section[..section.LastIndexOf('\n', 30_000)];
        }
    }

    [Fact]
    public void Icon_and_addresses_are_settings_and_a_package_of_before_is_compared_with()
    {
        Assert.SkipWhen(library.Missing is not null, library.Missing ?? "");
        PngFile.Write(library["icon.png"], new ImageBatch(1, 1, 16, 16, new byte[16 * 16]));
        string[] baseline = [$"-p:PackageBaselineFolder={library["before"]}", $"-p:PackageBaselineVersion={library.Version}"];
        string before = library["before", $"Mezzotint.{library.Version}.nupkg"];
        Directory.CreateDirectory(library["before"]);
        File.Copy(library["feed", Path.GetFileName(before)], before);
        PackedLibrary.Succeed(library.Pack("Mezzotint", "after",
            [.. baseline, $"-p:PackageIconFile={library["icon.png"]}", "-p:RepositoryUrl=https://example.org/mezzotint.git",
                "-p:PackageProjectUrl=https://example.org/mezzotint"]));
        using (var package = ZipFile.OpenRead(library["after", Path.GetFileName(before)]))
        {
            Assert.NotNull(package.GetEntry("icon.png"));
            using var reader = new StreamReader(package.GetEntry("Mezzotint.nuspec")!.Open());
            string metadata = reader.ReadToEnd();
            Assert.Contains("<icon>icon.png</icon>", metadata, StringComparison.Ordinal);
            Assert.Contains("<projectUrl>https://example.org/mezzotint</projectUrl>", metadata, StringComparison.Ordinal);
            Assert.Contains("url=\"https://example.org/mezzotint.git\"", metadata, StringComparison.Ordinal);
        }

        string older = library.Build("Older", [],
            "<AssemblyName>Mezzotint</AssemblyName>", ("Gone.cs", "namespace Mezzotint; public class GoneSince { }"));
        using (var package = ZipFile.Open(before, ZipArchiveMode.Update))
        {
            const string assembly = "lib/net10.0/Mezzotint.dll";
            package.GetEntry(assembly)!.Delete();
            package.CreateEntryFromFile(Path.Combine(Path.GetDirectoryName(older)!, "Mezzotint.dll"), assembly);
        }
        var refused = library.Pack("Mezzotint", "refused", baseline);
        Assert.NotEqual(0, refused.ExitCode);
        Assert.Contains("CP0001", refused.Out, StringComparison.Ordinal);
        Assert.Contains("Mezzotint.GoneSince", refused.Out, StringComparison.Ordinal);
    }

    /// <summary>Of a small project under the settings of <c>src/</c>, in a repository of its own.</summary>
    [Fact]
    public void The_version_is_that_of_the_newest_tag_and_a_clone_without_tags_or_without_git_builds()
    {
        Assert.SkipWhen(library.Missing is not null, library.Missing ?? "");
        foreach (string file in new[] { "Directory.Build.props", "Directory.Packages.props", "src/Directory.Build.props" })
        {
            Directory.CreateDirectory(Path.GetDirectoryName(library["tagged", file])!);
            File.Copy(Path.Combine(Repository.Root, file), library["tagged", file]);
        }
        Directory.CreateDirectory(library["tagged", "src", "Small"]);
        File.WriteAllText(library["tagged", "src", "Small", "Small.csproj"], "<Project Sdk=\"Microsoft.NET.Sdk\" />");
        string Version(params string[] settings)
        {
            var said = PackedLibrary.Dotnet(library["tagged", "src", "Small"],
                ["msbuild", "-restore", "-t:MinVer", "-getProperty:Version", "-p:NuGetAudit=false", .. settings]);
            Assert.SkipWhen(said.Out.Contains("error NU1", StringComparison.Ordinal), "MinVer is not on this machine.");
            return PackedLibrary.Succeed(said).Out.Trim();
        }
        void Git(params string[] args)
        {
            var start = new System.Diagnostics.ProcessStartInfo("git",
                ["-c", "user.name=x", "-c", "user.email=x@example.org", .. args])
            {
                WorkingDirectory = library["tagged"], RedirectStandardInput = true, RedirectStandardOutput = true,
                RedirectStandardError = true,
            };
            using var process = System.Diagnostics.Process.Start(start)!;
            PackedLibrary.Succeed(Command.Finish(process));
        }
        Assert.Equal("0.1.0", Version());
        Git("init", "--quiet");
        Git("commit", "--quiet", "--allow-empty", "--message", "one");
        Assert.Equal("0.1.0-preview.0", Version());
        Git("tag", "v1.2.3");
        Assert.Equal("1.2.3", Version());
        Git("commit", "--quiet", "--allow-empty", "--message", "two");
        Assert.Equal("1.2.4-preview.0.1", Version());
        Assert.Equal("7.0.0", Version("-p:Version=7.0.0"));
    }

    [Fact]
    public void Nothing_packed_names_a_folder_of_this_machine()
    {
        Assert.SkipWhen(library.Missing is not null, library.Missing ?? "");
        byte[] root = System.Text.Encoding.UTF8.GetBytes(Repository.Root);
        foreach (
            var (project, extension) in new[]
            {
                ("Mezzotint", "nupkg"), ("Mezzotint", "snupkg"),
                ("Mezzotint.AspNetCore", "nupkg"), ("Mezzotint.AspNetCore", "snupkg"),
            })
        {
            using var package = library.Open(project, extension);
            foreach (var entry in package.Entries)
            {
                using var stream = entry.Open();
                using var bytes = new MemoryStream();
                stream.CopyTo(bytes);
                Assert.True(
                    bytes.ToArray().AsSpan().IndexOf(root) < 0,
                    $"{project} ({extension}): {entry.FullName} names {Repository.Root}.");
            }
        }
    }

    [Fact]
    public void A_program_elsewhere_trains_two_steps_draws_an_image_and_does_what_the_readme_shows()
    {
        Assert.SkipWhen(library.Missing is not null, library.Missing ?? "");
        CodeBlock[] shown = [.. Documents.Blocks("README.md", "csharp")];
        CodeBlock[] others =
        [
            .. Documents.All.Where(document => document.StartsWith("src/", StringComparison.Ordinal)).SelectMany(document =>
                Documents.Blocks(document, "csharp")),
        ];
        Assert.NotEmpty(shown);
        string program =
            library.Build("Consumer", ["Mezzotint", "Mezzotint.AspNetCore", "libtorch-cpu-linux-x64"],
            "<OutputType>Exe</OutputType>", [("Program.cs", Program), .. Examples([.. shown, .. others]), ("Examples.cs", $$"""
                static class Examples { public static Func<Task>[] OfReadme =
                    [{{string.Join(", ", shown.Select((_, index) => $"Example{index}.Run"))}}]; }
                """)]);

        HeldScalars.Check(program);
        Directory.CreateSymbolicLink(library["models"], Path.Combine(Repository.Root, "models"));
        var outcome = PackedLibrary.Succeed(PackedLibrary.Dotnet(library.Folder, program));
        Assert.Equal("2 steps\n", outcome.Out);
        var drawn = PngFile.Read(library["seven.png"]);
        Assert.Equal((28, 28), (drawn.Height, drawn.Width));
        Assert.True(drawn.Pixels.ToArray().Distinct().Count() > 10, "The image is flat.");
        Assert.True(File.Exists(library["sevens.png"]), "The example of the README left no picture.");
    }

    /// <summary>Such a program is built as if for AOT: serialisers have no reflection in it.</summary>
    [Fact]
    public void A_program_of_one_file_does_what_the_readme_shows_in_three_lines()
    {
        string said = RunOneFile("one-file", "Mezzotint", $$"""
            using System.Text.Json;
            using Mezzotint.Serving;
            using var pipeline = DiffusionPipeline.Load(@"{{Seed}}", threads: 1);
            pipeline.Generate("seven", new() { Count = 2, Seed = 42, Steps = 3 }).SavePng("of-one-file.png");
            var receipt = ImageReceipt.Read("of-one-file.png");
            Console.WriteLine(
                $"{receipt.Seed} {receipt.Labels[1]} {receipt.Scale} {JsonSerializer.IsReflectionEnabledByDefault}");
            """);
        Assert.Equal("42 7 1 False\n", said);
    }

    /// <summary>The server binds requests and writes answers without reflection too.</summary>
    [Fact]
    public void A_program_of_one_file_serves()
    {
        string said = RunOneFile("one-file-server", "Mezzotint.AspNetCore", $$""""
            using System.Text;
            using System.Text.Json;
            using Mezzotint.Serving;
            using Mezzotint.AspNetCore;
            using var pipeline = DiffusionPipeline.Load(@"{{Seed}}", threads: 1);
            await using var server = await StudioServer.StartAsync(pipeline, new StudioOptions { Urls = "http://127.0.0.1:0" });
            using var client = new HttpClient { BaseAddress = new Uri(server.Addresses[0]) };
            var request = new StringContent("""{"prompt":"seven","seed":42,"steps":2}""", Encoding.UTF8, "application/json");
            using var response = await client.PostAsync("/v1/images/generations", request);
            string text = await response.Content.ReadAsStringAsync();
            if (!response.IsSuccessStatusCode)
                throw new InvalidOperationException(text);
            var image = JsonDocument.Parse(text).RootElement.GetProperty("data")[0];
            Console.WriteLine(
                $"{image.GetProperty("seed")} {image.GetProperty("label")} {JsonSerializer.IsReflectionEnabledByDefault}");
            foreach (string address in new[] { "/", "/v1/models", "/openapi.json" })
                Console.WriteLine($"{address} {(int)(await client.GetAsync(address)).StatusCode}");
            """");
        Assert.Equal("42 7 False\n/ 200\n/v1/models 200\n/openapi.json 200\n", said);
    }

    [Fact]
    public void The_examples_of_the_chapters_compile_and_leave_no_Scalar_to_the_garbage_collector()
    {
        Assert.SkipWhen(library.Missing is not null, library.Missing ?? "");
        CodeBlock[] shown =
        [
            .. Documents.All.Where(document => document.StartsWith("docs/", StringComparison.Ordinal)).SelectMany(document =>
                Documents.Blocks(document, "csharp")),
        ];
        Assert.NotEmpty(shown);
        // Both are marked as experimental by those who make them.
        string chapters = library.Build(
            "Chapters", ["Mezzotint", "Mezzotint.AspNetCore", "Microsoft.Extensions.AI", "OpenAI"],
            "<NoWarn>$(NoWarn);MEAI001;OPENAI001</NoWarn>",
            [("Given.cs", Given), .. Examples(shown)]);
        HeldScalars.Check(chapters);
    }

    private static string Seed => Path.Combine(Repository.Root, "models", "seed");

    /// <summary>Builds and runs a program of one file.</summary>
    /// <returns>What it said.</returns>
    private string RunOneFile(string name, string package, string program)
    {
        Assert.SkipWhen(library.Missing is not null, library.Missing ?? "");
        string app = library.WriteFileBased(name, [package, "libtorch-cpu-linux-x64"], program);
        var built = PackedLibrary.Dotnet(library[name], "build", app);
        string? missing = built.Out.Split('\n').FirstOrDefault(line => line.Contains("error NU1", StringComparison.Ordinal));
        Assert.SkipWhen(
            missing is not null, $"Packages that a program of one file needs are not on this machine: {missing?.Trim()}");
        PackedLibrary.Succeed(built);
        return PackedLibrary.Succeed(PackedLibrary.Dotnet(library[name], "run", "--no-build", app)).Out;
    }

    /// <summary>Each block as a method of a class in a file of its own; the compiler tells errors by the document's
    /// lines.</summary>
    private static IEnumerable<(string Name, string Text)> Examples(CodeBlock[] blocks) => blocks.Select((block, index) =>
    {
        string[] lines = block.Text.Split('\n');
        bool IsDirective(string line) =>
            line.StartsWith("using ", StringComparison.Ordinal) && line.EndsWith(';')
                && !line.Contains('=', StringComparison.Ordinal);
        return ($"Example{index}.cs", $$"""
            {{string.Join('\n', lines.Where(IsDirective))}}
            static class Example{{index}}
            {
                public static async Task Run()
                {
            #line {{block.Line}} "{{block.Document}}"
            {{string.Join('\n', lines.Select(line => IsDirective(line) ? "" : line))}}
            #line default
                    await Task.CompletedTask;
                }
            }
            """);
    });
}
