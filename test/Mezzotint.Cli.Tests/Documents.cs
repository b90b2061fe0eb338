using System.Text.RegularExpressions;

namespace Mezzotint.Cli.Tests;

/// <summary>A fenced block of a document: its language, and the line on which its text begins.</summary>
internal sealed record CodeBlock(string Document, int Line, string Language, string Text)
{
    public override string ToString() => $"{Document}({Line})";
}

/// <summary>The documents of the repository that have code in them.</summary>
internal static partial class Documents
{
    /// <summary>The readers' first page, the pages of the packages, and the chapters; by their path in the repository.</summary>
    public static IReadOnlyList<string> All { get; } =
    [
        "README.md",
        .. Found("src", "PACKAGE.md", SearchOption.AllDirectories),
        .. Found("docs", "*.md", SearchOption.TopDirectoryOnly),
    ];

    public static IEnumerable<CodeBlock> Blocks(string document, string language)
    {
        string[] lines = File.ReadAllLines(Path.Combine(Repository.Root, document));
        for (int i = 0; i < lines.Length; i++)
        {
            if (!lines[i].StartsWith("```", StringComparison.Ordinal))
                continue;
            int end = Array.IndexOf(lines, "```", i + 1);
            Assert.True(end > 0, $"{document}({i + 1}): this block of code has no end.");
            if (lines[i] == "```" + language)
                yield return new CodeBlock(document, i + 2, language, string.Join('\n', lines[(i + 1)..end]));
            i = end;
        }
    }

    /// <summary>What stands in backticks in the running text.</summary>
    public static IEnumerable<string> Spans(string document)
    {
        string text = File.ReadAllText(Path.Combine(Repository.Root, document)).ReplaceLineEndings("\n");
        return Span().Matches(Fenced().Replace(text, "")).Select(span => span.Groups[1].Value);
    }

    private static IEnumerable<string> Found(string folder, string pattern, SearchOption depth) =>
        Directory.GetFiles(Path.Combine(Repository.Root, folder), pattern, depth)
            .Select(file => Path.GetRelativePath(Repository.Root, file).Replace('\\', '/')).Order(StringComparer.Ordinal);

    [GeneratedRegex("^```.*?^```$", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex Fenced();

    [GeneratedRegex("`([^`\n]+)`")]
    private static partial Regex Span();
}
