using System.Diagnostics;
using System.Net;
using System.Net.Http.Json;

namespace Mezzotint.Cli.Tests;

/// <summary>The programs of one file in samples/: one for each part of a model that a program can write itself.</summary>
public sealed class SampleProgramTests : IDisposable
{
    private const int MostLines = 80;

    private readonly ScratchFolder _scratch = new();

    public void Dispose() => _scratch.Dispose();

    private const string Application = "WebApplication";

    public static TheoryData<string> All => [.. Names];

    public static TheoryData<string> Programs => [.. Names.Where(name => name != Application)];

    private static IEnumerable<string> Names => Directory.GetFiles(Path.Combine(Repository.Root, "samples"), "*.cs")
        .Select(file => Path.GetFileNameWithoutExtension(file)!).Order(StringComparer.Ordinal);

    [Fact]
    public void Each_extension_point_has_a_program() => Assert.Equal(
        ["DataSource", "Guidance", "LossWeighting", "Network", "PromptReader", "Schedule", "Solver", Application], Names);

    [Theory, MemberData(nameof(All))]
    public void A_sample_is_short(string name)
    {
        int lines = File.ReadAllLines(Source(name)).Length;
        Assert.True(lines < MostLines, $"samples/{name}.cs has {lines} lines; {MostLines} are too many");
    }

    // Each trains two steps, saves, reads back and draws; the solver takes a model of the repository.
    [Theory, MemberData(nameof(Programs))]
    public void A_sample_does_what_it_shows(string name)
    {
        bool solver = name == "Solver";
        string output = _scratch[solver ? "drawn.png" : "run"];
        string[] arguments = solver ? [Path.Combine(Repository.Root, "models", "seed"), "7", output] : [output];
        Succeed("build", Source(name), "--nologo");
        HeldScalars.Check(Succeed("build", Source(name), "--getProperty:TargetPath").Trim());
        string said = Succeed(["run", "--no-build", Source(name), "--", .. arguments]);
        Assert.Contains(solver ? "16 images" : "2 steps", said, StringComparison.Ordinal);
        string picture = solver ? output
            : Directory.GetFiles(output, "*s.png").Single(file => !file.EndsWith("loss.png", StringComparison.Ordinal));
        Assert.True(new FileInfo(picture).Length > 100);
    }

    [Fact]
    public async Task The_web_application_has_a_key_health_and_traces()
    {
        Succeed("build", Source(Application), "--nologo");
        var start = new ProcessStartInfo(
            "dotnet",
            [
                "run", "--no-build", Source(Application), "--", Path.Combine(Repository.Root, "models", "seed"), "--urls",
                "http://127.0.0.1:0",
            ])
        { RedirectStandardOutput = true, WorkingDirectory = _scratch.Path };
        start.Environment["KEY"] = "secret";
        using var process = Process.Start(start)!;
        try
        {
            async Task<string> LineAsync(string with)
            {
                while (await process.StandardOutput.ReadLineAsync() is { } line)
                    if (line.StartsWith(with, StringComparison.Ordinal))
                        return line;
                throw new InvalidOperationException($"The application ended without a line '{with}'.");
            }
            using var client = new HttpClient { BaseAddress = new Uri((await LineAsync("open: "))["open: ".Length..]) };
            Assert.Equal("Healthy", await client.GetStringAsync(new Uri("/health", UriKind.Relative)));
            async Task<HttpResponseMessage> DrawAsync() => await client.PostAsJsonAsync(
                "/images/v1/images/generations", new { prompt = "7", steps = 4, sampler = "heun" });
            using (var refused = await DrawAsync())
                Assert.Equal(HttpStatusCode.Unauthorized, refused.StatusCode);
            client.DefaultRequestHeaders.Add("X-Key", "secret");
            using (var drawn = await DrawAsync())
                Assert.Equal(HttpStatusCode.OK, drawn.StatusCode);
            Assert.EndsWith("7 evaluations", await LineAsync("generate: 1 in "), StringComparison.Ordinal); // heun's 2 n - 1
            byte[] picture = await client.GetByteArrayAsync(new Uri("/digit/seven.png", UriKind.Relative));
            Assert.Equal(28, Formats.PngFile.Decode(picture, "digit").Image.Width);
        }
        finally
        {
            process.Kill(entireProcessTree: true);
        }
    }

    private static string Source(string name) => Path.Combine(Repository.Root, "samples", $"{name}.cs");

    private string Succeed(params string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet", arguments)
        {
            RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = _scratch.Path,
        };
        using var process = Process.Start(start)!;
        var errors = process.StandardError.ReadToEndAsync();
        string said = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.True(process.ExitCode == 0, $"dotnet {string.Join(' ', arguments)}: {said}{errors.Result}");
        return said;
    }
}
