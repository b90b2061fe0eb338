using System.Diagnostics;

namespace Mezzotint.Cli.Tests;

/// <summary>The programs of one file in samples/: one for each part of a model that a program can write itself.</summary>
public sealed class SampleProgramTests : IDisposable
{
    private const int MostLines = 80;

    private readonly ScratchFolder _scratch = new();

    public void Dispose() => _scratch.Dispose();

    public static TheoryData<string> All => [.. Names];

    private static IEnumerable<string> Names => Directory.GetFiles(Path.Combine(Repository.Root, "samples"), "*.cs")
        .Select(file => Path.GetFileNameWithoutExtension(file)!).Order(StringComparer.Ordinal);

    [Fact]
    public void Each_extension_point_has_a_program() => Assert.Equal(
        ["DataSource", "Guidance", "LossWeighting", "Network", "PromptReader", "Schedule", "Solver"], Names);

    [Theory, MemberData(nameof(All))]
    public void A_sample_is_short(string name)
    {
        int lines = File.ReadAllLines(Source(name)).Length;
        Assert.True(lines < MostLines, $"samples/{name}.cs has {lines} lines; {MostLines} are too many");
    }

    // Each trains two steps, saves, reads back and draws; the solver takes a model of the repository.
    [Theory, MemberData(nameof(All))]
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
