using System.CommandLine.Parsing;
using System.CommandLine;
using System.Globalization;
using Mezzotint.Cli.Verbs;
using Mezzotint.Formats;
using Mezzotint.Models;
using Mezzotint.Serving;

namespace Mezzotint.Cli.Choices;

/// <summary>The options that say what drawing begins from instead of fresh noise: <c>--image --strength --mask --resample
/// --invert --from-zero</c>, or <c>--interpolate</c>.</summary>
internal sealed class PictureChoice
{
    private readonly Option<string?> _image =
        Options.Text("--image", "FILE", "Begin from a picture of the model's size instead of noise (MNIST: white on black).");
    private readonly Option<double?> _strength = Options.Real(
        "--strength",
        "With --image, the share of the steps to take: above 0, up to 1 (nothing of the picture is left). [default: 0.6, with "
        + "--mask 1]");
    private readonly Option<string?> _mask = Options.Text(
        "--mask", "FILE",
        "With --image, draw anew only where this picture is white, or transparent where it has transparency; the rest stays as "
        + "it is.");
    private readonly Option<long> _resample = Options.Whole(
        "--resample", 1, 1, 1000, "With --mask, how often each step is walked: more makes the new part agree with the rest");
    private readonly Option<string?> _invert = Options.Text(
        "--invert", "LABEL|TEXT",
        "With --image, begin from the picture's own noise, computed as that of an image of this label or prompt. The same label "
        + "or prompt gives the picture back; another one keeps its place, slant and stroke.");
    private readonly Option<bool> _fromZero = new("--from-zero")
    {
        Description = "With --invert or --interpolate FILE, take the picture for clean, at level 0, as other programs' DDIM "
            + "inversion does; else it counts as a picture with the noise of the least level, and comes back more exactly.",
    };
    private readonly Option<string?> _interpolate = Options.Text(
        "--interpolate", "N|TEXT|FILE",
        "Draw a row of images, from the noise of --seed to that of this seed; or, of a model that is asked in words, from the "
        + "prompt to this one. With --image, from that picture to the one in this file; --label then says what they show (3, or "
        + "3,5), or one prompt or two.");

    public IEnumerable<Option> All => [_image, _strength, _mask, _resample, _invert, _fromZero, _interpolate];

    public Chosen Read(ParseResult result) => new(
        result.GetValue(_image), result.GetValue(_strength), result.GetValue(_mask), (int)result.GetValue(_resample),
        result.GetValue(_invert), result.GetValue(_interpolate)) { FromZero = result.GetValue(_fromZero) };

    internal sealed record Chosen(
        string? Image, double? Strength, string? Mask, int Resample, string? Invert, string? Interpolate)
    {
        /// <summary>Whether pictures that are walked up count as clean.</summary>
        public bool FromZero { get; init; }

        private bool ToSeed => Interpolate is not null && Interpolate.All(char.IsAsciiDigit);

        /// <summary>Whether pictures are walked up to their own noise: <see cref="SampleInverted"/>.</summary>
        public bool Inverts => Invert is not null || Image is not null && Interpolate is not null && !ToSeed;

        /// <summary>The picture to begin from and the one to end with, if there is one.</summary>
        /// <exception cref="MezzotintException">The options contradict each other, or a picture cannot be used.</exception>
        public (ImageBatch First, ImageBatch? Last) Pictures(ModelInfo model)
        {
            if (Image is null)
                throw new MezzotintException("--invert finds the noise of a picture: name it with --image FILE.");
            if (Invert is not null && Interpolate is not null)
                throw new MezzotintException(
                    "--interpolate inverts its pictures as what --label or the prompts say they show: leave --invert out.");
            if (Strength is not null || Mask is not null || Resample > 1)
                throw new MezzotintException(
                    "--strength, --mask and --resample begin from a picture with fresh noise on it, not from its own: leave them "
                    + "out.");
            return (
                Fitting("--image", Image, model.Channels, model),
                Interpolate is null ? null : Fitting("--interpolate", Interpolate, model.Channels, model));
        }

        /// <summary>The same options, from this picture or between these seeds.</summary>
        /// <exception cref="MezzotintException">The options contradict each other, or a picture cannot be used.</exception>
        public GenerationOptions Into(GenerationOptions options, ModelInfo model)
        {
            if (FromZero)
                throw new MezzotintException(
                    "--from-zero says where a picture's way to its noise begins: add --invert, or --interpolate FILE.");
            if (Image is null && (Strength is not null || Mask is not null || Resample > 1))
                throw new MezzotintException(
                    "--strength, --mask and --resample say what to do with a picture: name it with --image FILE.");
            if (Image is not null && Interpolate is not null)
                throw new MezzotintException(
                    "--interpolate SEED walks between two noises, --image begins from a picture: choose one of them, or name a "
                    + "second picture with --interpolate FILE.");
            if (Resample > 1 && Mask is null)
                throw new MezzotintException("--resample needs a --mask: without one there is nothing to agree with.");
            if (Strength is { } strength && !(strength > 0 && strength <= 1))
                throw new MezzotintException(
                    string.Create(CultureInfo.InvariantCulture, $"--strength {strength}: it is above 0 and at most 1."));
            bool toPrompt = model.IsAskedInWords && Interpolate is not null && !ToSeed;
            long? end = Interpolate is null || toPrompt ? null
                : long.TryParse(Interpolate, NumberStyles.None, CultureInfo.InvariantCulture, out long seed)
                    && seed <= Options.LargestSeed ? seed
                : throw new MezzotintException(
                    $"--interpolate takes a seed, a whole number from 0 to {Options.LargestSeed}, not '{Interpolate}'; two "
                    + $"pictures are --image FILE --interpolate FILE.");
            return Image is null
                ? options with { InterpolateTo = end, InterpolateToPrompt = toPrompt ? Interpolate : null } : options with
            {
                Source = new SourceImage
                {
                    Image = Fitting("--image", Image, model.Channels, model),
                    Strength = Strength ?? (Mask is null ? 0.6 : 1),
                    Mask = Mask is null ? null : Fitting("--mask", Mask, 1, model),
                    Resampling = Resample,
                },
            };
        }

        private static ImageBatch Fitting(string option, string path, int channels, ModelInfo model)
        {
            // A model whose pictures were brought to a size takes any picture, by the same rule.
            var image = option == "--mask"
                ? PngFile.ReadMask(path, model.Size)
                : PngFile.Read(path, channels: channels == 1 ? 1 : null, size: model.Size);
            return image.Channels == channels && image.Height == model.Height && image.Width == model.Width ? image
                : throw new MezzotintException(
                    $"{option} '{path}' is {image.Width} x {image.Height}{(image.Channels == channels ? "" : ", grey")}; this "
                    + $"model needs {model.Width} x {model.Height}{(channels == 1 ? "" : ", in colour")}. Bring it to that size "
                    + $"first.") { Key = option };
        }
    }
}
