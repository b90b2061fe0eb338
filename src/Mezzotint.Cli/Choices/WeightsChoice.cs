using System.CommandLine;
using System.CommandLine.Parsing;
using Mezzotint.Formats;

namespace Mezzotint.Cli.Choices;

/// <summary>With what numbers weights are written: --to.</summary>
internal sealed class WeightsChoice
{
    private static readonly Dictionary<string, ElementType> Types = new()
    {
        ["float32"] = ElementType.Float32, ["float16"] = ElementType.Float16, ["bfloat16"] = ElementType.BFloat16,
    };

    public Option<string?> Option { get; } = new("--to")
    {
        HelpName = "TYPE",
        Description = $"With what numbers the weights are written: {string.Join(", ", Types.Keys)}. "
            + "[default: as they are stored]",
        CustomParser = result => Options.Chosen(result, [.. Types.Keys]),
    };

    /// <summary>What was chosen; null for as they are.</summary>
    public ElementType? Read(ParseResult result) => result.GetValue(Option) is { } name ? Types[name] : null;
}
