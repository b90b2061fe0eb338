using System.Text.RegularExpressions;

namespace Mezzotint.AspNetCore.Tests;

/// <summary>The pictures of the studio: each is shown, and all of them are small.</summary>
public sealed partial class StudioPicturesTests
{
    private const int MostBytes = 60_000, MostInAll = 2_000_000;

    [Fact]
    public void The_page_of_states_shows_every_picture_and_all_of_them_are_small()
    {
        string docs = Path.Combine(Repository.Root, "docs");
        var shown = Picture().Matches(File.ReadAllText(Path.Combine(docs, "studio-states.md")))
            .Select(match => match.Groups[1].Value).ToList();
        var files = new DirectoryInfo(Path.Combine(docs, "pictures", "studio")).GetFiles("*.png");
        Assert.Equal(files.Select(file => file.Name).Order(StringComparer.Ordinal), shown.Order(StringComparer.Ordinal));
        Assert.All(files, file => Assert.True(file.Length <= MostBytes, $"{file.Name}: {file.Length} bytes."));
        Assert.InRange(files.Sum(file => file.Length), 1, MostInAll);
    }

    [GeneratedRegex(@"\]\(pictures/studio/([^)]+\.png)\)")]
    private static partial Regex Picture();
}
