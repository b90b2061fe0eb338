using System.Reflection;
using System.Text.Json;
using System.Text.RegularExpressions;
using Mezzotint.Cli.Choices;
using Mezzotint.Cli.Output;
using Mezzotint.Training;
using Verb = System.CommandLine.Command;

namespace Mezzotint.Cli.Tests;

/// <summary>
/// The advice in errors and helps can be followed: every option and every setting that a text of the program names exists. Read
/// from the source, so that a message counts although no test provokes it.
/// </summary>
public partial class MessageTests
{
    /// <summary>Second halves of what looks like a setting: names of files, and members of tensors and modules in interpolated
    /// texts.</summary>
    private static readonly HashSet<string> NotSettings =
        ["pkl", "safetensors", "png", "md", "json", "toml", "pt", "npz", "zip", "onnx", "jsonl", "svg", "state_dict", "shape",
        "diffusion_model"]; // the names of weights in a single file begin with it

    [Fact]
    public void Every_option_that_a_text_names_exists() => None(
        from text in Texts()
        from name in OptionName().Matches(text.Text).Select(match => match.Value)
        where !Options.Contains(name)
        select $"{text.File} names {name}, which no verb takes.");

    [Fact]
    public void Every_setting_that_a_text_names_exists() => None(
        from text in Texts()
        from name in SettingName().Matches(text.Text).Select(match => match.Value)
        where !Settings.Contains(name) && !NotSettings.Contains(name[(name.LastIndexOf('.') + 1)..])
        select $"{text.File} names {name}, which no configuration has.");

    [Fact]
    public void The_settings_of_every_table_and_kind_are_known_to_these_tests()
    {
        Assert.Contains("training.learning_rate", Settings);
        Assert.Contains("training.average.widths", Settings);
        Assert.Contains("process.schedule.beta_min", Settings);
        Assert.Contains("model.patch_size", Settings);
        Assert.Contains("--sampler", Options);
        Assert.DoesNotContain("data.colour", Settings);
    }

    private static void None(IEnumerable<string> faults) => Assert.Equal("", string.Join('\n', faults));

    private static HashSet<string> Options { get; } =
        [.. OptionsOf(CommandLine.Create(new Terminal(TextReader.Null, TextWriter.Null, TextWriter.Null)))];

    private static HashSet<string> Settings { get; } = 
    [
        .. KeysOf(typeof(Experiment), ""),
        // The description of a model, config.json, has a table "training" of its own.
        .. KeysOf(
            typeof(ExperimentConfig).Assembly.GetType("Mezzotint.Models.ModelDescription+Document", throwOnError: true)!, ""),
    ];

    private static IEnumerable<string> OptionsOf(Verb command) =>
        command.Options.SelectMany(option => option.Aliases.Prepend(option.Name))
            .Concat(command.Subcommands.SelectMany(OptionsOf));

    /// <summary>Every key of a table and of the tables within it, of every kind that the library has for it.</summary>
    private static IEnumerable<string> KeysOf(Type type, string prefix)
    {
        var kinds = typeof(ExperimentConfig).Assembly.GetTypes().Where(other => type.IsAssignableFrom(other) && !other.IsAbstract)
            .ToList();
        // What the kind "table" of a schedule adds: ScheduleSettings reads these two by itself.
        string[] others = type == typeof(Noise.NoiseSchedule) ? ["kind", "table_length", "zero_terminal_snr"] : ["kind"];
        foreach (string other in others)
            yield return prefix + other;
        foreach (
            var property in kinds.SelectMany(kind => kind.GetProperties(BindingFlags.Public | BindingFlags.Instance))
            .Where(property => property.CanWrite))
        {
            string key = prefix + JsonNamingPolicy.SnakeCaseLower.ConvertName(property.Name);
            yield return key;
            if (property.PropertyType is { IsClass: true } table && table.Assembly == type.Assembly && !kinds.Contains(table))
                foreach (string inner in KeysOf(table, key + "."))
                    yield return inner;
        }
    }

    /// <summary>The texts in quotes in the program's source, without its comments; code within the braces of an interpolated text
    /// goes.</summary>
    private static IEnumerable<(string File, string Text)> Texts() =>
        from file in Directory.EnumerateFiles(Path.Combine(Repository.Root, "src"), "*.cs", SearchOption.AllDirectories)
        from line in File.ReadLines(file)
        let code = line.TrimStart()
        where !code.StartsWith("//", StringComparison.Ordinal)
        from quoted in Quoted().Matches(code)
        select (Path.GetRelativePath(Repository.Root, file), Hole().Replace(quoted.Value, " "));

    [GeneratedRegex("""
        "(?:[^"\\]|\\.)*"
        """, RegexOptions.IgnorePatternWhitespace)]
    private static partial Regex Quoted();

    [GeneratedRegex("""\{[^{}]*\}""")]
    private static partial Regex Hole();

    [GeneratedRegex("""(?<![\w-])--[a-z][a-z0-9-]*[a-z0-9]""")]
    private static partial Regex OptionName();

    [GeneratedRegex("""
        (?<![\w./-])
        (?:data|pixels|process|parameterisation|loss|times|distillation|training|sampling|model)(?:\.[a-z][a-z_0-9]*)+
        (?![\w/(])
        """, RegexOptions.IgnorePatternWhitespace)]
    private static partial Regex SettingName();
}
