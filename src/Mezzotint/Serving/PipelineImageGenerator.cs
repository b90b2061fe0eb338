using Mezzotint.Text;

// IImageGenerator is marked as experimental; this is the one file of the library that touches it.
#pragma warning disable MEAI001
using System.Globalization;
using Mezzotint.Formats;
using Mezzotint.Models;
using Microsoft.Extensions.AI;

namespace Mezzotint.Serving;

/// <summary>A pipeline behind the interface that .NET programs know image generators by.</summary>
public static class ImageGeneratorExtensions
{
    /// <summary>
    /// The pipeline as an image generator of Microsoft.Extensions.AI, for <c>ImageGeneratorBuilder</c> and whatever else takes
    /// one. Disposing it leaves the pipeline alone.
    /// </summary>
    /// <remarks>
    /// <para>Prompts are any words where the model is asked in words, else understood by the rule of <see cref="PromptLabels"/>.
    /// Count, ImageSize (the model's, or a whole number
    /// of times that) and MediaType (PNG, JPEG or WebP) are heeded. AdditionalProperties may hold seed, sampler, levels, steps,
    /// guidance_scale, negative_prompt, strength and mask (a <see cref="DataContent"/> or bytes); a RawRepresentationFactory may
    /// return
    /// <see cref="GenerationOptions"/>. One original image means drawing from it: see <see cref="PictureFitting"/>.</para>
    /// <para>Each content has seed and label among its AdditionalProperties; the response's RawRepresentation is the
    /// <see cref="GeneratedImages"/>.</para>
    /// </remarks>
    /// <param name="pipeline">The pipeline; it stays the caller's.</param>
    public static IImageGenerator AsImageGenerator(this DiffusionPipeline pipeline)
    {
        ArgumentNullException.ThrowIfNull(pipeline);
        return new PipelineImageGenerator(pipeline);
    }
}

internal sealed class PipelineImageGenerator(DiffusionPipeline pipeline) : IImageGenerator
{
    private const int Quality = 95;

    private readonly ImageGeneratorMetadata _metadata = new("mezzotint", defaultModelId: pipeline.Name);

    public async Task<ImageGenerationResponse> GenerateAsync(
        ImageGenerationRequest request, ImageGenerationOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(request);
        if (options?.ModelId is { } asked && asked != pipeline.Name)
            throw new InvalidRequestException(
                $"There is no model {Printable.Quote(asked)} here; this generator draws with '{pipeline.Name}'.")
                { Key = "ModelId" };
        if (options?.ResponseFormat is ImageGenerationResponseFormat.Uri or ImageGenerationResponseFormat.Hosted)
            throw new NotSupportedException(
                "A local generator has no place on the net to put images at: ask for ImageGenerationResponseFormat.Data.");
        string mediaType = options?.MediaType ?? "image/png";
        var format = Format(mediaType);
        var (model, scale) = Sized(options?.ImageSize);
        if (request.Prompt is not { } prompt)
            throw new InvalidRequestException(
                "A prompt is missing: it says what the model shall draw, also where it begins from an image.")
                { Key = "prompt" };

        var images = await pipeline.GenerateAsync(prompt, Options(request, options, model), cancellationToken)
            .ConfigureAwait(false);
        return new ImageGenerationResponse([.. Enumerable.Range(0, images.Count).Select(i => (AIContent)new DataContent(
            format == PictureFormat.Png ? images.ToPng(i, scale) : PngFile.Encode(images.Images.Slice(i), scale, format, Quality),
            mediaType)
        {
            AdditionalProperties = images.Receipt.Prompts is null
                ? new() { ["seed"] = images.Receipt.Of(i).Seed, ["label"] = images.Labels[i] }
                : new() { ["seed"] = images.Receipt.Of(i).Seed, ["prompt"] = prompt },
        })])
        { RawRepresentation = images };
    }

    public object? GetService(Type serviceType, object? serviceKey = null)
    {
        ArgumentNullException.ThrowIfNull(serviceType);
        return serviceKey is not null ? null
            : serviceType == typeof(ImageGeneratorMetadata) ? _metadata
            : serviceType == typeof(DiffusionPipeline) ? pipeline
            : serviceType.IsInstanceOfType(this) ? this
            : null;
    }

    public void Dispose()
    {
        // The pipeline is its owner's.
    }

    private GenerationOptions Options(ImageGenerationRequest request, ImageGenerationOptions? options, ModelInfo model)
    {
        var extra = options?.AdditionalProperties;
        var chosen = options?.RawRepresentationFactory?.Invoke(this) as GenerationOptions ?? new GenerationOptions();
        chosen = chosen with
        {
            Count = options?.Count ?? chosen.Count,
            Seed = Number(extra, "seed") is { } seed ? (long)seed : chosen.Seed,
            Sampler = extra?.GetValueOrDefault("sampler")?.ToString() ?? chosen.Sampler,
            Levels = extra?.GetValueOrDefault("levels")?.ToString() ?? chosen.Levels,
            Steps = Number(extra, "steps") is { } steps ? (int)steps : chosen.Steps,
            GuidanceScale = Number(extra, "guidance_scale") ?? chosen.GuidanceScale,
            ClassifierScale = Number(extra, "classifier_guidance") ?? chosen.ClassifierScale,
            ClipSkip = Number(extra, "clip_skip") is { } skip ? (int)skip : chosen.ClipSkip,
            PromptWeights = extra?.GetValueOrDefault("prompt_weights") is true || chosen.PromptWeights,
            Size = ReferenceEquals(model, pipeline.Model) ? chosen.Size : (model.Width, model.Height),
            NegativePrompt = extra?.GetValueOrDefault("negative_prompt")?.ToString() ?? chosen.NegativePrompt,
        };
        var originals = request.OriginalImages?.ToList() ?? [];
        if (originals.Count == 0)
            return chosen;
        if (originals.Count > 1)
            throw new InvalidRequestException(
                $"{originals.Count} original images: one can be begun from. A mask goes into AdditionalProperties[\"mask\"].")
                { Key = "OriginalImages" };
        return chosen with { Source = PictureFitting.Source(
            Bytes(originals[0], "The original image", "image"),
            extra?.GetValueOrDefault("mask") is { } mask ? Bytes(mask, "The mask", "mask") : null, Number(extra, "strength"),
            model) };
    }

    private static byte[] Bytes(object content, string what, string key) => content switch
    {
        DataContent data => data.Data.ToArray(),
        byte[] bytes => bytes,
        ReadOnlyMemory<byte> memory => memory.ToArray(),
        _ => throw new InvalidRequestException(
            $"{what} is {content.GetType().Name}: give its bytes, as a DataContent. Nothing is fetched from elsewhere.")
            { Key = key },
    };

    private static double? Number(AdditionalPropertiesDictionary? extra, string name)
    {
        if (extra?.GetValueOrDefault(name) is not { } value)
            return null;
        string text = Convert.ToString(value, CultureInfo.InvariantCulture) ?? "";
        // Digits, a sign, a point, an exponent: no blanks. The ranges are checked where the numbers are used.
        const NumberStyles Styles = NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint | NumberStyles.AllowExponent;
        bool read = double.TryParse(text, Styles, CultureInfo.InvariantCulture, out double number) && double.IsFinite(number);
        long most = name switch { "seed" => uint.MaxValue, "steps" => int.MaxValue, _ => 0 };
        return read && (most == 0 || double.IsInteger(number) && Math.Abs(number) <= most)
            ? number
            : throw new InvalidRequestException(
                $"{name} is {Printable.Quote(text)}: it must be a {(most == 0 ? "" : "whole ")}number.") { Key = name };
    }

    private static PictureFormat Format(string mediaType) => mediaType switch
    {
        "image/png" => PictureFormat.Png,
        "image/jpeg" => PictureFormat.Jpeg,
        "image/webp" => PictureFormat.Webp,
        _ => throw new InvalidRequestException(
            $"Images of the type {Printable.Quote(mediaType)} are not written; image/png, image/jpeg and image/webp are.")
            { Key = "MediaType" },
    };

    private (ModelInfo Model, int Scale) Sized(System.Drawing.Size? size)
    {
        try
        {
            return size is { } wanted ? RequestedSize.Of(pipeline.Model, wanted.Width, wanted.Height) : (pipeline.Model, 1);
        }
        catch (MezzotintException wrong)
        {
            throw new InvalidRequestException(wrong.Message, wrong) { Key = "ImageSize" };
        }
    }
}
