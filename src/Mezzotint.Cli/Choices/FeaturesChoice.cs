using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;

namespace Mezzotint.Cli.Choices;

/// <summary>A network of the user's whose features images are compared in: --features and --features-range.</summary>
internal sealed class FeaturesChoice
{
    private const string Option = "--features", RangeOption = "--features-range";

    private readonly Option<string?> _file = Options.Text(Option, "FILE.onnx",
        "Also measure distances in the features of a network, its first output. Its input is a batch of images, bytes or float, "
        + "channels first or last. Where it fixes their size, they are brought to it by linear interpolation.");

    private readonly Option<(double Low, double High)?> _range = Options.Interval(
        RangeOption, "What black and white are for a network with an input of float. [default: 0,1]");

    public IReadOnlyList<Option> All => [_file, _range];

    public Chosen Read(ParseResult result)
    {
        var chosen = new Chosen(result.GetValue(_file), result.GetValue(_range));
        return chosen is { File: null, Range: not null }
            ? throw new MezzotintException($"{RangeOption} is for {Option}: name the file of the network, or leave it out.")
                { Key = RangeOption }
            : chosen;
    }

    /// <summary>What was chosen.</summary>
    internal sealed record Chosen(string? File, (double Low, double High)? Range)
    {
        /// <summary>The range as it is given.</summary>
        public string? Written => Range is { } range
            ? string.Create(CultureInfo.InvariantCulture, $"{range.Low},{range.High}") : null;

        /// <summary>Reads the network; null where none is named.</summary>
        /// <exception cref="MezzotintException">It is no network of images.</exception>
        public OnnxFeatures? Open() => File is null ? null : new OnnxFeatures(File, Range ?? (0, 1));
    }
}
