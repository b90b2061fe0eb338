using System.Text.RegularExpressions;
using Mezzotint.Cli.Choices;
using Mezzotint.Cli.Output;
using Verb = System.CommandLine.Command;

namespace Mezzotint.Cli.Tests;

/// <summary>The commands that the documents show, read by the program itself (and not run): none has a stale option, and none
/// names a file of the repository that is gone.</summary>
public partial class DocumentCommandTests
{
    /// <summary>Options of `dotnet` and `mpirun`, beside those of the program.</summary>
    private static readonly string[] OtherOptions = ["--project", "--tool-path", "--add-source", "--mca", "--bind-to"];

    public static TheoryData<string> Texts => [.. Documents.All];

    [Theory]
    [MemberData(nameof(Texts))]
    public void Every_command_in_a_block_is_one_that_the_program_takes(string document)
    {
        foreach (var block in Documents.Blocks(document, "bash"))
        {
            foreach (string line in block.Text.Replace("\\\n", " ", StringComparison.Ordinal).Split('\n'))
                Check(block, line);
        }
    }

    [Theory]
    [MemberData(nameof(Texts))]
    public void Every_option_in_the_text_is_one_of_the_program(string document)
    {
        var known = OptionsOf(Program()).Concat(OtherOptions).ToHashSet();
        Assert.All(
            Documents.Spans(document).SelectMany(span => Option().Matches(span)),
            option => Assert.Contains(option.Groups[1].Value, known));
    }

    [Fact]
    public void Readme_has_commands_to_check() =>
        Assert.Contains(
            Documents.Blocks("README.md", "bash"), block => block.Text.Contains("mezzotint train", StringComparison.Ordinal));

    private static void Check(CodeBlock block, string line)
    {
        // A comment ends the line, variables may stand before the command, and an alias stands for what it is made of.
        string[] words = [.. Words(line).TakeWhile(word => !word.StartsWith('#')).SkipWhile(word => Variable().IsMatch(word))];
        if (words is ["alias", var alias])
            words = [.. Words(alias.Split('=', 2)[1])];
        foreach (string path in words.Where(word => Ours().IsMatch(word)))
            Assert.True(Path.Exists(Path.Combine(Repository.Root, path)), $"{block}: there is no {path}: {line}");
        switch (words)
        {
            case []:
            case ["curl" or "docker", ..]:
                return;
            case ["mezzotint", .. var arguments]:
                Parse(block, line, arguments);
                return;
            case ["dotnet", "run", ..] when Array.IndexOf(words, "--project") is > 0 and var option
                && words[option + 1] == "src/Mezzotint.Cli":
                string[] given = words[(Array.IndexOf(words, "--") + 1)..];
                if (given.Length > 0)
                    Parse(block, line, given);
                return;
            default:
                Assert.True(words[0] == "dotnet", $"{block}: this test knows no command like: {line}");
                return;
        }
    }

    private static void Parse(CodeBlock block, string line, string[] arguments)
    {
        var result = Program().Parse(arguments);
        Assert.True(
            result.Errors.Count == 0, $"{block}: {line}\n{string.Join('\n', result.Errors.Select(error => error.Message))}");
        Assert.True(CommandLine.UnknownOption(result) is null, $"{block}: {line}: no option {CommandLine.UnknownOption(result)}");
    }

    private static Verb Program() => CommandLine.Create(new Terminal(TextReader.Null, TextWriter.Null, TextWriter.Null));

    private static IEnumerable<string> OptionsOf(Verb command) =>
        command.Options.SelectMany(option => option.Aliases.Prepend(option.Name))
            .Concat(command.Subcommands.SelectMany(OptionsOf));

    private static IEnumerable<string> Words(string line) =>
        Word().Matches(line).Select(word =>
            word.Value.Replace("'", "", StringComparison.Ordinal).Replace("\"", "", StringComparison.Ordinal));

    [GeneratedRegex("""(?:'[^']*'|"[^"]*"|[^\s'"])+""")]
    private static partial Regex Word();

    [GeneratedRegex("^[A-Z_]+=")]
    private static partial Regex Variable();

    [GeneratedRegex("^(bench|configs|docs|models|samples|src|test)/")]
    private static partial Regex Ours();

    [GeneratedRegex(@"(?<![\w-])(--[a-z][a-z-]*)")]
    private static partial Regex Option();
}
