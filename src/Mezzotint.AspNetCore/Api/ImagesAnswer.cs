using System.Text.Json.Serialization;

namespace Mezzotint.AspNetCore.Api;

/// <summary>The answer to a request for images.</summary>
/// <param name="Created">Seconds since 1970.</param>
/// <param name="Data">The images.</param>
/// <param name="Size">As <c>28x28</c>.</param>
/// <param name="OutputFormat">png, jpeg or webp.</param>
internal sealed record ImagesAnswer(long Created, IReadOnlyList<ImageAnswer> Data, string Size, string OutputFormat);

/// <summary>One image.</summary>
/// <param name="B64Json">The file, in base64.</param>
/// <param name="Url">Where the file is to be had for a while.</param>
/// <param name="RevisedPrompt">The class that the prompt was understood as; of a model that is asked in words, the
/// prompt.</param>
/// <param name="Seed">What the image was drawn from: the same seed, label and options draw it again.</param>
/// <param name="Label">The class's number; none of a model that is asked in words.</param>
internal sealed record ImageAnswer(
    [property: JsonPropertyName("b64_json")] string? B64Json,
    string? Url,
    string? RevisedPrompt,
    long Seed,
    int? Label);

/// <summary>An event of a stream: an estimate, or an image.</summary>
/// <param name="Type">image_generation.partial_image or .completed; image_edit.partial_image or .completed.</param>
/// <param name="B64Json">The file, in base64.</param>
/// <param name="CreatedAt">Seconds since 1970.</param>
/// <param name="Size">As <c>28x28</c>.</param>
/// <param name="OutputFormat">png, jpeg or webp.</param>
/// <param name="PartialImageIndex">Which estimate of its image, from 0; none for the image itself.</param>
/// <param name="ImageIndex">Which image of the request, from 0.</param>
/// <param name="Step">The step that the estimate is from, from 1.</param>
/// <param name="Steps">How many steps there are.</param>
/// <param name="Sigma">The level of noise that the step started from.</param>
/// <param name="Seed">What the image is drawn from.</param>
/// <param name="Label">The class's number; none of a model that is asked in words.</param>
/// <param name="Evaluations">Network evaluations that were counted for the image.</param>
/// <param name="NoisyB64Json">The noisy image that the step started from, where it was asked for.</param>
internal sealed record ImageEvent(
    string Type,
    [property: JsonPropertyName("b64_json")] string B64Json,
    long CreatedAt,
    string Size,
    string OutputFormat,
    int? PartialImageIndex,
    int ImageIndex,
    int Step,
    int Steps,
    double Sigma,
    long Seed,
    int? Label,
    long? Evaluations,
    [property: JsonPropertyName("noisy_b64_json")] string? NoisyB64Json = null);
