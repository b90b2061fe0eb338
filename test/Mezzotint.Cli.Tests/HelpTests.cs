using Mezzotint.Cli.Output;

namespace Mezzotint.Cli.Tests;

/// <summary>
/// The help texts are checked in, in docs/help, so that a change of the command line is seen in review. After a deliberate one,
/// run these tests with MEZZOTINT_WRITE_HELP=1 to write them anew.
/// </summary>
public class HelpTests
{
    public static TheoryData<string> Commands =>
    [
        "mezzotint", "sample", "demo", "serve", "samplers", "samplers errors", "plot", "plot schedules", "plot levels",
        "plot trajectories", "plot error", "plot figures", "new", "train", "runs", "runs list", "runs compare",
        "evaluate", "train-classifier", "likelihood", "reconstruct", "inspect", "check", "average", "adapt", "distill", "import",
        "export", "data", "data check", "data fetch", "data list", "data show", "doctor",
        "completions",
    ];

    [Theory]
    [MemberData(nameof(Commands))]
    public void Help_is_the_one_that_is_checked_in(string command)
    {
        string[] words = command == "mezzotint" ? [] : command.Split(' ');
        var outcome = Command.Run([.. words, "--help"]);
        Assert.Equal((0, ""), (outcome.ExitCode, outcome.Error));
        string help = Normalized(outcome.Out);

        string file = Path.Combine(Repository.Root, "docs", "help", command.Replace(' ', '-') + ".txt");
        if (Environment.GetEnvironmentVariable("MEZZOTINT_WRITE_HELP") == "1")
        {
            Directory.CreateDirectory(Path.GetDirectoryName(file)!);
            File.WriteAllText(file, help);
        }
        Assert.Equal(Normalized(File.ReadAllText(file)), help);
    }

    [Fact]
    public void Every_verb_has_its_help_checked_in()
    {
        var verbs = CommandLine.Create(new Terminal(TextReader.Null, TextWriter.Null, TextWriter.Null)).Subcommands.Where(verb =>
            !verb.Hidden)
            .SelectMany(verb => verb.Subcommands.Select(sub => $"{verb.Name} {sub.Name}").Prepend(verb.Name));
        Assert.Equal(verbs.Order(), Commands.Select(row => row.Data).Where(name => name != "mezzotint").Order());
    }

    [Fact]
    public void Help_fits_a_terminal_of_80_characters()
    {
        foreach (string command in Commands.Select(row => row.Data))
            Assert.All(
                Normalized(Command.Run([.. command == "mezzotint" ? [] : command.Split(' '), "--help"]).Out).Split('\n'),
                line => Assert.InRange(line.Length, 0, 80));
    }

    [Fact]
    public void Version_is_printed()
    {
        var outcome = Command.Run("--version");
        Assert.Equal((0, $"mezzotint {CommandLine.Version}\n", ""), (outcome.ExitCode, outcome.Out, outcome.Error));
        Assert.Matches(@"^\d+\.\d+\.\d+", CommandLine.Version);
    }

    /// <summary>The wrapping leaves blanks at the ends of lines.</summary>
    private static string Normalized(string text) =>
        string.Join('\n', text.ReplaceLineEndings("\n").Split('\n').Select(line => line.TrimEnd())).Trim('\n') + "\n";
}
