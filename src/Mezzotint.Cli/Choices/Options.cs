using System.CommandLine.Parsing;
using System.CommandLine;
using System.Globalization;

namespace Mezzotint.Cli.Choices;

/// <summary>Options and arguments that check their value while the command line is read, and say what they take.</summary>
internal static class Options
{
    public const long LargestSeed = uint.MaxValue;

    public static Option<bool> Json() => new("--json") { Description = "Give the result as one JSON object." };

    public static Option<string?> Data() => new("--data")
    {
        HelpName = "FOLDER",
        Description = "A folder that holds the data, itself or in a subfolder named as the data set. Searched before the folder "
            + "in MEZZOTINT_DATA, ./data and the cache.",
        CustomParser = Named,
    };

    public static Option<string> Device() => new("--device")
    {
        HelpName = "NAME",
        Description = "Where it is computed: cpu, cuda (the first GPU) or cuda:N, which needs a build with CUDA. "
            + "MEZZOTINT_ENGINE=off in the environment leaves networks on the CPU to libtorch.",
        DefaultValueFactory = _ => "cpu",
    };

    /// <summary>What memory is to be spared.</summary>
    public static Option<string?> Memory() => new("--memory")
    {
        HelpName = "NAME",
        Description = "full, or low: the text encoder is freed once the prompts are read, and the network before the images are "
            + "decoded. [default: full]",
        CustomParser = result => Chosen(result, ["full", "low"]),
    };

    public static Option<string?> Text(string name, string helpName, string description) =>
        new(name) { HelpName = helpName, Description = description, CustomParser = Named };

    /// <summary>Words that are given one by one, each after the option's name.</summary>
    public static Option<string[]> Names(string name, string helpName, string description) =>
        new(name) { HelpName = helpName, Description = description, CustomParser = AllNamed };

    public static Option<long> Seed(string description) => Whole("--seed", 42, 0, LargestSeed, description);

    /// <summary>A whole number; where it has no fixed default, <paramref name="otherwise"/> says what happens without it, and its
    /// value is then 0.</summary>
    public static Option<long> Whole(
        string name, long? fallback, long minimum, long maximum, string description, string? otherwise = null)
    {
        var option = new Option<long>(name)
        {
            HelpName = "N",
            Description = $"{description}: {minimum} to {maximum}.{(otherwise is null ? "" : $" [default: {otherwise}]")}",
            CustomParser = result => WholeNumber(name, result, minimum, maximum),
        };
        if (fallback is { } value)
            option.DefaultValueFactory = _ => value;
        return option;
    }

    public static Option<long?> WholeOrNone(string name, long minimum, long maximum, string description) => new(name)
    {
        HelpName = "N",
        Description = $"{description}: {minimum} to {maximum}.",
        CustomParser = result => WholeNumber(name, result, minimum, maximum),
    };

    public static Option<double?> Real(string name, string description) =>
        new(name) { HelpName = "X", Description = description, CustomParser = result => RealNumber(name, result) };

    /// <summary>Settings of a configuration: --set KEY=VALUE, as often as one likes.</summary>
    public static Option<string[]> Overrides(string description) => new("--set")
    {
        HelpName = "KEY=VALUE",
        Description = description,
        DefaultValueFactory = _ => [],
        CustomParser = result => [.. result.Tokens.Select(token => token.Value)],
    };

    /// <summary>A width and a height in pixels: WxH.</summary>
    public static Option<(int Width, int Height)?> Size(string name, string description) =>
        new(name) { HelpName = "WxH", Description = description, CustomParser = result => TwoSides(name, result) };

    /// <summary>Two numbers that go up: LOW,HIGH.</summary>
    public static Option<(double Low, double High)?> Interval(string name, string description) =>
        new(name) { HelpName = "LOW,HIGH", Description = description, CustomParser = result => TwoNumbers(name, result) };

    /// <summary>A value for <c>--out</c> and its like, which an empty variable in a script must not turn into the current
    /// folder.</summary>
    private static string? Named(ArgumentResult result)
    {
        string text = result.Tokens.Count > 0 ? result.Tokens[0].Value : "";
        if (string.IsNullOrWhiteSpace(text))
            result.AddError($"{NameOf(result)} is empty");
        return text;
    }

    private static string[] AllNamed(ArgumentResult result)
    {
        string[] words = [.. result.Tokens.Select(token => token.Value)];
        if (words.Any(string.IsNullOrWhiteSpace))
            result.AddError($"{NameOf(result)} is empty");
        return words;
    }

    private static long WholeNumber(string name, ArgumentResult result, long minimum, long maximum)
    {
        string text = result.Tokens[0].Value;
        if (long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long value) && value >= minimum
            && value <= maximum)
            return value;
        result.AddError($"{name} takes a whole number from {minimum} to {maximum}, not '{text}'");
        return minimum;
    }

    public static string Chosen(ArgumentResult result, string[] choices)
    {
        string text = result.Tokens[0].Value;
        if (!choices.Contains(text))
            result.AddError($"{NameOf(result)} takes {string.Join(", ", choices)}, not '{text}'");
        return text;
    }

    private static double? RealNumber(string name, ArgumentResult result)
    {
        string text = result.Tokens[0].Value;
        if (double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double value) && double.IsFinite(value))
            return value;
        result.AddError($"{name} takes a number, not '{text}'");
        return null;
    }

    private static (double, double)? TwoNumbers(string name, ArgumentResult result)
    {
        string text = result.Tokens[0].Value;
        double?[] numbers = [.. text.Split(',').Select(part =>
            double.TryParse(part, NumberStyles.Float, CultureInfo.InvariantCulture, out double value) && double.IsFinite(value)
                ? value : (double?)null)];
        if (numbers is [{ } low, { } high] && low < high)
            return (low, high);
        result.AddError($"{name} takes two numbers LOW,HIGH, the lower one first, not '{text}'");
        return null;
    }

    private static (int, int)? TwoSides(string name, ArgumentResult result)
    {
        string[] sides = result.Tokens[0].Value.Split('x');
        if (sides.Length == 2 && int.TryParse(sides[0], NumberStyles.None, CultureInfo.InvariantCulture, out int width)
            && int.TryParse(sides[1], NumberStyles.None, CultureInfo.InvariantCulture, out int height))
            return (width, height);
        result.AddError($"{name} takes a width and a height, such as 768x512, not '{result.Tokens[0].Value}'");
        return null;
    }

    private static string NameOf(ArgumentResult result) =>
        result.Parent is OptionResult option ? option.Option.Name : result.Argument.Name;

    public static Argument<string> Required(string name, string description) => new(name) { Description = description };

    public static Argument<string?> Optional(string name, string description) =>
        new(name) { Description = description, Arity = ArgumentArity.ZeroOrOne };
}
