using System.CommandLine.Parsing;
using System.CommandLine;
using Mezzotint.Data;
using Mezzotint.Formats;
using Mezzotint.Models;

namespace Mezzotint.Cli.Choices;

/// <summary>How pictures in files become images: --size, --background and --skip-damaged.</summary>
/// <param name="ofModel">Whether a model's own size and background hold where nothing is given.</param>
internal sealed class FolderChoice(bool ofModel = false)
{
    private readonly Option<long> _size = Options.Whole(
        "--size", null, 1, ModelInfo.MaxSide, "Pixels a side to bring the pictures of a folder to",
        Otherwise(ofModel, "as they are"));

    private readonly Option<Background?> _background = new("--background")
    {
        HelpName = "COLOUR",
        Description = "The colour behind what is transparent in a folder's pictures: black, white or #RRGGBB. "
            + $"[default: {Otherwise(ofModel, "black")}]",
        CustomParser = Colour,
    };

    private readonly Option<bool> _skipDamaged = new("--skip-damaged")
    {
        Description = "Leave damaged pictures out, and say how many there are. Without it reading stops at the first.",
    };

    public IReadOnlyList<Option> All => [_size, _background, _skipDamaged];

    public Chosen Read(ParseResult result) => new(
        result.GetValue(_size) is > 0 and var side ? (int)side : null, result.GetValue(_background),
        result.GetValue(_skipDamaged));

    private static string Otherwise(bool ofModel, string fallback) =>
        ofModel ? $"what the model was trained with, else {fallback}" : fallback;

    private static Background? Colour(ArgumentResult result)
    {
        string text = result.Tokens[0].Value;
        if (Background.TryParse(text, out var colour))
            return colour;
        result.AddError($"--background takes {Background.Values}, not '{text}'");
        return null;
    }

    /// <summary>What was chosen; null where nothing was given.</summary>
    internal sealed record Chosen(int? Size, Background? Background, bool SkipDamaged)
    {
        /// <summary>How data are read that are measured beside a model; null where there is none.</summary>
        private Func<ImageSplit, ReadingOptions>? Own { get; init; }

        /// <summary>How a set is to be read.</summary>
        /// <param name="part">Which of its images.</param>
        /// <param name="channels">The channels of a model; null for what the data have.</param>
        /// <param name="settings">The table [data] that holds where nothing was given; null for the model's, if there is
        /// one.</param>
        public ReadingOptions Reading(ImageSplit part, int? channels, DataConfig? settings = null)
        {
            var options = settings?.Reading(part) ?? Own?.Invoke(part) ?? new DataConfig().Reading(part);
            return options with
            {
                Channels = channels ?? options.Channels,
                Frame = PictureFrame.Square(Size) ?? options.Frame,
                Background = Background ?? options.Background,
                SkipDamaged = SkipDamaged || options.SkipDamaged,
            };
        }

        /// <summary>For a data set that is measured beside a model: what was not given is the model's own, as far as it
        /// concerns the data.</summary>
        /// <param name="model">The model.</param>
        /// <param name="data">The name or path of the data.</param>
        public Chosen Or(ModelInfo model, string data) => this with { Own = part => model.Reading(data, part) };

        /// <summary>For images that are measured against a data set: what was given concerns those of the two that are
        /// folders of pictures.</summary>
        /// <param name="images">The path of the images.</param>
        /// <param name="data">The name or path of the data.</param>
        /// <returns>What concerns the data.</returns>
        /// <exception cref="MezzotintException">Something was given, and neither is a folder of pictures.</exception>
        public Chosen Of(string images, string data)
        {
            if (DataSource.IsPictures(data))
                return this;
            if (Given is { } option && !Directory.Exists(images))
                throw new MezzotintException(
                    $"{option} is for the pictures in folders: '{images}' and '{data}' are no such folders. Leave it out.")
                    { Key = option };
            return new(null, null, SkipDamaged);
        }

        private string? Given => Size is not null ? "--size" : Background is not null ? "--background" : null;
    }
}
