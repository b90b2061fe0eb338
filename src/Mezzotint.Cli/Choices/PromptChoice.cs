using System.CommandLine;
using System.CommandLine.Parsing;

namespace Mezzotint.Cli.Choices;

/// <summary>How a model that is asked in words is measured: --judge, --aspect, --each and --out.</summary>
internal sealed class PromptChoice
{
    private const int MostEach = 100;

    private readonly Option<string?> _judge = Options.Text("--judge", "FOLDER",
        "For a model that is asked in words: a text-image model that says what its images show, which had no part in its "
        + "training.");

    private readonly Option<string[]> _aspects = Options.Names(AspectList.Option, "NAME=PATTERN",
        "Something that captions ask for and that is looked for by itself, as a caption pattern over the metadata: "
        + "style={style}. May be given several times.");

    private readonly Option<long> _each = Options.Whole("--each", 4, 0, MostEach,
        "Images of each of a few prompts, whose distance is the diversity of a prompt; less than 2 leaves it out");

    private readonly Option<string?> _out = Options.Text("--out", "FILE",
        "A PNG file: the images that fit their captions least, each right of the real picture. Of a model that is not asked in "
        + "words: an .npz file of the images that were drawn, as other evaluators read them.");

    /// <summary>What is for such models alone.</summary>
    public IReadOnlyList<Option> OfWords => [_judge, _aspects, _each];

    public IReadOnlyList<Option> All => [_judge, _aspects, _each, _out];

    public Chosen Read(ParseResult result) => new(
        result.GetValue(_judge), result.GetValue(_aspects) ?? [], (int)result.GetValue(_each), result.GetValue(_out));

    /// <summary>What was chosen.</summary>
    internal sealed record Chosen(string? Judge, IReadOnlyList<string> Aspects, int Each, string? Out)
    {
        /// <summary>Finds out before the work whether the sheet can be written.</summary>
        /// <exception cref="MezzotintException">Its name is wrong.</exception>
        public void CheckOut()
        {
            if (Out is { } file && !file.EndsWith(".png", StringComparison.OrdinalIgnoreCase))
                throw new MezzotintException($"--out '{file}': the sheet is a PNG file, so its name must end in .png.")
                    { Key = "--out" };
            if (Out is { } path && Path.GetDirectoryName(Path.GetFullPath(path)) is { } parent && !Directory.Exists(parent))
                throw new MezzotintException($"--out '{path}': there is no folder '{parent}', make it first.") { Key = "--out" };
        }
    }
}
