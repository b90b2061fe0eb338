namespace Mezzotint.Tests;

/// <summary>Lines are read side by side with others: none is longer than a screen shows.</summary>
public class LineTests
{
    /// <summary>The last column of a line.</summary>
    private const int Most = 130;

    private static readonly string[] Roots = ["src", "test", "bench", "samples", "configs", "docs"];

    private static readonly HashSet<string> Endings =
        [".cs", ".js", ".css", ".html", ".razor", ".md", ".toml", ".csproj", ".props", ".targets", ".slnx", ".sh", ".yml"];

    [Fact]
    public void Lines_end_by_column_130()
    {
        var found = LongLines().ToList();
        Assert.True(found.Count == 0, $"These lines are longer than {Most} columns:\n{string.Join('\n', found)}");
    }

    private static IEnumerable<string> LongLines()
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
            select $"{name}:{line.Index + 1}: {line.Item.Trim()}";
    }
}
