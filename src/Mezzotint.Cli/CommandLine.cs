using System.CommandLine.Help;
using System.CommandLine.Invocation;
using System.CommandLine.Parsing;
using System.CommandLine;
using System.Reflection;
using Mezzotint.Cli.Choices;
using Mezzotint.Cli.Output;
using Mezzotint.Cli.Verbs;

namespace Mezzotint.Cli;

/// <summary>
/// The command `mezzotint`: its verbs, and what all of them have in common when something goes wrong.
/// Exit codes: 0 done, 1 an error (one line on stderr), 130 stopped by Ctrl-C, SIGTERM or SIGHUP.
/// </summary>
internal static class CommandLine
{
    public const int Done = 0, Failed = 1, Stopped = 130;

    /// <summary>Help is wrapped here whatever the terminal's width, so that the texts in docs/help hold everywhere.</summary>
    private const int HelpWidth = 80;

    public static string Version { get; } =
        typeof(CommandLine).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion.Split('+')[
            0];

    public static int Run(string[] args, Terminal terminal)
    {
        ParseResult? result = null;
        try
        {
            result = Create(terminal).Parse(args);
            return result.Action is ParseErrorAction
                || (result.Action == result.CommandResult.Command.Action && UnknownOption(result) is not null)
                ? Refuse(result, terminal)
                : result.Invoke(
                    new InvocationConfiguration
                        { Output = terminal.Out, Error = terminal.Error, EnableDefaultExceptionHandler = false });
        }
#pragma warning disable CA1031 // the last place where an exception can become a line that a person can use
        catch (Exception error)
#pragma warning restore CA1031
        {
            return Failure.Report(error is MezzotintException { Key: { } key } wrong && OptionOf(result, key) is { } option
                ? new MezzotintException(AsOption(wrong.Message, key, option), wrong) : error, terminal);
        }
    }

    /// <summary>The verb's option of a field; null where it has none.</summary>
    private static string? OptionOf(ParseResult? result, string key) => result?.CommandResult.Command is { } command
        ? OptionNames(command).FirstOrDefault(name => name == $"--{key.Replace('_', '-')}") : null;

    /// <summary>"clip_skip = 5: must be ..." as the command line has it: "--clip-skip 5: must be ...".</summary>
    private static string AsOption(string message, string key, string option) =>
        message.StartsWith($"{key} = ", StringComparison.Ordinal) ? $"{option} {message[$"{key} = ".Length..]}" : message;

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
            ServeVerb.Create(terminal),
            SamplersVerb.Create(terminal),
            PlotVerb.Create(terminal),
            NewVerb.Create(terminal),
            TrainVerb.Create(terminal),
            AdaptVerb.Create(terminal),
            DistillVerb.Create(terminal),
            TrainClassifierVerb.Create(terminal),
            RunsVerb.Create(terminal),
            EvaluateVerb.Create(terminal),
            LikelihoodVerb.Create(terminal),
            ReconstructVerb.Create(terminal),
            InspectVerb.Create(terminal),
            CheckVerb.Create(terminal),
            AverageVerb.Create(terminal),
            ImportVerb.Create(terminal),
            ExportVerb.Create(terminal),
            DataVerb.Create(terminal),
            DoctorVerb.Create(terminal),
            CompletionsVerb.Create(terminal),
            CompletionsVerb.CreateQuestion(terminal),
        };
    }

    /// <summary>Says in one line what is wrong with the command line, and what was probably meant.</summary>
    private static int Refuse(ParseResult result, Terminal terminal)
    {
        var command = result.CommandResult.Command;
        string verb = string.Join(' ', PathTo(command));
        string problem = result.UnmatchedTokens switch
        {
            _ when UnknownOption(result) is { } option => $"no option '{option}'{Meant(option, OptionNames(command))}",
            [var word, ..] when command.Subcommands.Count > 0 => $"no command '{word}'{Meant(word, VerbsOf(command))}",
            [var word, ..] => $"one argument too many: '{word}'",
            _ when command is { Action: null, Subcommands.Count: > 0 } =>
                $"a command is missing: {string.Join(", ", VerbsOf(command))}",
            _ => result.Errors[0].SymbolResult switch
            {
                OptionResult { IdentifierTokenCount: 0 } option => $"{option.Option.Name} is missing",
                OptionResult { Tokens.Count: 0 } option => $"{option.Option.Name} needs a value",
                ArgumentResult { Tokens.Count: 0 } argument => $"{argument.Argument.Name} is missing",
                _ => result.Errors[0].Message.TrimEnd('.'),
            },
        };
        terminal.Say($"{verb}: {problem}; see `{verb} --help`.");
        return Failed;
    }

    private static IEnumerable<string> PathTo(Command command) =>
        [.. command.Parents.OfType<Command>().Take(1).SelectMany(PathTo), command.Name];

    /// <summary>The parser takes a misspelt option for an argument where one is still to come: no argument here begins with a
    /// dash.</summary>
    internal static string? UnknownOption(ParseResult result) => result.CommandResult.Children.OfType<ArgumentResult>()
        .SelectMany(argument => argument.Tokens).Select(token => token.Value).Concat(result.UnmatchedTokens)
        .FirstOrDefault(word => word.StartsWith('-') && !result.Tokens.Any(token => token.Type == TokenType.DoubleDash));

    private static IEnumerable<string> VerbsOf(Command command) =>
        command.Subcommands.Where(sub => !sub.Hidden).Select(sub => sub.Name);

    private static IEnumerable<string> OptionNames(Command command) =>
        command.Options.Concat(
            command.Parents.OfType<Command>()
                .SelectMany(parent => parent.Options.Where(option => option.Recursive))).Select(option => option.Name);

    private static string Meant(string word, IEnumerable<string> known) =>
        Spelling.Nearest(word.Split('=')[0], known) is { } nearest ? $" (did you mean '{nearest}'?)" : "";

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
