using System.CommandLine.Completions;
using System.CommandLine;
using Mezzotint.Cli.Choices;
using Mezzotint.Cli.Output;
using Mezzotint.Noise;
using Mezzotint.Sampling;

namespace Mezzotint.Cli.Verbs;

/// <summary>
/// <c>mezzotint completions SHELL</c>: a script that makes a shell complete the command. The script asks the program itself (the
/// hidden <c>mezzotint complete LINE</c>), so it need not be made anew when options change.
/// </summary>
internal static class CompletionsVerb
{
    /// <summary>Each hands over its line as far as the cursor. Where the program knows no word, bash and zsh go on with files, as
    /// fish and pwsh do by themselves.</summary>
    private static readonly Dictionary<string, (string Script, string Where)> Shells = new()
    {
        ["bash"] = ("""
            _mezzotint() {
                local IFS=$'\n'
                COMPREPLY=($(mezzotint complete "${COMP_LINE:0:COMP_POINT}" 2>/dev/null))
            }
            complete -o default -F _mezzotint mezzotint
            """, """eval "$(mezzotint completions bash)" in ~/.bashrc"""),
        ["zsh"] = ("""
            _mezzotint() {
                local -a found
                found=("${(@f)$(mezzotint complete "${(j: :)words[1,CURRENT]}" 2>/dev/null)}")
                if [[ -n "$found" ]]; then compadd -a found; else _files; fi
            }
            compdef _mezzotint mezzotint
            """, """eval "$(mezzotint completions zsh)" in ~/.zshrc, after compinit"""),
        ["fish"] = ("""
            complete -c mezzotint -a '(mezzotint complete (commandline -cp) 2>/dev/null)'
            """, "mezzotint completions fish | source in ~/.config/fish/config.fish"),
        ["pwsh"] = ("""
            Register-ArgumentCompleter -Native -CommandName mezzotint -ScriptBlock {
                param($word, $command, $position)
                $cursor = $position - $command.Extent.StartOffset
                mezzotint complete $command.ToString().PadRight($cursor).Substring(0, $cursor) 2>$null |
                    ForEach-Object { [System.Management.Automation.CompletionResult]::new($_, $_, 'ParameterValue', $_) }
            }
            """, "mezzotint completions pwsh | Out-String | Invoke-Expression in $PROFILE"),
    };

    /// <summary>What the values of options and arguments may be, by the name under which every verb has them. They are asked for
    /// only when one is completed.</summary>
    private static readonly Dictionary<string, Func<IEnumerable<string>>> Values = new()
    {
        ["MODEL"] = Models,
        ["--guidance-model"] = Models,
        ["--sampler"] = () => Solvers.All.Select(solver => solver.Name).Prepend(EulerMaruyama.Name),
        ["--levels"] = () => NoiseLevels.Names,
        ["--coordinate"] = () => Enum.GetNames<SolverCoordinate>().Select(name => name.ToLowerInvariant()),
        ["--guidance-kind"] = () => Guidance.Names,
        ["--process"] = () => ProcessChoice.Names,
        ["SHELL"] = () => Shells.Keys,
    };

    public static Command Create(Terminal terminal)
    {
        var shell = Options.Required("SHELL", $"The shell: {string.Join(", ", Shells.Keys)}.");
        shell.CustomParser = result => Options.Chosen(result, [.. Shells.Keys]);
        var command = new Command(
            "completions", "Print what makes a shell complete commands, options, samplers and models at a press of Tab.")
            { shell };
        command.SetAction(result =>
        {
            var (script, where) = Shells[result.GetValue(shell)!];
            terminal.Out.WriteLine($"# To have it in every session: {where}");
            terminal.Out.WriteLine(script);
        });
        return command;
    }

    /// <summary>The question that the scripts ask.</summary>
    public static Command CreateQuestion(Terminal terminal)
    {
        var line = Options.Required("LINE", "The command line, as far as the cursor.");
        var command = new Command("complete", "List the words that may come next.") { line };
        command.Hidden = true;
        command.SetAction(result =>
        {
            foreach (string word in Words(result.GetValue(line)!, CommandLine.Create(terminal)))
                terminal.Out.WriteLine(word);
        });
        return command;
    }

    private static IEnumerable<string> Words(string line, Command root)
    {
        AddValues(root);
        string begun = line[(line.LastIndexOf(' ') + 1)..];
        return root.Parse(line).GetCompletions(line.Length).Select(item => item.InsertText ?? item.Label).Distinct()
            .Where(word =>
                word.StartsWith(begun, StringComparison.Ordinal) && word[0] is not '/' && word is not "-?"
                    && (begun.Length > 0 || word[0] is not '-'));
    }

    private static void AddValues(Command command)
    {
        foreach (var argument in command.Arguments.Where(argument => Values.ContainsKey(argument.Name)))
            argument.CompletionSources.Add(_ => Values[argument.Name]().Select(value => new CompletionItem(value)));
        foreach (var option in command.Options.Where(option => Values.ContainsKey(option.Name)))
            option.CompletionSources.Add(_ => Values[option.Name]().Select(value => new CompletionItem(value)));
        foreach (var sub in command.Subcommands)
            AddValues(sub);
    }

    private static IEnumerable<string> Models() => ModelSource.Known().Select(folder => Path.GetFileName(folder)).Distinct();
}
