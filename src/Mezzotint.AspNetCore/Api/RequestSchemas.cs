using System.ComponentModel;
using Microsoft.AspNetCore.Http;

namespace Mezzotint.AspNetCore.Api;

/// <summary>The fields of a request, for the OpenAPI document; <see cref="ImagesRequest"/> reads them one by one, so that errors
/// name them.</summary>
internal record GenerationBody
{
    [Description(
        "What to draw: any words, where the model is asked in words; else a class by its name or number, as \"7\", \"seven\" or "
        + "\"a handwritten 7\".")]
    public required string Prompt { get; init; }

    [Description("The class, in place of the prompt: its name or its number, exactly. A number in JSON is taken too.")]
    public string? Label { get; init; }

    [Description("The model's name; the one that is served may be left out.")]
    public string? Model { get; init; }

    [Description("Images, 1 unless told otherwise.")]
    public int? N { get; init; }

    [Description("auto, the model's size as 28x28, or a whole number of times that.")]
    public string? Size { get; init; }

    [Description("b64_json or url; b64_json unless told otherwise.")]
    public string? ResponseFormat { get; init; }

    [Description("png, jpeg or webp; png unless told otherwise. A png says how it was drawn.")]
    public string? OutputFormat { get; init; }

    [Description("The quality of jpeg and webp, 0 to 100.")]
    public int? OutputCompression { get; init; }

    [Description("Whether the answer is a stream of server-sent events.")]
    public bool? Stream { get; init; }

    [Description("In a stream, whether each estimate has the noisy image beside it that its step started from.")]
    public bool? Noisy { get; init; }

    [Description("In a stream, how many estimates of each image come before it, evenly over its steps.")]
    public int? PartialImages { get; init; }

    [Description("Image i is drawn from seed + i alone; a seed is drawn where none is given, and told in the answer.")]
    public long? Seed { get; init; }

    [Description(
        "Draws a row of n images, from the noise of seed to the noise of this seed, both included, on the great circle between "
        + "them.")]
    public long? InterpolateTo { get; init; }

    [Description(
        "Variations of the image of seed: steps SEED:SHARE with commas between, as 17:0.2,90:0.1, each of which leads the noise "
        + "a share of the way to that of another seed, on the great circle between them. The last seed counts on for further "
        + "images.")]
    public string? Variations { get; init; }

    [Description(
        "Draws a row of n images, from the prompt to this one, all from one seed: of a model that is asked in words.")]
    public string? InterpolateToPrompt { get; init; }

    [Description("What guidance goes away from, in words; nothing unless told otherwise.")]
    public string? NegativePrompt { get; init; }

    [Description(
        "How many of the text encoder's last layers are left out when the prompt is read: of a model that is asked in words.")]
    public int? ClipSkip { get; init; }

    [Description(
        "Whether the prompts have weights, (word:1.3) and [word], and may be longer than the text encoder reads, as in the web "
        + "interface: of a model that is asked in words.")]
    public bool? PromptWeights { get; init; }

    [Description("The sampler's name; the model's own unless told otherwise.")]
    public string? Sampler { get; init; }

    [Description("How the levels of noise are spread.")]
    public string? Levels { get; init; }

    [Description("Steps of the sampler, for most network evaluations an image.")]
    public int? Steps { get; init; }

    [Description("The weight of classifier-free guidance, for models that have learned to draw without a class; 1 is none.")]
    public double? GuidanceScale { get; init; }

    [Description("How much the model's own classifier drives images to their label, for models that have one; 0 is not at all.")]
    public double? ClassifierGuidance { get; init; }
}

/// <summary>The fields of an edit.</summary>
internal sealed record EditBody : GenerationBody
{
    [Description("The picture.")]
    public required IFormFile Image { get; init; }

    [Description("Where to draw anew; without it everywhere, or where the picture is transparent.")]
    public IFormFile? Mask { get; init; }

    [Description(
        "The share of the steps that is walked, above 0 to 1: the more, the less of the picture is left. 0.6 unless told "
        + "otherwise, with a mask 1.")]
    public double? Strength { get; init; }
}
