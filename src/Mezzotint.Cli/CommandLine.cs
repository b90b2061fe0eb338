using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;
using System.Reflection;

namespace Mezzotint.Cli;

/// <summary>
/// The command `mezzotint`: its verbs, and what all of them have in common when something goes wrong.
/// Exit codes: 0 done, 1 an error (one line on stderr), 130 stopped by Ctrl-C or SIGTERM.
/// </summary>
internal static class CommandLine
{
    public const int Done = 0, Failed = 1, Stopped = 130;

    /// <summary>Help is wrapped here whatever the terminal's width, so that the texts in docs/help hold everywhere.</summary>
    private const int HelpWidth = 80;

    public static string Version { get; } =
        typeof(CommandLine).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion.Split('+')[0];

    public static int Run(string[] args, Terminal terminal)
    {
        try
        {
            var result = Create(terminal).Parse(args);
            return result.Action is ParseErrorAction
                ? Refuse(result, terminal)
                : result.Invoke(new InvocationConfiguration { Output = terminal.Out, Error = terminal.Error, EnableDefaultExceptionHandler = false });
        }
#pragma warning disable CA1031 // the last place where an exception can become a line that a person can use
        catch (Exception error)
#pragma warning restore CA1031
        {
            return Failure.Report(error, terminal);
        }
    }

    /// <summary>The command with all its verbs.</summary>
    public static Command Create(Terminal terminal)
    {
        var help = new HelpOption { Description = "Show this help.", Recursive = true };
        ((HelpAction)help.Action!).MaxWidth = HelpWidth;
        return new Command("mezzotint", "Diffusion models on .NET: train them, draw images with them, and measure them.")
        {
            help,
            new VersionOption("--version") { Description = "Show the version.", Action = new VersionAction(terminal) },
            SampleVerb.Create(terminal),
            DemoVerb.Create(terminal),
            TrainVerb.Create(terminal),
            EvaluateVerb.Create(terminal),
            InspectVerb.Create(terminal),
            ImportVerb.Create(terminal),
            DataVerb.Create(terminal),
            DoctorVerb.Create(terminal),
        };
    }

    private static int Refuse(ParseResult result, Terminal terminal)
    {
        string verb = string.Join(' ', Path(result.CommandResult.Command, result));
        string help = $"see `{verb} --help`";
        if (result.UnmatchedTokens.FirstOrDefault(token => token.StartsWith('-')) is { } option)
            terminal.Say($"mezzotint: {verb} has no option '{option}'{Meant(result, option)}; {help}.");
        else if (result.UnmatchedTokens.Count > 0)
        {
            string word = result.UnmatchedTokens[0];
            bool command = result.CommandResult.Command.Subcommands.Count > 0;
            terminal.Say($"mezzotint: {(command ? $"{verb} has no command '{word}'" : $"{verb} does not take '{word}'")}{(command ? Meant(result, word) : "")}; {help}.");
        }
        else if (result.CommandResult.Command.Subcommands is { Count: > 0 } verbs)
            terminal.Say($"mezzotint: which command? One of {string.Join(", ", verbs.Select(command => command.Name))}; {help}.");
        else
            terminal.Say($"mezzotint: {result.Errors[0].Message.TrimEnd('.')}; {help}.");
        return Failed;
    }

    private static IEnumerable<string> Path(Symbol command, ParseResult result) =>
        command == result.RootCommandResult.Command ? [command.Name] : [.. command.Parents.Take(1).SelectMany(parent => Path(parent, result)), command.Name];

    /// <summary>What System.CommandLine would suggest: it prints "'word' ...?" and below it the candidates, best first.</summary>
    private static string Meant(ParseResult result, string word)
    {
        var suggestions = new StringWriter();
        ((ParseErrorAction)result.Action!).ShowHelp = false;
        result.Invoke(new InvocationConfiguration { Output = suggestions, Error = TextWriter.Null });
        string? best = suggestions.ToString().ReplaceLineEndings("\n").Split('\n')
            .SkipWhile(line => !line.StartsWith($"'{word}'", StringComparison.Ordinal)).Skip(1).FirstOrDefault();
        return string.IsNullOrWhiteSpace(best) ? "" : $". Did you mean '{best}'?";
    }

    private sealed class VersionAction(Terminal terminal) : SynchronousCommandLineAction
    {
        public override bool ClearsParseErrors => true;

        public override int Invoke(ParseResult parseResult)
        {
            terminal.Out.WriteLine($"mezzotint {Version}");
            return Done;
        }
    }
}
