using System.Globalization;
using System.Text.RegularExpressions;

namespace Mezzotint.Tests;

/// <summary>The path through the seed system that the README names: short, and as long as it says.</summary>
public partial class PathTests
{
    private const int MostLines = 1000;

    [Fact]
    public void The_path_has_as_many_lines_as_the_readme_says_and_not_over_a_thousand()
    {
        string readme = File.ReadAllText(Path.Combine(Repository.Root, "README.md"));
        string[] files = [.. Row().Matches(readme).Select(row => row.Groups[1].Value)];
        Assert.True(files.Length > 5, "the README names no path");
        int lines = files.Sum(file => File.ReadAllLines(Path.Combine(Repository.Root, "src", "Mezzotint", file)).Length);
        var said = Regex.Match(readme, @"([\d,]+) lines in all:");
        Assert.Equal(lines, int.Parse(said.Groups[1].Value, NumberStyles.AllowThousands, CultureInfo.InvariantCulture));
        Assert.InRange(lines, 1, MostLines);
    }

    [GeneratedRegex(@"^\| `(\w+/\w+\.cs)` \|", RegexOptions.Multiline)]
    private static partial Regex Row();
}
