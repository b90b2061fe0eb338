namespace Mezzotint.Tests;

/// <summary>Lines are read side by side with others: none is longer than a screen shows.</summary>
public class LineTests
{
    /// <summary>The last column of a line.</summary>
    private const int Most = 130;

    private static readonly string[] Roots = ["src", "test", "bench", "samples", "configs", "docs"];

    private static readonly HashSet<string> Endings =
        [".cs", ".js", ".css", ".html", ".razor", ".md", ".toml", ".csproj", ".props", ".targets", ".slnx", ".sh", ".yml"];

    /// <summary>Folders with files that have longer lines. The list only becomes shorter.</summary>
    private static readonly string[] NotYet =
    [
        ".", "bench/Mezzotint.Benchmarks", "docs", "src/Mezzotint.Cli/Verbs", "src/Mezzotint/Networks", "src/Mezzotint/Runs",
        "src/Mezzotint/Training", "test/Mezzotint.Cli.Tests", "test/Mezzotint.Studio.Tests", "test/Mezzotint.Tests/Models",
        "test/Mezzotint.Tests/Runs", "test/Mezzotint.Tests/Sampling", "test/Mezzotint.Tests/Training",
    ];

    [Fact]
    public void Lines_end_by_column_130()
    {
        var found = LongLines().Where(line => !NotYet.Contains(line.Folder)).Select(line => line.Text).ToList();
        Assert.True(found.Count == 0, $"These lines are longer than {Most} columns:\n{string.Join('\n', found)}");
    }

    [Fact]
    public void A_folder_whose_files_all_pass_is_not_in_the_list()
    {
        string[] passing = [.. NotYet.Except(LongLines().Select(line => line.Folder))];
        Assert.True(passing.Length == 0, $"Take these out of the list: {string.Join(", ", passing)}");
    }

    private static IEnumerable<(string Folder, string Text)> LongLines()
    {
        var below = new EnumerationOptions { RecurseSubdirectories = true };
        var files = Roots.SelectMany(root => Directory.EnumerateFiles(Path.Combine(Repository.Root, root), "*", below))
            .Concat(Directory.EnumerateFiles(Repository.Root));
        return
            from file in files
            where Endings.Contains(Path.GetExtension(file))
            let name = Path.GetRelativePath(Repository.Root, file).Replace(Path.DirectorySeparatorChar, '/')
            where !name.StartsWith("bench/results/", StringComparison.Ordinal) // tables that the benchmarks write
            orderby name
            from line in File.ReadLines(file).Index()
            where line.Item.EnumerateRunes().Count() > Most
            select (name.LastIndexOf('/') is > 0 and var end ? name[..end] : ".", $"{name}:{line.Index + 1}: {line.Item.Trim()}");
    }
}
